import { describe, expect, it } from 'vitest';
import { RequestQueue } from '../../../src/edge/deliver/request-queue.ts';
import { NAMES_PER_SUBSCRIPTION, WaitingNames } from '../../../src/edge/deliver/waiting-names.ts';
import { Counter, Counters, createCounters } from '../../../src/memory/counters.ts';
import { ALL_TYPES, type StreamPosition } from '../../../src/wire/events.ts';
import { NO_PAST } from '../../../src/wire/subscriber-ops.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { Peer } from './past-harness.ts';

const SUBSCRIPTIONS_MAX = 50;
const NAMES_MAX = NAMES_PER_SUBSCRIPTION * SUBSCRIPTIONS_MAX;
const position: StreamPosition = { epoch: 'e', seq: 1 };

class Bench {
  readonly clock = new FakeClock();
  readonly counters = new Counters(createCounters());
  readonly closed: string[] = [];
  readonly names = new WaitingNames({
    clock: this.clock,
    counters: this.counters,
    subscriptionsMax: SUBSCRIPTIONS_MAX,
    soon: (work) => void this.#work.push(work),
  });
  readonly #work: (() => void)[] = [];
  #peers = 0;

  /** A peer that has given so many positions. */
  peer(positions: number): Peer['session'] {
    const { session } = new Peer(++this.#peers);
    session.close = ({ code }) => {
      session.closing = true;
      this.closed.push(`${session.id} ${code}`);
    };
    if (positions > 0) this.names.note(session, positionsOf(positions));
    return session;
  }

  /** What was put off is done. */
  settle(): void {
    for (const work of this.#work.splice(0)) work();
  }

  get relieved(): number {
    return this.counters.cells[Counter.closedOverBudget]!;
  }
}

const positionsOf = (count: number): Map<string, StreamPosition> =>
  new Map(Array.from({ length: count }, (_, n) => [`d-${n}`, position]));

describe('what waits', () => {
  it('is what the requests of a peer name, with their positions, and positions without a request', () => {
    const bench = new Bench();
    const session = bench.peer(3);
    const queue = new RequestQueue();
    const named = { devices: ['a', 'b'], filters: ['c*'], malformed: ['?'] };
    const ask = { op: 'subscribe', id: '', number: 1, work: 0, types: ALL_TYPES } as const;
    const past = { ...NO_PAST, since: positionsOf(5) };
    const pending = { ...ask, named, past, isPaged: false, isDeferred: false };
    queue.inFlight.push(pending);
    queue.waiting.push({ ...pending, named: undefined, past: NO_PAST }, { ...pending, past: NO_PAST });
    queue.pasts = new Map([['c*', { past: { ...NO_PAST, since: positionsOf(7) }, types: ALL_TYPES }]]);
    session.requests = queue;
    bench.names.look(session);
    expect(bench.names.total).toBe(3 + (4 + 5) + 4 + 7);
    queue.inFlight.length = queue.waiting.length = 0;
    bench.names.look(session);
    expect(bench.names.total).toBe(3 + 7);
    session.requests = undefined;
    session.closing = true;
    bench.names.forget(session);
    expect([bench.names.total, session.positionsNoted]).toEqual([0, 0]);
  });

  it('is as much as there is room for; then as many are closed as slow as it takes, and a few more', () => {
    const bench = new Bench();
    const each = NAMES_MAX / 20;
    for (let n = 0; n < 20; n++) bench.peer(each);
    bench.settle();
    expect(bench.closed).toEqual([]);
    bench.peer(1);
    expect(bench.closed).toEqual([]);
    bench.settle();
    expect(bench.closed).toEqual(['s-1 4108', 's-2 4108', 's-3 4108']);
    expect([bench.names.total, bench.relieved]).toEqual([17 * each + 1, 3]);
  });

  it('may be through by the time that room is made', () => {
    const bench = new Bench();
    const session = bench.peer(NAMES_MAX + 1);
    session.takeSince({ op: 'subscribe', id: '', named: undefined, types: ALL_TYPES, past: NO_PAST });
    bench.names.look(session);
    bench.settle();
    expect(bench.closed).toEqual([]);
    bench.names.note(session, positionsOf(NAMES_MAX + 1));
    bench.settle();
    expect(bench.closed).toEqual(['s-1 4108']);
  });
});

describe('who is closed first', () => {
  it('is who has most, of those who came at once', () => {
    const bench = new Bench();
    for (const names of [10, 40, 30, 25]) bench.peer(names);
    bench.settle();
    expect(bench.closed).toEqual(['s-2 4108']);
  });

  it('is who has had it for longest, of those who have as much', () => {
    const bench = new Bench();
    const first = bench.peer(30);
    bench.clock.advance(10);
    bench.peer(30);
    bench.clock.advance(10);
    first.takeSince({ op: 'subscribe', id: '', named: undefined, types: ALL_TYPES, past: NO_PAST });
    bench.names.look(first);
    bench.names.note(first, positionsOf(30)); // those before were used, and these have just come
    bench.peer(41);
    bench.settle();
    expect(bench.closed).toEqual(['s-3 4108']);
    bench.peer(31);
    bench.peer(10);
    bench.settle();
    expect(bench.closed).toEqual(['s-3 4108', 's-4 4108']);
  });

  it('is not who has much for a moment, where others have theirs for long', () => {
    const bench = new Bench();
    for (let n = 0; n < 5; n++) bench.peer(10);
    bench.clock.advance(9000);
    bench.peer(51);
    bench.settle();
    expect(bench.closed).toEqual(['s-1 4108', 's-2 4108']);
  });
});
