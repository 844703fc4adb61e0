/**
 * Mutation testing: Stryker changes the sources of these folders, one place at a time, and runs the unit tests that
 * reach it. docs/testing.md says how to run it and what it found.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const folders = ['memory', 'records', 'history', 'presence', 'owner', 'edge', 'access', 'snapshot'];
const incrementalFile = '.stryker/incremental.json';
const { MUTATION_AGAIN, MUTATION_CONCURRENCY, MUTATION_SECONDS } = process.env;

// Read by the runners, which are processes of their own.
if (MUTATION_SECONDS) process.env.MUTATION_DEADLINE ??= String(Date.now() + Number(MUTATION_SECONDS) * 1000);
forgetUnfinished();

/** What the last run had no time for, or failed at, is to run again; with MUTATION_AGAIN=1 what survived, too. */
function forgetUnfinished() {
  const unfinished = ['RuntimeError', ...(MUTATION_AGAIN === '1' ? ['Survived'] : [])];
  if (!existsSync(incrementalFile)) return;
  const report = JSON.parse(readFileSync(incrementalFile, 'utf8'));
  for (const file of Object.values(report.files))
    file.mutants = file.mutants.filter(({ status }) => !unfinished.includes(status));
  writeFileSync(incrementalFile, JSON.stringify(report));
}

export default {
  testRunner: 'vitest',
  plugins: ['./test/mutation/runner.js'],
  vitest: { configFile: 'test/mutation/vitest.config.ts' },
  mutate: folders.map((folder) => `src/${folder}/**/*.ts`),
  // Vitest strips types and checks none, so what does not compile need not be kept apart.
  disableTypeChecks: false,
  tsconfigFile: 'none',
  coverageAnalysis: 'perTest',
  incremental: true,
  incrementalFile,
  tempDirName: '.stryker/tmp',
  ignorePatterns: ['/dist', '/bench', '/clients', '/dashboard', '/deploy', '/examples', '/.ci'],
  concurrency: Number(MUTATION_CONCURRENCY) || Math.max(1, availableParallelism() - 1),
  // A mutant that loops for ever is one that the tests noticed.
  timeoutMS: 3000,
  timeoutFactor: 4,
  warnings: { slow: false },
  reporters: ['html', 'json', 'progress-append-only'],
  htmlReporter: { fileName: '.stryker/report.html' },
  jsonReporter: { fileName: '.stryker/report.json' },
};
