import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Wheel } from '../../src/memory/wheel.ts';

const TICK_MS = 10;

describe('the timing wheel', () => {
  it('fires each timer once, at the first advance a tick after it is due at the latest, and never early', () => {
    const slot = fc.integer({ min: 0, max: 15 });
    const step = fc.oneof(
      fc.record({ do: fc.constant('set' as const), slot, inMs: fc.integer({ min: 0, max: 200_000 }) }),
      fc.record({ do: fc.constant('cancel' as const), slot }),
      fc.record({ do: fc.constant('advance' as const), byMs: fc.integer({ min: 0, max: 120_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const wheel = new Wheel(16, 1000);
        const model = new Map<number, number>();
        let now = 1000;
        for (const action of steps) {
          if (action.do === 'set') {
            wheel.set(action.slot, now + action.inMs);
            model.set(action.slot, now + action.inMs);
          } else if (action.do === 'cancel') {
            wheel.cancel(action.slot);
            model.delete(action.slot);
          } else {
            now += action.byMs;
            wheel.advance(now, Number.POSITIVE_INFINITY, (fired) => {
              expect(model.get(fired)).toBeLessThanOrEqual(now);
              model.delete(fired);
            });
            for (const due of model.values()) expect(due).toBeGreaterThan(now - 2 * TICK_MS);
          }
          expect(wheel.count).toBe(model.size);
          const soonest = Math.min(...model.values());
          if (model.size > 0)
            expect(wheel.untilNextMs(now)).toBeLessThanOrEqual(Math.max(0, soonest - now) + 2 * TICK_MS);
        }
      }),
    );
  });

  it('goes on where a limited advance stopped', () => {
    const wheel = new Wheel(100, 0);
    for (let slot = 0; slot < 100; slot++) wheel.set(slot, 50);
    const fired: number[] = [];
    expect(wheel.advance(100, 30, (slot) => fired.push(slot))).toBe(30);
    expect(wheel.untilNextMs(100)).toBe(0);
    while (fired.length < 100) wheel.advance(100, 30, (slot) => fired.push(slot));
    expect(new Set(fired).size).toBe(100);
  });
});
