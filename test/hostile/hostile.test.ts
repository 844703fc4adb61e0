/**
 * The short form of `npm run test:hostile`: every attack for a moment, each on one way to run the hub in turn. What is
 * checked here holds on the busiest host; times are not.
 */
import { describe, expect, it } from 'vitest';
import { testSeed } from '../support/seed.ts';
import { uwsLoads } from '../support/uws-loads.ts';
import { rowNames } from './attack.ts';
import { attacks } from './attacks.ts';
import { problemsOf } from './report.ts';
import { run } from './run.ts';

const MOMENT = { warmUpMs: 0, beforeMs: 50, attackMs: 700 };

const seed = testSeed();
const cases = attacks.map((attack, n) => ({ attack, row: rowNames[(n + seed) % rowNames.length]! }));

describe('beside a hostile peer a victim gets every event', () => {
  it.each(cases)('$attack.name ($row)', { timeout: 60_000 }, async ({ attack, row }) => {
    if (row !== 'ws' && !uwsLoads()) return;
    expect(problemsOf(attack, await run(attack, row, MOMENT))).toEqual([]);
  });
});
