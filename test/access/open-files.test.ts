import { describe, expect, it } from 'vitest';
import { fileBudget, waitingLimits, waitingMax } from '../../src/access/open-files.ts';

/** As without TLS. */
const plain = { threads: 0, perConnection: 1, places: 1 };

describe('the budget of open files', () => {
  const limits = (files: number | string) => () =>
    `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${files}                 4096     files\n`;

  it('is shared out among connections, those that wait, and what else needs files', () => {
    expect(fileBudget(plain, limits(1_000_000))).toMatchObject({ connections: 895_904, waiting: 4096 });
    expect(fileBudget(plain, limits(20_000))).toMatchObject({ connections: 15_500, waiting: 2500 });
    expect(fileBudget(plain, limits(1024))).toMatchObject({ connections: 704, waiting: 128 });
    expect(fileBudget(plain, limits(256))).toMatchObject({ connections: 32, waiting: 32 });
    expect(fileBudget(plain, limits(64))).toMatchObject({ connections: 1, waiting: 16 });
  });

  it('leaves more to a hub of many threads', () => {
    expect(fileBudget({ ...plain, threads: 16 }, limits(1024))).toMatchObject({
      connections: 512,
      waiting: 128,
    });
  });

  it('bounds only those that wait where there is no limit, or none that can be read', () => {
    expect(fileBudget(plain, limits('unlimited'))).toEqual({ connections: 0, waiting: 4096, places: 1 });
    const unreadable = () => {
      throw new Error('no /proc');
    };
    expect(fileBudget(plain, unreadable)).toEqual({ connections: 0, waiting: 4096, places: 1 });
  });

  it('counts three descriptors for a connection whose TLS ends in a thread of its own', () => {
    const tls = { threads: 2, perConnection: 3, places: 3 };
    expect(fileBudget(tls, limits(20_000))).toMatchObject({ connections: 5167, waiting: 833 });
  });

  it('gives those that wait what admitted connections leave, and their own part at least', () => {
    const budget = { connections: 1000, waiting: 100, places: 1 };
    expect([0, 400, 1000, 1200].map((open) => waitingMax(budget, open))).toEqual([1100, 700, 100, 100]);
    expect(waitingMax({ ...budget, connections: 0, waiting: 4096 }, 1_000_000)).toBe(65_536);
    expect(waitingMax({ ...budget, connections: 900_000, waiting: 4096 }, 0)).toBe(65_536);
  });
  it('gives each thread in which connections wait an equal part, and half of that to one network', () => {
    const { total, perNetwork } = waitingLimits(
      { connections: 1000, waiting: 100, places: 3 },
      { open: 900 },
    );
    expect(total()).toBe(67);
    expect(perNetwork).toBe(17);
  });
});
