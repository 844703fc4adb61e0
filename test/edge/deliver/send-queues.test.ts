import { beforeEach, describe, expect, it } from 'vitest';
import { LEFT_DEVICES_MAX, SendQueues, sendQueueLimits } from '../../../src/edge/deliver/send-queues.ts';
import type { SlowSubscribers } from '../../../src/edge/deliver/slow-subscribers.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { SLOW_MS_MAX, SLOW_NAMED_MAX, TRANSPORT_HELD_BYTES_MAX } from '../../../src/limits.ts';
import { Counter, Counters, createCounters } from '../../../src/memory/counters.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const KIB = 1024;
const QUEUE = 100 * KIB;
const MOST = 400 * KIB;
/** What an event counts beside its record. */
const EXTRA = 128;

interface Session {
  readonly id: string;
  bytes: number;
  closing: boolean;
  /** Looks at its queue. */
  looks: number;
}

const causes: ReadonlyMap<number, string> = new Map([
  [Counter.closedOverQueue, 'over'],
  [Counter.closedLagging, 'lagging'],
  [Counter.closedOverBudget, 'budget'],
]);

/** The queues of a thread; who is slow is noted only. */
class Bench {
  readonly clock = new FakeClock();
  readonly counters = new Counters(createCounters());
  readonly log: string[] = [];
  /** Who may be sent something else beside what it missed. */
  readonly recovering: string[] = [];
  readonly all = new Map<number, SubscriberSession>();
  readonly slow = new Map<SubscriberSession, number>();
  readonly queues: SendQueues;
  isBetween = true;
  isCaughtUp = true;
  /** What a look at one queue takes, ms. */
  lookMs = 0;
  /** Devices that each recovery does, and whether it is through with that. */
  recovery: (most: number) => { done: number; isThrough: boolean } = () => ({ done: 1, isThrough: true });

  /** Devices that one that falls behind leaves, of so many at most. */
  leaves: (session: SubscriberSession, most: number) => number = () => 0;

  /** Bytes of events that are kept for the slow. */
  keptBytes = 0;

  constructor(total = 0) {
    const { slow, log, clock } = this;
    const bench = this;
    const slowSubscribers = {
      get size() {
        return slow.size;
      },
      get sessions() {
        return slow.keys();
      },
      get keptBytes() {
        return bench.keptBytes;
      },
      has: (session: SubscriberSession) => slow.has(session),
      sinceMs: (session: SubscriberSession) => slow.get(session) ?? Number.POSITIVE_INFINITY,
      worst: (...given: number[]) => {
        log.push(`worst ${given}`);
        return [];
      },
      start: (session: SubscriberSession, now: number, most: number) => {
        log.push(`start ${session.id}`);
        slow.set(session, now);
        return this.leaves(session, most);
      },
      recover: (session: SubscriberSession, most: number) => {
        log.push(`recover ${session.id}`);
        const { done, isThrough } = this.recovery(most);
        if (isThrough) slow.delete(session);
        return done;
      },
      close: (session: SubscriberSession, cause: number) => {
        log.push(`close ${session.id} ${causes.get(cause)}`);
        Object.assign(session, { closing: true });
      },
      forget: (session: SubscriberSession) => void slow.delete(session),
    } as unknown as SlowSubscribers;
    this.queues = new SendQueues({
      sessions: this.all,
      slow: slowSubscribers,
      clock,
      counters: this.counters,
      limits: sendQueueLimits(
        { sendQueueBytes: QUEUE, sendQueueMaxBytes: MOST, sendQueuesTotalBytes: total },
        1,
      ),
      isBetweenRounds: () => this.isBetween,
      isCaughtUp: () => this.isCaughtUp,
      recovering: ({ id }) => void this.recovering.push(id),
    });
  }

  add(id: string, bytes = 0): Session & SubscriberSession {
    const bench = this;
    const session = {
      id,
      bytes,
      closing: false,
      looks: 0,
      terminate: () => void bench.log.push(`terminate ${id}`),
      get bufferedBytes() {
        this.looks += 1;
        bench.clock.nowMs += bench.lookMs;
        return this.bytes;
      },
    };
    this.all.set(this.all.size, session as never);
    return session as never;
  }

  addSlow(id: string, bytes = QUEUE): Session & SubscriberSession {
    const session = this.add(id, bytes);
    this.slow.set(session, this.clock.nowMs);
    return session;
  }

  /** As of so much that was published, with the least of events. @returns whether a look is asked for */
  publish(bytes: number): boolean {
    return this.queues.published(bytes - EXTRA);
  }

  news(): string[] {
    return this.log.splice(0);
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('the limits of send queues', () => {
  const limits = (queue: number, most: number, total = 0, threads = 1) =>
    sendQueueLimits({ sendQueueBytes: queue, sendQueueMaxBytes: most, sendQueuesTotalBytes: total }, threads);

  it('are as they are set; the next page comes at a quarter', () => {
    expect(limits(QUEUE, MOST, 1000, 3)).toEqual({
      queueBytes: QUEUE,
      queueBytesMax: MOST,
      totalBytes: 334,
      pageResumeBytes: QUEUE / 4,
      transportBytesMax: MOST + QUEUE + TRANSPORT_HELD_BYTES_MAX,
    });
  });

  it('are never above the one at which a subscriber is closed', () => {
    expect(limits(MOST, QUEUE)).toMatchObject({ queueBytes: QUEUE, queueBytesMax: QUEUE, totalBytes: 0 });
  });

  it('leave the transport room for what is published between two looks, however small they are', () => {
    expect(limits(10, 20).transportBytesMax).toBe(20 + 64 * KIB + TRANSPORT_HELD_BYTES_MAX);
  });
});

describe('a burst', () => {
  it('is as much as a queue takes: then a look is asked for, and again after as much', () => {
    expect([bench.publish(QUEUE - EXTRA - 1), bench.publish(EXTRA)]).toEqual([false, false]);
    expect([bench.publish(1), bench.publish(QUEUE - EXTRA), bench.publish(EXTRA)]).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('begins anew with each look at all queues', () => {
    bench.publish(QUEUE - EXTRA);
    bench.queues.tick();
    expect([bench.publish(QUEUE - 1), bench.publish(1)]).toEqual([false, true]);
  });

  it('is not looked for while the last look is paid off: it took a twentieth of the time', () => {
    bench.add('a');
    bench.lookMs = 2;
    bench.queues.tick();
    bench.lookMs = 0;
    bench.clock.nowMs += 39;
    expect(bench.publish(QUEUE)).toBe(false);
    bench.clock.nowMs += 1;
    expect(bench.publish(QUEUE)).toBe(true);
  });
});

describe('a look', () => {
  it('is at all queues once a quarter of what one takes was published, at most each 20 ms', () => {
    const session = bench.add('a');
    bench.publish(QUEUE / 4 - 1);
    bench.queues.look();
    expect(session.looks).toBe(0);
    bench.publish(1);
    bench.clock.nowMs += 19;
    bench.queues.look();
    expect(session.looks).toBe(0);
    bench.clock.nowMs += 1;
    bench.queues.look();
    expect(session.looks).toBe(1);
    bench.clock.nowMs += 20;
    bench.queues.look();
    expect(session.looks).toBe(1); // nothing was published since
  });

  it('comes at once when a burst is over', () => {
    const session = bench.add('a');
    bench.queues.look();
    for (const looks of [1, 2]) {
      bench.publish(QUEUE);
      bench.queues.look();
      expect(session.looks).toBe(looks);
    }
  });

  it('is at the slow ones where little was published, or while the last look is paid off', () => {
    const [slow, other] = [bench.addSlow('slow'), bench.add('other')];
    bench.queues.look();
    expect([slow.looks, other.looks]).toEqual([1, 0]);
    bench.lookMs = 2;
    bench.queues.tick();
    bench.lookMs = 0;
    bench.clock.nowMs += 20;
    bench.publish(QUEUE);
    bench.queues.look();
    expect([slow.looks, other.looks]).toEqual([3, 1]);
  });

  it('is at all queues once a second, whatever was published, and says what waits in them', () => {
    expect(bench.queues.tickMs).toBe(1000);
    for (const bytes of [10, 20]) bench.add('a', bytes);
    bench.queues.tick();
    expect(bench.counters.cells[Counter.queuedBytes]).toBe(30);
  });
});

describe('a subscriber', () => {
  it.each([
    [QUEUE, []],
    [QUEUE + 1, ['start a']],
    [MOST, ['start a']],
    [MOST + 1, ['close a over']],
  ])('with %d bytes waiting: %j', (bytes, told) => {
    bench.add('a', bytes);
    bench.queues.tick();
    expect(bench.news()).toEqual(told);
    expect(bench.queues.hasWaiting).toBe(false);
  });

  it('that is closing is left alone', () => {
    bench.add('a', MOST + 1).closing = true;
    bench.queues.tick();
    expect(bench.news()).toEqual([]);
  });

  it('becomes slow between rounds, if it has not drained by then', () => {
    const [a, b] = [bench.add('a', QUEUE + 1), bench.add('b', QUEUE + 1)];
    bench.isBetween = false;
    bench.queues.tick();
    expect(bench.news()).toEqual([]);
    a.bytes = QUEUE;
    bench.isBetween = true;
    bench.queues.look();
    expect(bench.news()).toEqual(['start b']);
    a.bytes = QUEUE + 1;
    bench.queues.look();
    expect(bench.news()).toEqual([]); // it is found with the next look
    expect(b.closing).toBe(false);
  });

  it('leaves so many of its devices from one look to the next, until it has left all or has drained', () => {
    const devices = new Map<unknown, number>();
    bench.leaves = (session, most) => {
      const left = Math.min(most, devices.get(session)!);
      devices.set(session, devices.get(session)! - left);
      return left;
    };
    const [a, b] = [bench.add('a', QUEUE + 1), bench.add('b', QUEUE + 1)];
    devices.set(a, 3 * LEFT_DEVICES_MAX - 1).set(b, LEFT_DEVICES_MAX);
    bench.queues.tick();
    expect([bench.news(), bench.queues.hasWaiting]).toEqual([['start a', 'start b'], true]);
    bench.queues.check(a); // more than once from one look to the next
    a.bytes = QUEUE / 4 + 1;
    expect(bench.news()).toEqual([]);
    bench.queues.look();
    expect(bench.news()).toEqual(['start a']);
    bench.queues.look();
    expect(bench.news()).toEqual(['start a', 'start b']);
    expect([...devices.values()]).toEqual([0, LEFT_DEVICES_MAX - 1]);
    b.bytes = QUEUE / 4;
    bench.queues.look();
    expect([bench.news(), bench.queues.hasWaiting]).toEqual([[], false]);
    expect([...devices.values()]).toEqual([0, LEFT_DEVICES_MAX - 1]);
  });

  it('that drained before it could be slow is not, also where another uses up all that a look leaves', () => {
    bench.leaves = (session, most) => (session.id === 'a' ? most : 0);
    const [a, b] = [bench.add('a', QUEUE + 1), bench.add('b', QUEUE + 1)];
    bench.isBetween = false;
    bench.queues.tick();
    b.bytes = QUEUE / 4 + 1;
    bench.isBetween = true;
    bench.queues.check(a);
    bench.queues.look();
    expect(bench.news()).toEqual(['start a', 'start a']);
  });

  it('is looked at when something was sent to it alone, or it is slow and the kernel took something', () => {
    const a = bench.add('a', QUEUE + 1);
    bench.queues.writable(a);
    expect(bench.news()).toEqual([]);
    bench.queues.check(a);
    expect(bench.news()).toEqual(['start a']);
    a.bytes = QUEUE / 4;
    bench.queues.writable(a);
    expect(bench.news()).toEqual(['recover a']);
  });

  it('that was slow for longer than it may is closed', () => {
    const a = bench.addSlow('a');
    bench.clock.nowMs += SLOW_MS_MAX;
    bench.queues.tick();
    expect(bench.news()).toEqual([]);
    bench.clock.nowMs += 1;
    bench.queues.check(a);
    expect(bench.news()).toEqual(['close a lagging']);
  });

  it('that has gone is not let in again', () => {
    const [a, b] = [bench.addSlow('a', 0), bench.add('b', QUEUE + 1)];
    bench.isBetween = false;
    bench.queues.tick();
    for (const session of [a, b]) bench.queues.forget(session);
    bench.isBetween = true;
    bench.queues.look();
    expect([bench.news(), bench.queues.hasWaiting, bench.slow.size]).toEqual([[], false, 0]);
  });
});

describe('a slow subscriber', () => {
  it.each([
    [QUEUE / 4, true],
    [QUEUE / 4 + 1, false],
  ])('comes back with a quarter of the limit waiting: %d bytes, %s', (bytes, isBack) => {
    bench.addSlow('a', bytes);
    bench.queues.tick();
    expect(bench.news()).toEqual(isBack ? ['recover a'] : []);
  });

  it('comes back between rounds and when all that the owner said was heard', () => {
    bench.addSlow('a', 0);
    bench.isBetween = false;
    bench.queues.tick();
    expect([bench.news(), bench.queues.hasWaiting]).toEqual([[], true]);
    bench.isBetween = true;
    bench.isCaughtUp = false;
    bench.queues.look();
    expect([bench.news(), bench.queues.hasWaiting]).toEqual([[], true]);
    bench.isCaughtUp = true;
    bench.queues.look();
    expect([bench.news(), bench.queues.hasWaiting]).toEqual([['recover a'], false]);
  });

  it('comes back only if it has not filled its queue again by then', () => {
    const a = bench.addSlow('a', 0);
    bench.isBetween = false;
    bench.queues.tick();
    a.bytes = QUEUE / 4 + 1;
    bench.isBetween = true;
    bench.queues.look();
    expect([bench.news(), bench.queues.hasWaiting]).toEqual([[], false]);
  });

  it('goes on in the next look where it could not have all at once', () => {
    const a = bench.addSlow('a', 0);
    bench.recovery = () => ({ done: 10, isThrough: false });
    bench.queues.tick();
    expect([bench.news(), bench.queues.hasWaiting]).toEqual([['recover a'], true]);
    bench.recovery = () => ({ done: 10, isThrough: true });
    bench.queues.look();
    expect([bench.news(), bench.queues.hasWaiting]).toEqual([['recover a'], false]);
    expect(bench.slow.has(a)).toBe(false);
  });

  it('goes on where its queue is just not full again', () => {
    const a = bench.addSlow('a', 0);
    bench.recovery = () => {
      a.bytes = QUEUE / 4;
      return { done: 10, isThrough: false };
    };
    bench.queues.tick();
    expect(bench.queues.hasWaiting).toBe(true);
  });

  it('comes back in the moment in which another falls behind', () => {
    bench.addSlow('a', 0);
    bench.add('b', QUEUE + 1);
    bench.queues.tick();
    expect(bench.news()).toEqual(['start b', 'recover a']);
  });

  it('waits for the kernel where its queue is full again in the midst of it', () => {
    const a = bench.addSlow('a', 0);
    bench.recovery = () => {
      a.bytes = QUEUE / 4 + 1;
      return { done: 10, isThrough: false };
    };
    bench.queues.tick();
    expect([bench.news(), bench.queues.hasWaiting]).toEqual([['recover a'], false]);
  });

  it('leaves the rest for the next look when 512 devices were done, over all of them', () => {
    const asked: number[] = [];
    bench.recovery = (most) => {
      asked.push(most);
      return { done: 256, isThrough: true };
    };
    for (const id of ['a', 'b', 'c']) bench.addSlow(id, 0);
    bench.queues.tick();
    expect([asked, bench.news(), bench.queues.hasWaiting]).toEqual([
      [512, 256],
      ['recover a', 'recover b'],
      true,
    ]);
    expect(bench.recovering).toEqual(['a', 'b']); // each with its part
    bench.queues.look();
    expect([bench.news(), bench.recovering]).toEqual([['recover c'], ['a', 'b', 'c']]);
  });
});

describe('those who are slow', () => {
  it('are named, so many of them, while there are any', () => {
    expect([bench.queues.slow(), bench.news()]).toEqual([[], []]);
    bench.addSlow('a');
    bench.queues.slow();
    expect(bench.news()).toEqual([`worst ${SLOW_NAMED_MAX},${bench.clock.nowMs}`]);
  });
});

describe('the budget of all queues', () => {
  function closed(total: number, keptBytes: number, ...queued: readonly number[]): string[] {
    const budget = new Bench(total);
    budget.keptBytes = keptBytes;
    for (const [n, bytes] of queued.entries()) budget.add(`s${n}`, bytes);
    budget.queues.tick();
    return budget.news();
  }

  it('takes those with most, and no more than it must; what is kept for the slow counts too', () => {
    expect(closed(60, 0, 10, 30, 20)).toEqual([]);
    expect(closed(59, 0, 10, 30, 20)).toEqual(['close s1 budget']);
    expect(closed(30, 0, 10, 30, 20)).toEqual(['close s1 budget']);
    expect(closed(29, 0, 10, 30, 20)).toEqual(['close s1 budget', 'close s2 budget']);
    expect(closed(60, 1, 10, 30, 20)).toEqual(['close s1 budget']);
    expect(closed(60, 31, 10, 30, 20)).toEqual(['close s1 budget', 'close s2 budget']);
  });

  it('costs one look at each queue while all are within it', () => {
    const budget = new Bench(60);
    const sessions = [10, 30, 20].map((bytes, n) => budget.add(`s${n}`, bytes));
    budget.queues.tick();
    expect(sessions.map(({ looks }) => looks)).toEqual([1, 1, 1]);
  });

  it('leaves those alone for whom nothing waits, and is none when it is 0', () => {
    expect(closed(5, 10, 0, 0)).toEqual([]);
    expect(closed(0, 10, 30, 20)).toEqual([]);
  });

  it('lets those that are closing have what waits for them, unless they hold as much as all may', () => {
    const budget = new Bench(50);
    const [a, b, c] = [budget.add('a', 20), budget.add('b', 30), budget.add('c', 10)];
    a.closing = b.closing = true;
    budget.queues.tick();
    expect(budget.news()).toEqual([]); // the open one is within the budget, and so are the closing
    a.bytes = 21;
    budget.queues.tick();
    expect(budget.news()).toEqual(['terminate b']);
    expect(c.closing).toBe(false);
  });

  it('counts whom it closes among those that are closing', () => {
    const budget = new Bench(50);
    const closing = budget.add('closing', 40);
    closing.closing = true;
    budget.add('open', 51);
    budget.queues.tick();
    expect(budget.news()).toEqual(['close open budget', 'terminate closing']);
  });
});
