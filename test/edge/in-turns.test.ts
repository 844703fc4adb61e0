/** The turns of the event loop are played by the test. */
import { describe, expect, it } from 'vitest';
import { FRAMES_PER_TURN, inTurns, streamsInTurns, WAITING_BYTES_MAX } from '../../src/edge/in-turns.ts';
import type { Connection, ListenerHandlers } from '../../src/transport/transport.ts';

type Peer = Connection<string>;

const peer = (name: string): Peer => ({ session: name }) as Peer;

class Bench {
  /** What the handlers were given, in order: the peer with its text, or with the code of its end. */
  readonly taken: string[] = [];
  /** Bytes that the transport uses again for each frame. */
  readonly #bytes = Buffer.alloc(64 * 1024);
  readonly #later: (() => void)[] = [];
  readonly #handlers: ListenerHandlers<string>;

  constructor(onFrame: (connection: Peer) => void = () => {}) {
    const inner = {
      message: (connection: Peer, bytes: Uint8Array, binary: boolean) => {
        this.taken.push(`${connection.session} ${Buffer.from(bytes).toString()}${binary ? ' binary' : ''}`);
        onFrame(connection);
      },
      close: (connection: Peer, code: number) => void this.taken.push(`${connection.session} closed ${code}`),
    } as unknown as ListenerHandlers<string>;
    const route = { path: '/', frameBytesMax: 1, queueBytesMax: 1, handlers: inner };
    this.#handlers = inTurns(route, (work) => void this.#later.push(work)).handlers;
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
      (work) => void later.push(work),
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
    const { handlers, bytesOf, piecesOf } = streams();
    handlers.message(peer('gateway'), Buffer.alloc(64 * 1024), true);
    handlers.message(peer('client'), Buffer.alloc(64 * 1024), true);
    expect(bytesOf('client')).toHaveLength(64 * 1024);
    expect(piecesOf('client')).toHaveLength(1);
  });
});
