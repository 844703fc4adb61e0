/** One device's followers at a pace, without an edge: what of its events is kept, for whom, and what their turns count as. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventRecord } from '../../../fixtures/event-records.ts';
import { PACE_STEP_MS_MAX } from '../../../src/edge/deliver/pace.ts';
import { NOTHING_TAKEN, PacedAudience, type Taken } from '../../../src/edge/deliver/paced-audience.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { eventBytes, seqOf } from '../../../src/records/event.ts';
import { ALL_TYPES, EventType } from '../../../src/wire/events.ts';
import { EVERY_MS, NAMES, type PacedTerms, PacesBench } from './paces-harness.ts';

let bench: PacesBench;
let audience: PacedAudience;
beforeEach(() => {
  vi.useFakeTimers();
  bench = new PacesBench();
  audience = new PacedAudience(NAMES, 0, bench.paces);
});
afterEach(() => {
  vi.useRealTimers();
});

function follower(terms?: PacedTerms): SubscriberSession {
  const session = bench.session(terms);
  audience.add(session, NOTHING_TAKEN);
  return session;
}

/** An event of the device comes. @returns its bytes as a record */
function event(seq: number, type: number = EventType.message, payload = '{}'): number {
  const views = eventRecord({ seq, type, payload });
  audience.event(views, 0);
  bench.paces.flush();
  return eventBytes(views, 0);
}

function pass(ms = EVERY_MS + PACE_STEP_MS_MAX): void {
  bench.clock.advance(ms);
  bench.paces.tick();
}

const takeOut = (session: SubscriberSession): Taken => audience.takeOut(session, ALL_TYPES);
const seqs = ({ waiting }: Taken): number[] => waiting.map(({ views }) => seqOf(views));

describe('an event that waits for its turn', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('is kept in the memory of one before that was as long: %d', (length) => {
    follower();
    const payload = '1'.repeat(length);
    for (const [seq, text] of [payload, payload, '1', payload].entries()) event(seq, EventType.message, text);
    const [kept] = audience.newest;
    event(4, EventType.message, payload);
    expect(audience.newest[0]).toBe(kept);
    expect(seqOf(kept!)).toBe(4);
  });

  it('is written over for nobody who has taken it along, and only then is new memory needed', () => {
    const session = follower();
    follower();
    const both = [EventType.message, EventType.pong];
    for (const [seq, type] of [...both, ...both].entries()) event(seq, type);
    const taken = takeOut(session);
    for (const [seq, type] of both.entries()) event(4 + seq, type);
    expect(seqs(taken)).toEqual([2, 3]);
    const kept = [...audience.newest];
    for (const [seq, type] of both.entries()) event(6 + seq, type);
    expect(kept.map((views) => seqOf(views!))).toEqual([6, 7]);
    expect(kept.map((views, lane) => views === audience.newest[lane])).toEqual([true, true]);
  });

  it('comes with its turn, which counts as its bytes once, however often it was replaced', () => {
    follower();
    const bytes = [1, 2, 3].map((seq) => event(seq, EventType.message, `"${'x'.repeat(seq)}"`));
    pass();
    expect(bench.news()).toBe('1:1 1:3(1)');
    expect(bench.published).toEqual([bytes.at(-1)]);
  });

  it('comes with its turn, though that is late', () => {
    follower();
    for (const seq of [1, 2]) event(seq);
    bench.clock.advance(3 * EVERY_MS); // without a tick
    event(3);
    expect(bench.news()).toBe('1:1');
    pass(0);
    expect(bench.news()).toBe('1:3(1)');
  });
});

describe('an event that one follower is still to get', () => {
  /** Others had it: it waited while the follower was away. @param terms of the follower */
  function owed(terms: PacedTerms = {}): { session: SubscriberSession; taken: Taken } {
    const session = follower(terms);
    follower();
    for (const seq of [1, 2]) event(seq);
    const taken = takeOut(session);
    pass();
    bench.news();
    bench.published.length = 0;
    return { session, taken };
  }

  it.each([{ vip: true }, { vip: false }])('comes to it alone, in its next turn (%j)', (terms) => {
    const { session, taken } = owed(terms);
    expect(audience.add(session, taken)).toBe(0);
    expect(bench.news()).toBe('');
    pass();
    expect(bench.news()).toBe('1:2');
    expect(bench.published).toEqual([expect.any(Number)]);
    expect(bench.published[0]).toBeGreaterThan(0);
  });

  it('counts beside what comes to the others in that turn', () => {
    const { session, taken } = owed();
    audience.add(session, taken);
    const other = bench.session();
    audience.add(other, taken);
    pass();
    const [both] = bench.published.splice(0);
    for (const one of [session, other]) takeOut(one);
    audience.add(session, taken);
    pass();
    const [one] = bench.published.splice(0);
    expect(both).toBe(2 * one!);
    takeOut(session);
    audience.add(session, taken);
    const late = bench.session();
    const bytes = event(3);
    audience.add(late, taken);
    pass();
    expect(bench.published).toEqual([bytes + one!]); // it replaced what the first was to get
  });
});

describe('the followers of a device at several paces', () => {
  it('come and go, and those of the others get what they got', () => {
    const [fast, slow] = [follower(), follower({ every: 10 * EVERY_MS })];
    for (const seq of [1, 2]) event(seq);
    expect(bench.news()).toBe('1:1 2:1');
    pass();
    expect(bench.news()).toBe('1:2');
    audience.remove(fast, false);
    event(3);
    pass(10 * EVERY_MS);
    expect([bench.news(), audience.isEmpty]).toEqual(['2:3(1)', false]);
    expect(takeOut(slow)).toEqual({ waiting: [], turns: [expect.any(Number), expect.any(Number)] });
    expect(audience.isEmpty).toBe(true);
  });
});
