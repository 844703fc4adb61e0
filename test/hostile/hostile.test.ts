/**
 * The short form of `npm run test:hostile`: every attack for a moment, each on one way to run the hub. Attacks that need
 * nothing special follow each other on one hub. What is checked here holds on the busiest host; times are not.
 */
import { describe, expect, it } from 'vitest';
import { testSeed } from '../support/seed.ts';
import { uwsLoads } from '../support/uws-loads.ts';
import { isPlain, rowNames } from './attack.ts';
import { attacks } from './attacks.ts';
import { problemsOf } from './report.ts';
import { runInTurn } from './run.ts';

const MOMENT = { warmUpMs: 0, beforeMs: 50, attackMs: 400 };

const seed = testSeed();
const usable = rowNames.filter((row) => row === 'ws' || uwsLoads());
const plain = attacks.filter(isPlain);
const special = attacks.filter((attack) => !isPlain(attack));
const groups = [
  ...usable.map((row, at) => ({ row, group: plain.filter((_, n) => (n + seed) % usable.length === at) })),
  ...special.map((attack, n) => ({ row: usable[(n + seed) % usable.length]!, group: [attack] })),
].map(({ row, group }) => ({ row, group, names: group.map(({ name }) => name).join(', ') }));

describe('beside hostile peers a victim gets every event', () => {
  it.each(groups)('$row: $names', async ({ row, group }) => {
    const losesNothing = group.some((attack) => attack.losesNothing === true);
    expect(problemsOf({ losesNothing }, await runInTurn(group, row, MOMENT))).toEqual([]);
  });
});
