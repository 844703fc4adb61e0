import { describe, expect, it } from 'vitest';
import { growthOf, growthProblem } from './growth.ts';
import { soak } from './soak.ts';

describe('growth', () => {
  const level = Array.from({ length: 40 }, (_, n) => 100 + (n % 5));
  const growing = level.map((value, n) => value + n);

  it('is what the second half adds by its slope', () => {
    expect(growthOf(growing)).toBeGreaterThan(17);
    expect(Math.abs(growthOf(level))).toBeLessThan(3);
  });

  it('is none where only the first half fills up', () => {
    const filled = level.map((value, n) => value + Math.min(n, 15));
    expect(growthProblem('x', filled, { share: 0.05, amount: 3 })).toBeUndefined();
  });

  it('is a problem above both allowances, and with too few values', () => {
    expect(growthProblem('rows', growing, { share: 0.05, amount: 3 })).toMatch(/^rows grew by \d+/);
    expect(growthProblem('rows', growing, { share: 0.5, amount: 3 })).toBeUndefined();
    expect(growthProblem('rows', [1, 2, 3], { share: 1, amount: 1 })).toContain('too few');
  });
});

describe('a hub under comings and goings', () => {
  it('is watched, and has every row free and every connection closed in the end', async () => {
    const { problems, samples, sent, comings } = await soak({ seconds: 12 });
    expect(sent).toBeGreaterThan(0);
    expect(comings).toBeGreaterThan(0);
    expect(samples.every(({ residentMiB, openFiles }) => residentMiB > 10 && openFiles > 10)).toBe(true);
    expect(Math.max(...samples.map(({ rows }) => rows))).toBeGreaterThan(800);
    // So short a run says nothing of what grows: memory is still filling up, and what comes goes as this host lets it.
    expect(problems).toEqual([]);
  });
});
