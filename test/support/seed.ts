import { freshSeed } from './random.ts';

const FIXED = 2026;

const { TEST_SEED } = process.env;

/**
 * The seed of everything that tests do by chance. `npm test` takes the same one each time, so that a commit passes or
 * fails whoever runs it. `TEST_SEED` sets another one; `TEST_SEED=random`, as `npm run test:repeat` does, a new one.
 */
export function testSeed(given: string | undefined = TEST_SEED): number {
  if (given === undefined) return FIXED;
  if (given === 'random') return freshSeed();
  const seed = Number(given);
  if (!Number.isSafeInteger(seed))
    throw new Error(`TEST_SEED: given ${given}, accepted: a whole number, random`);
  return seed;
}
