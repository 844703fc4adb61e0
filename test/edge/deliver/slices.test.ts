import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Slice, Slices } from '../../../src/edge/deliver/slices.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { FakeClock } from '../../support/fake-clock.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const QUEUE_BYTES = 100;

/** What is sent takes a millisecond each. A session is its name. */
class Bench {
  readonly clock = new FakeClock();
  readonly left = new Map<string, number>();
  readonly blocked = new Set<string>();
  /** Names, in the order of what was sent. */
  sent = '';
  /** Names, in the order of looks at what is left of them. */
  looked = '';
  looksTakeMs = 0;
  readonly slices = new Slices(
    {
      clock: this.clock,
      queueBytes: QUEUE_BYTES,
      charges: { rows: (_, count) => this.paid.push(count), waitMs: () => this.waitMs },
    },
    (session) => this.#send(session as unknown as string),
  );
  /** Events, by charge. */
  readonly paid: number[] = [];
  waitMs = 0;

  /** Called with each name of which nothing is left. */
  through = (_name: string): void => {};

  #send(name: string): Slice {
    const end = this.#sendSome(name);
    if (end === Slice.through) this.through(name);
    return end;
  }

  #sendSome(name: string): Slice {
    this.looked += name;
    this.clock.advance(this.looksTakeMs);
    for (let left = this.left.get(name) ?? 0; left > 0; left--) {
      if (this.blocked.has(name)) return Slice.blocked;
      if (this.look() !== Slice.through) return Slice.over;
      this.sent += name;
      this.clock.advance(1);
      this.left.set(name, left - 1);
    }
    return Slice.through;
  }

  /** @param session what of it is looked at @returns whether it may be sent more */
  look(session: { closing?: boolean; bufferedBytes?: number } = {}, sent = 0): Slice {
    const asked = { closing: false, bufferedBytes: 0, ...session };
    return this.slices.look(asked as SubscriberSession, sent);
  }

  promise(name: string, count: number): void {
    this.left.set(name, count);
    this.slices.run(name as unknown as SubscriberSession);
  }

  forget(name: string): void {
    this.slices.forget(name as unknown as SubscriberSession);
  }

  /** @returns what is sent when the next timer fires */
  next(): string {
    this.sent = '';
    vi.advanceTimersToNextTimer();
    return this.sent;
  }
}

describe('what sessions are sent in slices', () => {
  it('is sent for two milliseconds, then for as long in the next turn', () => {
    const bench = new Bench();
    bench.promise('a', 5);
    expect(bench.sent).toBe('aa');
    expect([bench.next(), bench.next(), vi.getTimerCount()]).toEqual(['aa', 'a', 0]);
  });

  it('is sent in the next turn where the thread stood still as its slice began', () => {
    const bench = new Bench();
    const { clock } = bench;
    vi.spyOn(clock, 'now').mockReturnValueOnce(clock.now() - 100);
    bench.promise('a', 1);
    expect([bench.sent, bench.next()]).toEqual(['', 'a']);
    expect([bench.next(), vi.getTimerCount()]).toEqual(['', 0]);
  });

  it('is sent at once where it is little, whoever else has much', () => {
    const bench = new Bench();
    bench.promise('a', 5);
    expect(bench.next()).toBe('aa');
    bench.promise('b', 1);
    expect(bench.sent).toBe('aab');
  });

  it('of many that begin in one turn takes the thread for one slice, and comes before what goes on', () => {
    const bench = new Bench();
    for (const name of ['a', 'b', 'c', 'd', 'e']) bench.promise(name, 1);
    expect(bench.sent).toBe('ab');
    bench.promise('f', 3);
    expect(bench.sent).toBe('ab');
    expect([bench.next(), bench.next()]).toEqual(['cd', 'efff']);
    expect([bench.next(), vi.getTimerCount()]).toEqual(['', 0]);
  });

  it('of those that begin as another is through takes the thread for no more than that', () => {
    const bench = new Bench();
    bench.promise('a', 3);
    bench.promise('b', 1);
    const next: Record<string, string> = { a: 'c', b: 'd', c: 'e', d: 'f', e: 'g' };
    bench.through = (name) => {
      if (next[name] !== undefined) bench.promise(next[name], 1);
    };
    const turns: string[] = [];
    while (vi.getTimerCount() > 0) turns.push(bench.next());
    expect(turns.filter((sent) => sent !== '')).toEqual(['ba', 'dc', 'fe', 'g']);
  });

  it('shares the time of a turn, and takes turns', () => {
    const bench = new Bench();
    for (const name of ['a', 'b', 'c']) bench.promise(name, 6);
    expect(bench.sent).toBe('aa');
    expect([bench.next(), bench.next()]).toEqual(['bbaa', 'ccbb']); // two slices while sessions begin
    expect([bench.next(), bench.next(), bench.next(), bench.next()]).toEqual(['aa', 'cc', 'bb', 'cc']);
    expect([bench.next(), vi.getTimerCount()]).toEqual(['', 0]);
  });

  it('waits for peers that do not read, twenty milliseconds at a time, and keeps no other waiting', () => {
    const bench = new Bench();
    bench.blocked.add('a');
    bench.promise('a', 1);
    bench.promise('b', 3);
    expect(bench.next()).toBe('b');
    vi.advanceTimersByTime(19);
    bench.blocked.clear();
    expect([bench.sent, bench.next(), vi.getTimerCount()]).toEqual(['b', 'a', 0]);
  });

  it('is looked for twenty milliseconds later, not at once, where more peers wait than a slice has time for', () => {
    const bench = new Bench();
    for (const name of ['a', 'b', 'c']) {
      bench.blocked.add(name);
      bench.promise(name, 1);
    }
    expect(bench.next()).toBe('');
    bench.looksTakeMs = 1;
    bench.looked = '';
    bench.next();
    expect([bench.looked, vi.getTimerCount()]).toEqual(['ab', 1]);
    vi.advanceTimersByTime(19);
    expect(bench.looked).toBe('ab');
    vi.advanceTimersByTime(1);
    expect(bench.looked).toBe('abca');
  });

  it('is sent to all who can take it when they are looked at', () => {
    const bench = new Bench();
    for (const name of ['a', 'b']) {
      bench.blocked.add(name);
      bench.promise(name, 1);
    }
    bench.promise('c', 3);
    bench.blocked.clear();
    bench.sent = '';
    bench.slices.tick();
    expect(bench.sent).toBe('ca');
    // The turn that 'c' was to have has nothing left to do.
    expect([bench.next(), bench.next(), vi.getTimerCount()]).toEqual(['', 'b', 0]);
  });

  it('ends with the session', () => {
    const bench = new Bench();
    bench.promise('a', 5);
    bench.forget('a');
    expect([bench.next(), vi.getTimerCount()]).toEqual(['', 0]);
    bench.blocked.add('b');
    bench.promise('b', 1);
    bench.forget('b');
    bench.blocked.clear();
    expect([bench.next(), bench.next(), vi.getTimerCount()]).toEqual(['', '', 0]);
    for (const name of ['c', 'd']) bench.promise(name, 2);
    bench.forget('d');
    expect([bench.next(), vi.getTimerCount()]).toEqual(['', 0]);
  });
});

describe('whether a session may be sent more', () => {
  it('is so until the slice is over', () => {
    const bench = new Bench();
    bench.promise('a', 1);
    expect(bench.look()).toBe(Slice.through);
    bench.clock.advance(1);
    expect(bench.look()).toBe(Slice.over);
  });

  it('waits for its peer to read, and for its allowance; for ever when it is closing', () => {
    const bench = new Bench();
    bench.promise('a', 1);
    expect(bench.look({ bufferedBytes: QUEUE_BYTES })).toBe(Slice.through);
    expect(bench.look({ bufferedBytes: QUEUE_BYTES + 1 })).toBe(Slice.blocked);
    expect(bench.look({ closing: true })).toBe(Slice.blocked);
    bench.waitMs = 1;
    expect(bench.look()).toBe(Slice.blocked);
  });

  it('is asked about what it has paid for', () => {
    const bench = new Bench();
    for (const sent of [0, 7]) bench.look({}, sent);
    expect(bench.paid).toEqual([0, 7]);
  });
});
