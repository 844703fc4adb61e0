/** Runs before each test file: properties draw from `testSeed`, and print the seed when they fail. */
import fc from 'fast-check';
import { runs } from './runs.ts';
import { testSeed } from './seed.ts';

fc.configureGlobal({ seed: testSeed(), numRuns: runs(100) });
