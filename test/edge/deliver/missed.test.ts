import { describe, expect, it } from 'vitest';
import { eventRecord } from '../../../fixtures/event-records.ts';
import { Missed } from '../../../src/edge/deliver/missed.ts';
import type { Waiting } from '../../../src/edge/deliver/paced-audience.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { MISSED_RUNS_MAX } from '../../../src/limits.ts';
import { seqOf } from '../../../src/records/event.ts';
import { Encoding } from '../../../src/wire/encodings.ts';
import { DeviceNames } from '../../../src/wire/event-frames.ts';
import { EventType } from '../../../src/wire/events.ts';

const session = (encoding: Encoding = Encoding.json): SubscriberSession =>
  ({ encoding }) as SubscriberSession;

/** What the slow subscribers of one device miss. */
class Bench {
  readonly missed = new Missed(new DeviceNames('dev'));

  add(encoding?: Encoding): SubscriberSession {
    const one = session(encoding);
    this.missed.add(one);
    return one;
  }

  /** A round of events, in the order of sending. @returns the deliveries that will never come about */
  round(...seqs: readonly number[]): number {
    for (const seq of seqs) this.missed.note(seq, seq * 8);
    return this.missed.endRound(eventRecord({ seq: this.missed.freshOffset / 8 }));
  }

  gaps(one: SubscriberSession): string {
    const gaps = this.missed.gapsOf(one);
    return gaps.flatMap((from, at) => (at % 2 === 0 ? [`${from}-${gaps[at + 1]}`] : [])).join(' ');
  }

  /** @returns its seq */
  newest(one: SubscriberSession): number | undefined {
    const views = this.missed.newestFor(one);
    return views && seqOf(views);
  }
}

describe('what a slow subscriber misses', () => {
  it('is all but the newest, which is kept for it', () => {
    const bench = new Bench();
    const one = bench.add();
    expect([bench.gaps(one), bench.newest(one)]).toEqual(['', undefined]);
    expect(bench.round(1)).toBe(0);
    expect([bench.gaps(one), bench.newest(one)]).toEqual(['', 1]);
    expect(bench.round(2, 3)).toBe(2);
    expect([bench.gaps(one), bench.newest(one)]).toEqual(['1-2', 3]);
  });

  it('has a hole where it got an event', () => {
    const bench = new Bench();
    const one = bench.add();
    bench.round(1, 2, 4, 6, 7);
    expect([bench.gaps(one), bench.newest(one)]).toEqual(['1-2 4-4 6-6', 7]);
  });

  it('is told by seq, whatever the order of sending', () => {
    const bench = new Bench();
    const one = bench.add();
    bench.round(3, 1, 2);
    expect([bench.gaps(one), bench.newest(one)]).toEqual(['1-2', 3]);
  });

  it('begins when it fell behind', () => {
    const bench = new Bench();
    const first = bench.add();
    bench.round(1, 2);
    const second = bench.add();
    expect([bench.newest(second), bench.gaps(second)]).toEqual([undefined, '']);
    expect(bench.round(3)).toBe(1); // the second has it to come
    expect([bench.gaps(first), bench.gaps(second)]).toEqual(['1-2', '']);
    expect([bench.newest(first), bench.newest(second)]).toEqual([3, 3]);
    expect(bench.round(4, 5)).toBe(4);
    expect([bench.gaps(first), bench.gaps(second)]).toEqual(['1-4', '3-4']);
  });

  it('is kept once, whatever the encodings of those who miss it', () => {
    const bench = new Bench();
    const [json, binary] = [bench.add(), bench.add(Encoding.binary)];
    const { missed } = bench;
    const { length } = eventRecord().u8;
    expect([0, 1, 2].map((encoding) => missed.count(encoding as Encoding))).toEqual([1, 1, 0]);
    bench.round(1);
    expect([bench.newest(json), bench.newest(binary), missed.keptBytes]).toEqual([1, 1, length]);
    expect(missed.remove(binary)).toBe(1);
    bench.round(2);
    expect([missed.count(Encoding.binary), missed.keptBytes]).toEqual([0, length]);
  });
});

describe('the slow subscribers of a device', () => {
  it('are those that were added and not removed', () => {
    const bench = new Bench();
    const { missed } = bench;
    const [one, other] = [bench.add(), session()];
    expect([missed.has(one), missed.has(other), missed.size]).toEqual([true, false, 1]);
    expect([...missed.sessions]).toEqual([one]);
    expect([missed.remove(other), missed.remove(one), missed.remove(one)]).toEqual([0, 0, 0]);
    expect([missed.size, missed.count(Encoding.json)]).toEqual([0, 0]);
  });

  it('are told how many events were kept for them when they go', () => {
    const bench = new Bench();
    const first = bench.add();
    bench.round(1);
    const second = bench.add();
    expect([bench.missed.remove(second), bench.missed.remove(first)]).toEqual([0, 1]);
    // Nobody is left who waits: the next has all of its own to come.
    bench.add();
    expect(bench.round(2)).toBe(0);
  });

  it('count each lost delivery once, whoever comes and goes', () => {
    const bench = new Bench();
    const [a, b] = [bench.add(), bench.add()];
    expect(bench.round(1, 2, 3)).toBe(2 * 3 - 2);
    bench.missed.remove(a);
    const c = bench.add();
    expect(bench.round(4)).toBe(1); // of b, whose newest it replaces; c has it to come
    bench.missed.remove(b);
    bench.missed.remove(c);
    bench.add();
    expect(bench.round(5)).toBe(0);
  });
});

/** An event that waited for its turn. */
function waited(seq: number, type: number = EventType.message, replaced = 0): Waiting {
  return { views: eventRecord({ type, seq }), replaced };
}

describe('what waited for its turn', () => {
  it('is kept while nothing newer is missed, and then is missed itself', () => {
    const { missed } = new Bench();
    const one = session();
    const waiting = [waited(3), waited(5)];
    missed.add(one, { waiting, turns: [] });
    expect([missed.waitingFor(one), missed.gapsOf(one)]).toEqual([waiting, []]);
    missed.note(6, 48);
    missed.note(7, 56);
    missed.endRound(eventRecord({ seq: 7 }));
    expect(missed.gapsOf(one)).toEqual([3, 3, 5, 6]);
    expect(missed.remove(one)).toBe(3);
    expect(missed.waitingFor(one)).toEqual([]);
  });

  it('has had its last turns before, which are known until it goes', () => {
    const { missed } = new Bench();
    const [one, other] = [session(), session()];
    missed.add(one, { waiting: [], turns: [4, 7] });
    missed.add(other);
    expect([missed.turnsOf(one), missed.turnsOf(other)]).toEqual([[4, 7], []]);
    missed.remove(one);
    expect(missed.turnsOf(one)).toEqual([]);
  });

  it('is held once for all who wait for it', () => {
    const { missed } = new Bench();
    const [first, second, third] = [session(), session(), session()];
    const shared = waited(1);
    const { length } = shared.views.u8;
    missed.add(first, { waiting: [shared], turns: [] });
    missed.add(second, { waiting: [shared], turns: [] });
    missed.add(third, { waiting: [waited(2)], turns: [] });
    expect(missed.keptBytes).toBe(2 * length);
    expect([missed.remove(first), missed.keptBytes]).toEqual([1, 2 * length]);
    expect([missed.remove(second), missed.keptBytes]).toEqual([1, length]);
    expect([missed.remove(third), missed.keptBytes]).toEqual([1, 0]);
  });
});

describe('who waits for a turn', () => {
  it('is known while anything waits for anybody', () => {
    const { missed } = new Bench();
    const [one, other] = [session(), session()];
    missed.add(one);
    expect(missed.hasWaiting).toBe(false);
    missed.add(other, { waiting: [waited(1)], turns: [] });
    expect(missed.hasWaiting).toBe(true);
    missed.remove(other);
    expect(missed.hasWaiting).toBe(false);
  });

  it('gets an urgent event instead of one of its type, which is kept for it no more', () => {
    const { missed } = new Bench();
    const one = session();
    const [message, pong] = [waited(3, EventType.message, 2), waited(4, EventType.pong)];
    missed.add(one, { waiting: [message, pong], turns: [] });
    expect(missed.replace(one, EventType.status)).toBe(0);
    expect(missed.replace(one, EventType.message)).toBe(3);
    expect([missed.waitingFor(one), missed.keptBytes]).toEqual([[pong], pong.views.u8.length]);
    expect(missed.replace(one, EventType.message)).toBe(0);
  });
});

describe('the events of a round', () => {
  it('are told to be the first ones once', () => {
    const { missed } = new Bench();
    missed.add(session());
    expect([missed.note(1, 0), missed.note(2, 8), missed.note(3, 16)]).toEqual([true, false, false]);
    missed.endRound(eventRecord());
    expect(missed.note(4, 24)).toBe(true);
  });

  it('are kept by where the newest of them lies', () => {
    const { missed } = new Bench();
    for (const [seq, offset] of [
      [2, 80],
      [5, 40],
      [4, 120],
    ] as const)
      missed.note(seq, offset);
    expect(missed.freshOffset).toBe(40);
  });
});

describe('the runs of missed seqs', () => {
  it('are as many as a subscriber may be told of, and one more is too many', () => {
    const bench = new Bench();
    bench.add();
    for (let run = 1; run <= MISSED_RUNS_MAX; run++) bench.round(2 * run);
    expect(bench.missed.isFull).toBe(false);
    bench.round(2 * MISSED_RUNS_MAX + 2);
    expect(bench.missed.isFull).toBe(true);
  });

  it.each([64, 65, 200])(
    'are forgotten where nobody needs them any more, and told where somebody does: %d',
    (count) => {
      const bench = new Bench();
      const first = bench.add();
      for (let run = 1; run <= count; run++) bench.round(2 * run);
      const second = bench.add();
      for (let run = count + 1; run <= count + 3; run++) bench.round(2 * run);
      bench.missed.remove(first);
      expect(bench.gaps(second).split(' ')).toEqual([
        `${2 * count + 2}-${2 * count + 2}`,
        `${2 * count + 4}-${2 * count + 4}`,
      ]);
      const third = bench.add();
      bench.missed.remove(second);
      bench.round(10_000, 10_001);
      expect(bench.gaps(third)).toBe('10000-10000');
    },
  );

  it('are forgotten when somebody leaves who alone needed them', () => {
    const bench = new Bench();
    const first = bench.add();
    for (let run = 1; run <= 100; run++) bench.round(2 * run);
    bench.add();
    bench.missed.remove(first);
    for (let run = 101; run <= MISSED_RUNS_MAX; run++) bench.round(2 * run);
    expect(bench.missed.isFull).toBe(false);
    for (let run = MISSED_RUNS_MAX + 1; run <= MISSED_RUNS_MAX + 101; run++) bench.round(2 * run);
    expect(bench.missed.isFull).toBe(true);
  });

  it('do not fill up while those who come and go need few of them', () => {
    const bench = new Bench();
    let last = bench.add();
    for (let run = 1; run <= 3 * MISSED_RUNS_MAX; run++) {
      bench.round(2 * run);
      const next = bench.add();
      bench.missed.remove(last);
      last = next;
    }
    expect(bench.missed.isFull).toBe(false);
  });
});
