import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Wheel } from '../../src/memory/wheel.ts';
import { runs } from '../support/runs.ts';

const TICK_MS = 10;
const TURN_MS = 81_920;
const ORIGIN_MS = 12_345;
const NO_LIMIT = Number.POSITIVE_INFINITY;

/** The slots that fire at this advance, in ascending order. */
function firedBy(wheel: Wheel, nowMs: number, limit = NO_LIMIT): number[] {
  const fired: number[] = [];
  wheel.advance(nowMs, limit, (slot) => fired.push(slot));
  return fired.sort((a, b) => a - b);
}

describe('a timer on the wheel', () => {
  it('fires once, at the first advance at or after its time, and never before', () => {
    const wheel = new Wheel(4, ORIGIN_MS);
    wheel.set(2, ORIGIN_MS + 500);
    expect(wheel.isSet(2)).toBe(true);
    expect(firedBy(wheel, ORIGIN_MS + 499)).toEqual([]);
    expect(firedBy(wheel, ORIGIN_MS + 500)).toEqual([2]);
    expect(wheel.isSet(2)).toBe(false);
    expect(firedBy(wheel, ORIGIN_MS + 5 * TURN_MS)).toEqual([]);
  });

  it('says when it is due', () => {
    const wheel = new Wheel(4, ORIGIN_MS);
    expect(wheel.dueMs(2)).toBe(Number.NEGATIVE_INFINITY);
    wheel.set(2, ORIGIN_MS + 2 * TURN_MS + 1);
    firedBy(wheel, ORIGIN_MS + TURN_MS);
    expect(wheel.dueMs(2)).toBe(ORIGIN_MS + 2 * TURN_MS + TICK_MS);
  });

  it('fires within a tick when its time is past already or now', () => {
    const wheel = new Wheel(4, ORIGIN_MS);
    wheel.advance(ORIGIN_MS + 1000, NO_LIMIT, () => {});
    wheel.set(0, ORIGIN_MS + 10);
    wheel.set(1, ORIGIN_MS + 1000);
    expect(firedBy(wheel, ORIGIN_MS + 1000 + TICK_MS)).toEqual([0, 1]);
  });

  it('does not fire once it is cancelled, and may be cancelled again', () => {
    const wheel = new Wheel(4, 0);
    for (const slot of [0, 1, 2]) wheel.set(slot, 100);
    wheel.cancel(1);
    wheel.cancel(1);
    expect(wheel.count).toBe(2);
    expect(firedBy(wheel, 100)).toEqual([0, 2]);
  });

  it('moves when it is set again, later or earlier', () => {
    const wheel = new Wheel(4, 0);
    wheel.set(0, 100);
    wheel.set(1, 1000);
    wheel.set(0, 1000);
    wheel.set(1, 100);
    expect(wheel.count).toBe(2);
    expect(firedBy(wheel, 500)).toEqual([1]);
    expect(firedBy(wheel, 1000)).toEqual([0]);
  });

  it('waits for its own turn when it is set beyond one', () => {
    const wheel = new Wheel(4, 0);
    wheel.set(0, 100);
    wheel.set(1, 100 + TURN_MS);
    wheel.set(2, 100 + 3 * TURN_MS);
    expect(firedBy(wheel, 100)).toEqual([0]);
    expect(firedBy(wheel, TURN_MS + 99)).toEqual([]);
    expect(firedBy(wheel, TURN_MS + 100)).toEqual([1]);
    expect(firedBy(wheel, 3 * TURN_MS + 99)).toEqual([]);
    expect(firedBy(wheel, 3 * TURN_MS + 100)).toEqual([2]);
  });

  it('is fired by one advance over many turns', () => {
    const wheel = new Wheel(4, 0);
    wheel.set(0, 100);
    wheel.set(1, 100 + 2 * TURN_MS);
    wheel.set(2, 100 + 9 * TURN_MS);
    expect(firedBy(wheel, 4 * TURN_MS)).toEqual([0, 1]);
    expect(wheel.count).toBe(1);
  });

  it('may be set and cancelled from within fire, its own slot and those of the same bucket', () => {
    const wheel = new Wheel(4, 0);
    for (const slot of [0, 1, 2]) wheel.set(slot, 100);
    const fired: number[] = [];
    wheel.advance(100, NO_LIMIT, (slot) => {
      fired.push(slot);
      wheel.set(slot, 200);
      for (const other of [0, 1, 2]) if (other !== slot) wheel.cancel(other);
    });
    expect(fired).toHaveLength(1);
    expect(wheel.count).toBe(1);
    expect(firedBy(wheel, 200)).toEqual(fired);
  });
});

describe('an advance with a limit', () => {
  it('goes on next time where it stopped, and says meanwhile that it is overdue', () => {
    const wheel = new Wheel(10, 0);
    for (let slot = 0; slot < 10; slot++) wheel.set(slot, slot < 7 ? 50 : 60);
    const fired = new Set<number>();
    for (const seen of [4, 4, 2, 0]) {
      expect(wheel.advance(60, 4, (slot) => fired.add(slot))).toBe(seen);
      expect(wheel.untilNextMs(60)).toBe(fired.size < 10 ? 0 : NO_LIMIT);
    }
    expect(fired.size).toBe(10);
  });

  it('counts timers of later turns in the same bucket as looked at', () => {
    const wheel = new Wheel(4, 0);
    for (const slot of [0, 1, 2]) wheel.set(slot, TURN_MS + 50);
    expect(wheel.advance(50, NO_LIMIT, () => expect.unreachable())).toBe(3);
    expect(wheel.count).toBe(3);
  });
});

describe('the time until the next timer', () => {
  it('is infinite without timers, exact to a tick within a turn, and 0 when one is overdue', () => {
    const wheel = new Wheel(4, ORIGIN_MS);
    expect(wheel.untilNextMs(ORIGIN_MS)).toBe(NO_LIMIT);
    wheel.set(0, ORIGIN_MS + 5000);
    expect(wheel.untilNextMs(ORIGIN_MS)).toBe(5000);
    expect(wheel.untilNextMs(ORIGIN_MS + 4995)).toBe(5);
    expect(wheel.untilNextMs(ORIGIN_MS + 6000)).toBe(0);
    wheel.cancel(0);
    expect(wheel.untilNextMs(ORIGIN_MS)).toBe(NO_LIMIT);
  });

  it('finds a bucket behind the end of the array', () => {
    const wheel = new Wheel(4, 0);
    wheel.advance(TURN_MS - 20, NO_LIMIT, () => {});
    wheel.set(0, TURN_MS + 70);
    expect(wheel.untilNextMs(TURN_MS - 20)).toBe(90);
  });
});

const SLOTS = 12;
const slot = fc.nat(SLOTS - 1);
const delay = fc.oneof(fc.nat(300), fc.nat(TURN_MS), fc.nat(3 * TURN_MS));
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), slot, inMs: delay }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), slot }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      byMs: fc.oneof(fc.constant(0), fc.nat(50), delay),
      limit: fc.oneof({ weight: 3, arbitrary: fc.constant(NO_LIMIT) }, fc.integer({ min: 1, max: 4 })),
    }),
  },
);

describe('the wheel over any sequence of operations', () => {
  it('fires what a map of times says is due, to a tick, each once', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80, size: 'max' }), (operations) => {
        const wheel = new Wheel(SLOTS, ORIGIN_MS);
        const due = new Map<number, number>();
        let nowMs = ORIGIN_MS;
        for (const op of operations) {
          if (op.do === 'set') {
            wheel.set(op.slot, nowMs + op.inMs);
            // What is set for the tick that is over already is due in the next one.
            const tick = Math.ceil((nowMs + op.inMs - ORIGIN_MS) / TICK_MS) * TICK_MS;
            due.set(op.slot, ORIGIN_MS + tick);
          } else if (op.do === 'cancel') {
            wheel.cancel(op.slot);
            due.delete(op.slot);
          } else {
            nowMs += op.byMs;
            let fired = 0;
            const seen = wheel.advance(nowMs, op.limit, (of) => {
              fired += 1;
              ok(due.get(of)! <= nowMs, 'never early, and only what is set');
              due.delete(of);
            });
            ok(fired <= seen && seen <= op.limit);
            // With no limit reached, nothing is left that was due a tick ago.
            if (seen < op.limit) for (const at of due.values()) ok(at > nowMs - TICK_MS);
          }
          strictEqual(wheel.count, due.size);
          deepStrictEqual(
            Array.from({ length: SLOTS }, (_, of) => wheel.isSet(of)),
            Array.from({ length: SLOTS }, (_, of) => due.has(of)),
          );
          const soonest = Math.min(...due.values());
          if (due.size === 0) strictEqual(wheel.untilNextMs(nowMs), NO_LIMIT);
          else ok(wheel.untilNextMs(nowMs) <= Math.max(0, soonest - nowMs) + TICK_MS);
        }
        // Whatever waits fires in the end.
        wheel.advance(nowMs + 4 * TURN_MS, NO_LIMIT, (of) => due.delete(of));
        strictEqual(due.size, 0);
      }),
      { numRuns: runs(300) },
    );
  });
});
