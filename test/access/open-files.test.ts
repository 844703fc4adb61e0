import { describe, expect, it } from 'vitest';
import { fileBudget, waitingMax } from '../../src/access/open-files.ts';

/** As without TLS. */
const plain = { threads: 0, perConnection: 1 };

describe('the budget of open files', () => {
  const limits = (files: number | string) => () =>
    `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${files}                 4096     files\n`;

  it('is shared out among connections, those that wait, and what else needs files', () => {
    expect(fileBudget(plain, limits(1_000_000))).toEqual({ connections: 895_904, waiting: 4096 });
    expect(fileBudget(plain, limits(20_000))).toEqual({ connections: 15_500, waiting: 2500 });
    expect(fileBudget(plain, limits(1024))).toEqual({ connections: 736, waiting: 128 });
    expect(fileBudget(plain, limits(256))).toEqual({ connections: 64, waiting: 32 });
    expect(fileBudget(plain, limits(64))).toEqual({ connections: 1, waiting: 16 });
  });

  it('leaves more to a hub of many threads', () => {
    expect(fileBudget({ ...plain, threads: 16 }, limits(1024))).toEqual({ connections: 544, waiting: 128 });
  });

  it('bounds only those that wait where there is no limit, or none that can be read', () => {
    expect(fileBudget(plain, limits('unlimited'))).toEqual({ connections: 0, waiting: 4096 });
    const unreadable = () => {
      throw new Error('no /proc');
    };
    expect(fileBudget(plain, unreadable)).toEqual({ connections: 0, waiting: 4096 });
  });

  it('counts three descriptors for a connection whose TLS ends in a thread of its own', () => {
    const tls = { threads: 2, perConnection: 3 };
    expect(fileBudget(tls, limits(20_000))).toEqual({ connections: 5167, waiting: 833 });
  });

  it('gives those that wait what admitted connections leave, and their own part at least', () => {
    const budget = { connections: 1000, waiting: 100 };
    expect([0, 400, 1000, 1200].map((open) => waitingMax(budget, open))).toEqual([1100, 700, 100, 100]);
    expect(waitingMax({ connections: 0, waiting: 4096 }, 1_000_000)).toBe(65_536);
    expect(waitingMax({ connections: 900_000, waiting: 4096 }, 0)).toBe(65_536);
  });
});
