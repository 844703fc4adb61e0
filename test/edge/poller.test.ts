import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Poller } from '../../src/edge/poller.ts';
import { POLL_RECORDS_MAX } from '../../src/limits.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createRing, RING_BYTES_MIN, RingConsumer, RingProducer, Share } from '../../src/memory/ring.ts';
import { type Step, WatchedSleeper } from '../support/interleaving.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A poller over a ring of its own; `step` is called between whatever two things it does. */
class PollerBench {
  readonly poller: Poller;
  readonly sleeper: WatchedSleeper;
  taken = 0;
  polls = 0;
  unsent = 0;
  backlog = 0;
  #woken = false;
  readonly #producer: RingProducer;
  readonly #consumer: RingConsumer;
  readonly #ringer: Ringer;

  constructor(step: Step) {
    const [ring, doorbell] = [createRing(RING_BYTES_MIN), createDoorbell()];
    this.#producer = new RingProducer(ring);
    this.#consumer = new RingConsumer(ring);
    this.sleeper = new WatchedSleeper(doorbell, step);
    // A wake is a message: it is read once the thread is through with what it does.
    this.#ringer = new Ringer(doorbell, () => {
      this.#woken = true;
    });
    this.poller = new Poller({
      poll: () => {
        step();
        const done = this.#take();
        step();
        return done;
      },
      hasRecords: () => {
        step();
        const { hasRecords } = this.#consumer;
        step();
        return hasRecords;
      },
      hasUnsent: () => {
        step();
        return this.unsent-- > 0;
      },
      hasBacklog: () => {
        step();
        return this.backlog-- > 0;
      },
      sleeper: this.sleeper,
    });
  }

  commit(records = 1): void {
    for (let n = 0; n < records; n++) this.#producer.claim(1, 8, Share.control);
    this.#producer.commit();
  }

  ring(): void {
    this.#ringer.ring();
  }

  /** The thread reads its messages, and its timers fire, until nothing is left. */
  runUntilIdle(): void {
    do {
      if (this.#woken) {
        this.#woken = false;
        this.poller.wake();
      }
      vi.runOnlyPendingTimers();
    } while (this.#woken || vi.getTimerCount() > 0);
  }

  #take(): number {
    this.polls += 1;
    let done = 0;
    while (done < POLL_RECORDS_MAX && this.#consumer.next() >= 0) done += 1;
    this.#consumer.release();
    this.taken += done;
    return done;
  }
}

const nothing = (): void => {};

/** The two things that a producer does happen at these steps of the poller's; the rest of them once it sleeps. */
function interleave(commitAt: number, ringAt: number, prepare: (bench: PollerBench) => void): PollerBench {
  let steps = 0;
  const actions: (readonly [at: number, act: () => void])[] = [
    [commitAt, () => bench.commit()],
    [ringAt, () => bench.ring()],
  ];
  const bench = new PollerBench(() => {
    while (actions[0]?.[0] === steps) actions.shift()![1]();
    steps += 1;
  });
  prepare(bench);
  bench.poller.wake();
  bench.runUntilIdle();
  for (const [, act] of actions.splice(0)) {
    act();
    bench.runUntilIdle();
  }
  return bench;
}

describe('a record', () => {
  const STEPS = 24;
  it.each([
    ['nothing else to do', () => {}],
    [
      'events to send',
      (bench: PollerBench) => {
        bench.unsent = 1;
      },
    ],
    [
      'records of its own that wait',
      (bench: PollerBench) => {
        bench.backlog = 1;
      },
    ],
  ])('is taken whenever it comes and whenever its bell rings: a thread with %s', (_what, prepare) => {
    for (let commitAt = 0; commitAt < STEPS; commitAt++) {
      for (let ringAt = commitAt; ringAt < STEPS; ringAt++) {
        const { taken } = interleave(commitAt, ringAt, prepare);
        expect(taken, `committed at step ${commitAt}, rung at ${ringAt}`).toBe(1);
      }
    }
  });
});

describe('a poller', () => {
  it('sleeps when there is nothing, and is woken by the bell alone', () => {
    const bench = new PollerBench(nothing);
    bench.poller.wake();
    bench.runUntilIdle();
    expect([bench.polls, bench.sleeper.isAsleep]).toEqual([1, true]);
    bench.commit();
    bench.runUntilIdle();
    expect(bench.taken).toBe(0);
    bench.ring();
    bench.runUntilIdle();
    expect([bench.taken, bench.sleeper.isAsleep]).toEqual([1, true]);
  });

  it('goes on within a turn while polls are full, up to sixteen of them', () => {
    const done: number[] = [];
    const polls = [POLL_RECORDS_MAX, POLL_RECORDS_MAX, 3];
    const make = (poll: () => number): Poller =>
      new Poller({
        poll,
        hasRecords: () => false,
        hasUnsent: () => false,
        hasBacklog: () => false,
        sleeper: new WatchedSleeper(createDoorbell(), nothing),
      });
    make(() => {
      const records = polls.shift() ?? 0;
      done.push(records);
      return records;
    }).wake();
    expect(done).toEqual([POLL_RECORDS_MAX, POLL_RECORDS_MAX, 3]);
    let count = 0;
    make(() => {
      count += 1;
      return POLL_RECORDS_MAX;
    }).wake();
    expect(count).toBe(16);
  });

  it('does not sleep while records of its own wait for room', () => {
    const bench = new PollerBench(nothing);
    bench.backlog = 3;
    bench.poller.wake();
    expect(bench.sleeper.isAsleep).toBe(false);
    vi.advanceTimersByTime(1);
    expect([bench.polls, bench.sleeper.isAsleep]).toEqual([2, false]);
    bench.runUntilIdle();
    expect([bench.polls, bench.sleeper.isAsleep]).toEqual([4, true]);
  });

  it.each(['backlog', 'unsent'] as const)(
    'polls at once when it is told to, and not a second time for the same turn (%s)',
    async (due) => {
      vi.useRealTimers(); // which take an immediate for a timeout, as the poller does
      const bench = new PollerBench(nothing);
      bench[due] = 1;
      bench.poller.wake();
      expect(bench.polls).toBe(1);
      bench.poller.turnNow();
      expect(bench.polls).toBe(2);
      await new Promise((resolve) => setTimeout(resolve, 5)); // the turn would have been after 1 ms
      expect(bench.polls).toBe(2);
    },
  );

  it('does nothing for a wake while a turn is due', () => {
    const bench = new PollerBench(nothing);
    bench.unsent = 1;
    bench.poller.wake();
    bench.poller.wake();
    expect(bench.polls).toBe(1);
  });

  it('does nothing more once it is stopped', () => {
    const bench = new PollerBench(nothing);
    bench.backlog = 1;
    bench.poller.wake();
    bench.poller.stop();
    bench.runUntilIdle();
    bench.poller.wake();
    bench.poller.turnNow();
    expect(bench.polls).toBe(1);
  });
});
