/**
 * Mutation testing: Stryker changes the sources of these folders, one place at a time, and runs the unit tests that
 * reach it. docs/testing.md says how to run it and what it found.
 */
const folders = ['memory', 'records', 'history', 'presence', 'owner', 'edge', 'access', 'snapshot'];

export default {
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'test/mutation/vitest.config.ts' },
  mutate: folders.map((folder) => `src/${folder}/**/*.ts`),
  // Vitest strips types and checks none, so what does not compile need not be kept apart.
  disableTypeChecks: false,
  tsconfigFile: 'none',
  coverageAnalysis: 'perTest',
  incremental: true,
  incrementalFile: '.stryker/incremental.json',
  tempDirName: '.stryker/tmp',
  ignorePatterns: ['/dist', '/bench', '/clients', '/dashboard', '/deploy', '/examples', '/.ci'],
  concurrency: 1,
  // A mutant that loops for ever is one that the tests noticed.
  timeoutMS: 10_000,
  reporters: ['clear-text', 'html', 'json', 'progress-append-only'],
  clearTextReporter: { reportTests: false, logTests: false },
  htmlReporter: { fileName: '.stryker/report.html' },
  jsonReporter: { fileName: '.stryker/report.json' },
};
