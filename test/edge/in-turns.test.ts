/** The turns of the event loop are played by the test. */
import { describe, expect, it } from 'vitest';
import {
  eachInTurns,
  FRAMES_AT_ONCE,
  FRAMES_PER_TURN,
  type IsFlood,
  inTurns,
  streamsInTurns,
  WAITING_BYTES_MAX,
} from '../../src/edge/in-turns.ts';
import type { Connection, ListenerHandlers } from '../../src/transport/transport.ts';

type Peer = Connection<string>;

const peer = (name: string): Peer => ({ session: name, cork: (body: () => void) => body() }) as Peer;

class Bench {
  /** What the handlers were given, in order: the peer with its text, or with the code of its end. */
  readonly taken: string[] = [];
  /** The frames of gateways wait. */
  isHeld = false;
  /** Bytes that the transport uses again for each frame. */
  readonly #bytes = Buffer.alloc(64 * 1024);
  readonly #later: (() => void)[] = [];
  readonly #handlers: ListenerHandlers<string>;

  /** @param isFlood of peers that each have their own first frames; absent: gateways */
  constructor(onFrame: (connection: Peer) => void = () => {}, isFlood?: IsFlood<string>) {
    const inner = {
      message: (connection: Peer, bytes: Uint8Array, binary: boolean) => {
        this.taken.push(`${connection.session} ${Buffer.from(bytes).toString()}${binary ? ' binary' : ''}`);
        onFrame(connection);
      },
      close: (connection: Peer, code: number) => void this.taken.push(`${connection.session} closed ${code}`),
    } as unknown as ListenerHandlers<string>;
    const route = { path: '/', frameBytesMax: 1, queueBytesMax: 1, handlers: inner };
    const put = (work: () => void): void => void this.#later.push(work);
    const pauses = { soon: put, later: put };
    this.#handlers = (
      isFlood === undefined ? inTurns(route, () => this.isHeld, pauses) : eachInTurns(route, isFlood, pauses)
    ).handlers;
  }

  say(connection: Peer, text: string, binary = false): void {
    const length = this.#bytes.write(text);
    this.#handlers.message(connection, this.#bytes.subarray(0, length), binary);
  }

  sayMany(connection: Peer, count: number, from = 0): void {
    for (let n = from; n < from + count; n++) this.say(connection, String(n));
  }

  end(connection: Peer, code: number): void {
    this.#handlers.close(connection, code);
  }

  /** Runs the turn that was asked for. @returns the frames taken in it; -1: none was asked for */
  turn(): number {
    const before = this.taken.length;
    const works = this.#later.splice(0);
    if (works.length > 1) throw new Error(`${works.length} turns were asked for at once`);
    for (const work of works) work();
    return works.length === 0 ? -1 : this.taken.length - before;
  }
}

const numbered = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${name} ${n}`);

describe('the frames of a gateway', () => {
  it('are taken as they come when they are few', () => {
    const bench = new Bench();
    bench.sayMany(peer('a'), 10);
    expect(bench.taken).toEqual(numbered('a', 10));
    expect(bench.turn()).toBe(-1);
  });

  it('are taken a bounded number in a turn, in order, when they are many', () => {
    const bench = new Bench();
    bench.sayMany(peer('a'), 10_000);
    expect(bench.taken).toHaveLength(FRAMES_PER_TURN);
    const turns: number[] = [];
    for (let taken = bench.turn(); taken >= 0; taken = bench.turn()) turns.push(taken);
    expect(Math.max(...turns)).toBe(FRAMES_PER_TURN);
    expect(bench.taken).toEqual(numbered('a', 10_000));
  });

  it('do not overtake those that wait, in whatever turn they come', () => {
    const bench = new Bench();
    const a = peer('a');
    bench.sayMany(a, 600);
    bench.turn();
    bench.sayMany(a, 600, 600);
    while (bench.turn() >= 0) {}
    expect(bench.taken).toEqual(numbered('a', 1200));
  });

  it('do not hold up those of another for all of theirs', () => {
    const bench = new Bench();
    bench.sayMany(peer('a'), 10_000);
    bench.say(peer('b'), 'hello', true);
    bench.turn();
    expect(bench.taken).toContain('b hello binary');
    expect(bench.taken.length).toBeLessThanOrEqual(2 * FRAMES_PER_TURN);
  });

  it('count when its connection ends before they were taken; the end comes last', () => {
    const bench = new Bench();
    const a = peer('a');
    bench.sayMany(a, 300);
    bench.end(a, 1000);
    while (bench.turn() >= 0) {}
    expect(bench.taken).toEqual([...numbered('a', 300), 'a closed 1000']);
    bench.end(peer('b'), 1006);
    expect(bench.taken.at(-1)).toBe('b closed 1006');
  });

  it('that are more than may wait are taken at once, the oldest first', () => {
    const bench = new Bench();
    const text = 'x'.repeat(32 * 1024);
    const fit = Math.floor(WAITING_BYTES_MAX / text.length);
    const a = peer('a');
    bench.sayMany(a, FRAMES_PER_TURN);
    for (let n = 0; n < 2 * fit; n++) bench.say(a, text);
    const taken = bench.taken.length - FRAMES_PER_TURN;
    expect(taken).toBeGreaterThanOrEqual(fit);
    while (bench.turn() >= 0) {}
    expect(bench.taken).toHaveLength(FRAMES_PER_TURN + 2 * fit);
  });

  it('may end the connection from within', () => {
    const bench: Bench = new Bench((connection) => {
      if (bench.taken.length === FRAMES_PER_TURN + 1) bench.end(connection, 4101);
    });
    bench.sayMany(peer('a'), 400);
    while (bench.turn() >= 0) {}
    expect(bench.taken.at(-1)).toBe('a closed 4101');
    expect(bench.taken).toHaveLength(401);
  });
});

describe('the frames of a peer that is no gateway', () => {
  const bounded = (isFlood: IsFlood<string> = () => false): Bench => new Bench(() => {}, isFlood);

  it('are taken as they come, of however many peers', () => {
    const bench = bounded();
    for (let n = 0; n < 1000; n++) bench.sayMany(peer(`p${n}`), 2);
    expect(bench.taken).toHaveLength(2000);
  });

  it('wait for later turns when one peer says many in a row', () => {
    const bench = bounded();
    bench.sayMany(peer('a'), 1000);
    expect(bench.taken).toHaveLength(FRAMES_AT_ONCE);
    bench.say(peer('b'), 'hello');
    expect(bench.taken.at(-1)).toBe('b hello');
    const turns: number[] = [];
    for (let taken = bench.turn(); taken >= 0; taken = bench.turn()) turns.push(taken);
    expect(Math.max(...turns)).toBeLessThanOrEqual(FRAMES_PER_TURN);
    expect(bench.taken.filter((one) => one.startsWith('a '))).toEqual(numbered('a', 1000));
  });

  it('are counted anew in each turn', () => {
    const bench = bounded();
    const a = peer('a');
    for (let n = 0; n < 10; n++) {
      bench.sayMany(a, FRAMES_AT_ONCE / 2, n * (FRAMES_AT_ONCE / 2));
      bench.turn();
    }
    expect(bench.taken).toEqual(numbered('a', 5 * FRAMES_AT_ONCE));
  });

  it('count by their length: of long ones few are taken in a turn', () => {
    const bench = bounded();
    const text = 'x'.repeat(15 * 1024);
    for (let n = 0; n < 40; n++) bench.say(peer('long'), text);
    const long = peer('a');
    for (let n = 0; n < 40; n++) bench.say(long, text);
    const taken = bench.taken.filter((one) => one.startsWith('a ')).length;
    expect(taken).toBeLessThanOrEqual(FRAMES_AT_ONCE / 15 + 1);
    while (bench.turn() >= 0) {}
    expect(bench.taken).toHaveLength(80);
  });

  it('are not looked at any more when they are a flood, and its end is told at once', () => {
    const asked: number[] = [];
    const bench = bounded((_, waiting) => asked.push(waiting) > 2);
    const a = peer('a');
    bench.sayMany(a, 10_000);
    expect(asked).toEqual([256, 512, 768]);
    expect(bench.taken).toHaveLength(FRAMES_AT_ONCE);
    expect(bench.turn()).toBe(0);
    bench.end(a, 4101);
    expect(bench.taken.at(-1)).toBe('a closed 4101');
    expect(bench.turn()).toBe(-1);
  });
});

describe('the frames of gateways that are held', () => {
  it('wait, and are taken in order when they are held no more', () => {
    const bench = new Bench();
    bench.isHeld = true;
    bench.sayMany(peer('a'), 3);
    expect([bench.turn(), bench.turn()]).toEqual([0, 0]);
    expect(bench.taken).toEqual([]);
    bench.isHeld = false;
    bench.say(peer('b'), 'x');
    expect(bench.taken).toEqual(['b x']);
    expect(bench.turn()).toBe(3);
    expect(bench.taken).toEqual(['b x', ...numbered('a', 3)]);
    expect(bench.turn()).toBe(-1);
  });

  it('do not wait beyond the memory that there is for them', () => {
    const bench = new Bench();
    bench.isHeld = true;
    const frame = 'x'.repeat(32 * 1024);
    const connection = peer('a');
    const frames = Math.ceil(WAITING_BYTES_MAX / frame.length);
    for (let n = 0; n < frames + 10; n++) bench.say(connection, frame);
    expect(bench.taken.length).toBeGreaterThanOrEqual(10);
    expect(bench.taken.length).toBeLessThanOrEqual(12);
  });
});

describe('the stream of an MQTT gateway', () => {
  /** What the handlers were given, by peer. */
  function streams() {
    const taken = new Map<string, Buffer[]>();
    const later: (() => void)[] = [];
    const ends: string[] = [];
    const inner = {
      message: ({ session }: Peer, bytes: Uint8Array) =>
        void taken.set(session, [...(taken.get(session) ?? []), Buffer.from(bytes)]),
      close: ({ session }: Peer) => void ends.push(session),
    } as unknown as ListenerHandlers<string>;
    const handlers = streamsInTurns(
      inner,
      (session) => session.startsWith('gateway'),
      () => false,
      { soon: (work) => void later.push(work), later: () => {} },
    );
    const bytesOf = (name: string): Buffer => Buffer.concat(taken.get(name) ?? []);
    return { handlers, later, ends, bytesOf, piecesOf: (name: string) => taken.get(name) ?? [] };
  }

  it('is taken piece by piece over several turns, whole and in order, and its end comes last', () => {
    const { handlers, later, ends, bytesOf } = streams();
    const said = Buffer.from(Array.from({ length: 64 * 1024 }, (_, n) => n % 251));
    const gateway = peer('gateway');
    handlers.message(gateway, said, true);
    handlers.close(gateway, 1006);
    expect(bytesOf('gateway').length).toBeLessThan(said.length / 2);
    expect(ends).toEqual([]);
    let turns = 0;
    for (let work = later.shift(); work !== undefined; work = later.shift()) {
      turns += 1;
      work();
    }
    expect(turns).toBeGreaterThan(2);
    expect(bytesOf('gateway').equals(said)).toBe(true);
    expect(ends).toEqual(['gateway']);
  });

  it('does not hold up a client that is no gateway', () => {
    const { handlers, piecesOf } = streams();
    handlers.message(peer('gateway'), Buffer.alloc(64 * 1024), true);
    handlers.message(peer('client'), Buffer.alloc(2000), true);
    expect(piecesOf('client')).toEqual([Buffer.alloc(2000)]);
  });

  it('is cut for other clients too, whole and in order', () => {
    const { handlers, later, bytesOf } = streams();
    const said = Buffer.from(Array.from({ length: 64 * 1024 }, (_, n) => n % 251));
    handlers.message(peer('client'), said, true);
    expect(bytesOf('client').length).toBeLessThan(said.length / 8);
    for (let work = later.shift(); work !== undefined; work = later.shift()) work();
    expect(bytesOf('client').equals(said)).toBe(true);
  });
});
