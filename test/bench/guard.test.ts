import { describe, expect, it } from 'vitest';
import { guardLine, verdict as verdictOf } from '../../bench/load/guard-verdict.ts';
import type { Side, SideBySide } from '../../bench/load/side-by-side.ts';

const side = (name: string, more: Partial<Side> = {}): Side => ({
  name,
  cpuUs: 2,
  residentBytes: 1e8,
  wrong: 0,
  generatorLimit: undefined,
  ...more,
});

const compared = (ratios: readonly number[], now: Partial<Side> = {}): SideBySide => ({
  shape: 'board',
  per: 'delivery',
  ratios,
  sides: [side('now', now), side('then')],
});

const verdict = (start: SideBySide, percent: number) => verdictOf([start], percent);

describe('the guard against dearer loads', () => {
  it('judges by the median of the pairs, so that a slice in which the host stood still says nothing', () => {
    const found = verdict(compared([1, 0.99, 1.01, 9, 1]), 5);
    expect(found).toMatchObject({ shape: 'board', ratio: 1, quartiles: [1, 1.01], ok: true });
    expect(guardLine(found)).toBe(
      'ok   board      CPU 1.000 × (quartiles 1.000 to 1.010; at most 1.05), 2.00 → 2.00 µs per delivery, memory 1.00 ×',
    );
  });

  it('fails beyond what a load may cost, not below it', () => {
    expect(verdict(compared([1.04, 1.04, 1.04]), 5).ok).toBe(true);
    expect(verdict(compared([1, 1.06, 1.06]), 5)).toMatchObject({ ok: false, ratio: 1.06 });
    expect(verdict(compared([1.04, 1.04, 1.04]), 3).ok).toBe(false);
  });

  it('fails when events were lost, however cheap the load was', () => {
    const found = verdict(compared([0.5], { wrong: 3 }), 5);
    expect(found).toMatchObject({ ok: false, wrong: 3 });
    expect(guardLine(found)).toMatch(/^MISS .*; 3 events lost/);
  });

  it('takes all starts together', () => {
    const starts = [
      compared([1, 1], { wrong: 1 }),
      compared([2, 2]),
      compared([1.5], { cpuUs: 5, wrong: 2 }),
    ];
    expect(verdictOf(starts, 5)).toMatchObject({ ratio: 1.5, wrong: 3, cpuUs: { now: 3, older: 2 } });
  });

  it('says where the generator was the limit, of either build', () => {
    const [now, then] = [side('now'), side('then', { generatorLimit: 'it sent 30 ms late (p99)' })];
    const found = verdictOf([compared([1]), { ...compared([1]), sides: [now, then] }], 5);
    expect(found.generatorLimits).toEqual(['it sent 30 ms late (p99)']);
    expect(guardLine(found)).toMatch(/; the generator was the limit: it sent 30 ms late \(p99\)$/);
  });

  it('says what changed in memory', () => {
    expect(verdict(compared([1], { residentBytes: 1.2e8 }), 5).memory).toBeCloseTo(1.2);
  });
});
