import { describe, expect, it } from 'vitest';
import { Allowance } from '../../src/edge/allowance.ts';

/** How many frames of cost 1 are taken at this time. */
function takenAt(allowance: Allowance, nowMs: number): number {
  let taken = 0;
  while (taken < 10_000 && allowance.take(1, nowMs)) taken += 1;
  return taken;
}

describe('an allowance', () => {
  it('is the burst at once and the rate after it', () => {
    const allowance = new Allowance({ perSecond: 10, burst: 20 }, 0);
    expect(takenAt(allowance, 0)).toBe(20);
    expect(takenAt(allowance, 1000)).toBe(10);
    expect(takenAt(allowance, 100_000)).toBe(20);
  });

  it('whose rate changes keeps what was used, in units', () => {
    const allowance = new Allowance({ perSecond: 1, burst: 10 }, 0);
    expect(takenAt(allowance, 0)).toBe(10);
    allowance.use({ perSecond: 100, burst: 1000 }, 0);
    expect(takenAt(allowance, 0)).toBe(990);
    allowance.use({ perSecond: 1000, burst: 10 }, 0);
    expect(takenAt(allowance, 0)).toBe(0);
    expect(takenAt(allowance, 995)).toBe(5);
  });
});
