/** Subscribers at a pace against a model: who follows what changes all the time, and no event is lost or counted twice. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ALL_TYPES, typeBits } from '../../../src/wire/events.ts';
import { runs } from '../../support/runs.ts';
import { type FakeSocket, FakeThread } from './fake-thread.ts';

const DEVICES = 4;
const QUERIES = [
  '&every=1000',
  '&every=1000&batch=true',
  '&every=1000&batch=true',
  '&every=300&batch=true',
] as const;

interface Told {
  readonly op: string;
  readonly device: string;
  readonly seq: number;
  readonly conflated?: number;
}

/** What one subscriber has of a device that it follows. */
interface Had {
  /** The seq that it had heard of when it joined. */
  readonly since: number;
  /** Numbers of events that it got, or that one that it got has replaced. */
  readonly seqs: Set<number>;
  /** Of the event that it got last. All are of one type. */
  newest: number;
}

/** What one subscriber should have, by device. */
class Books {
  readonly socket: FakeSocket;
  readonly #had = new Map<number, Had>();

  constructor(socket: FakeSocket) {
    this.socket = socket;
  }

  follows(device: number): boolean {
    return this.#had.has(device);
  }

  joined(device: number, since: number): void {
    this.#had.set(device, { since, seqs: new Set(), newest: since });
  }

  left(device: number): void {
    this.#had.delete(device);
  }

  /** Each event names how many it replaced: no number comes twice, and none after a later one. */
  check(): void {
    for (const frame of this.socket.frames.splice(0) as unknown as (Told & { events?: Told[] })[]) {
      for (const event of frame.op === 'batch' ? frame.events! : [frame]) {
        if (event.op !== 'event') continue;
        const had = this.#had.get(Number(event.device.slice(1)))!;
        const { since, seqs, newest } = had;
        expect(event.seq).toBeGreaterThan(newest);
        had.newest = event.seq;
        for (let seq = event.seq - (event.conflated ?? 0); seq <= event.seq; seq++) {
          expect([seq, seq > since, seqs.has(seq)]).toEqual([seq, true, false]);
          seqs.add(seq);
        }
      }
    }
  }

  /** All up to the device's newest has come, or was replaced. */
  expectAll(device: number, seq: number): void {
    const had = this.#had.get(device);
    if (had !== undefined) expect(had.seqs.size).toBe(seq - had.since);
  }
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('event' as const),
      device: fc.nat(DEVICES - 1),
      high: fc.nat(9),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('toggle' as const),
      device: fc.nat(DEVICES - 1),
      who: fc.nat(3),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 700 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('poll' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('types' as const),
      device: fc.nat(DEVICES - 1),
      who: fc.nat(3),
      types: fc.constantFrom(ALL_TYPES, typeBits.message, typeBits.message | typeBits.pong),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('vip' as const), who: fc.nat(3), vip: fc.boolean() }),
  },
);

it('get the newest of what they follow, and how many it replaced, whoever joins and leaves', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }), (steps) => {
      const thread = new FakeThread({ sendQueueBytes: 1e9, sendQueueMaxBytes: 1e9 });
      const all = QUERIES.map((query) => new Books(thread.subscriber([], { query })));
      const pass = (ms: number): void => {
        thread.poll();
        thread.clock.advance(ms);
        thread.edge.deliverer.paces.tick();
      };
      for (const one of steps) {
        if (one.kind === 'event') thread.event(one.device, one.high === 0 ? 'high' : 'normal');
        else if (one.kind === 'pass') pass(one.ms);
        else if (one.kind === 'poll') thread.poll();
        else if (one.kind === 'vip') thread.setVip(all[one.who]!.socket, one.vip);
        else if (one.kind === 'types') {
          const books = all[one.who]!;
          if (books.follows(one.device)) thread.attach(books.socket, one.device, undefined, one.types);
        } else {
          const books = all[one.who]!;
          const seq = thread.seq(one.device);
          if (books.follows(one.device)) {
            thread.detach(books.socket, one.device);
            thread.poll();
            books.check();
            books.left(one.device);
          } else {
            thread.poll();
            thread.attach(books.socket, one.device);
            books.joined(one.device, seq);
          }
        }
        for (const books of all) books.check();
      }
      for (let n = 0; n < 100; n++) pass(20);
      for (const books of all) {
        books.check();
        for (let device = 0; device < DEVICES; device++) books.expectAll(device, thread.seq(device));
      }
    }),
    { numRuns: runs(60) },
  );
});
