import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COST_MS_MAX, dearInput, ThreadCosts } from './costs.ts';

/** @returns costs in the order in which they were asked for */
const tells = (...costs: readonly number[]) => {
  const asked: string[] = [];
  const costOf = (input: string): Promise<number> => {
    asked.push(input);
    return Promise.resolve(costs[asked.length - 1]!);
  };
  return { asked, costOf };
};

describe('the cost of an input', () => {
  it.skipIf(!existsSync('/proc/self/schedstat'))('is the CPU time of the thread that it kept busy', () => {
    const costs = new ThreadCosts(process.pid);
    costs.begin();
    const busyMs = 60;
    const from = process.cpuUsage();
    while (process.cpuUsage(from).user < busyMs * 1e3);
    expect(costs.most()).toBeGreaterThan(COST_MS_MAX);
    costs.begin();
    expect(costs.most()).toBeLessThan(busyMs);
  });

  it('is too much where it is so each time that the input is tried alone', async () => {
    const { asked, costOf } = tells(1, 25, 24, 23, 1);
    expect(await dearInput(['a', 'b', 'c'], costOf)).toEqual({ input: 'b', ms: 23 });
    expect(asked).toEqual(['a', 'b', 'b', 'b']);
  });

  it('is not too much where it was so once', async () => {
    const { asked, costOf } = tells(90, 2, 3, 70, 60, 4);
    expect(await dearInput(['a', 'b', 'c'], costOf)).toBeUndefined();
    expect(asked).toEqual(['a', 'a', 'b', 'c', 'c', 'c']);
  });
});
