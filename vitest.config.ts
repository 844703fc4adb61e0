import { readdirSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { TEST_MS } from './test/support/waits.ts';

/** What takes longest comes first, so that the rest fits beside it. */
const LONG = [
  '/test/conformance/',
  '/test/mqtt/',
  '/test/cluster/',
  '/test/cli/commands/bench',
  '/test/hostile/',
  '/test/regression/idle-connections',
];
/** A file that replaces modules needs them loaded anew, and so a process of its own. */
const APART = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => `test/${file}`)
  .filter((file) => readFileSync(file, 'utf8').includes('vi.mock('));

/** Those that share processes come first: a process takes only files of one project that follow each other. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      if (project.name === 'apart') return LONG.length + 1;
      const at = LONG.findIndex((folder) => moduleId.includes(folder));
      return at < 0 ? LONG.length : at;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  test: {
    setupFiles: ['test/support/properties.ts'],
    // Threads and sockets are real in many of these tests, which mostly wait: five files at a time fill two cores.
    maxWorkers: 5,
    // Tests within a file run one after the other, but for those that do nothing but wait for timers.
    maxConcurrency: 20,
    // A failure shows the values that it is about, also where only the message is kept.
    chaiConfig: { truncateThreshold: 4000 },
    testTimeout: TEST_MS,
    hookTimeout: TEST_MS,
    sequence: { sequencer: LongFirst },
    projects: [
      // A process that runs many files loads the sources once and not for each.
      {
        extends: true,
        test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: APART, isolate: false },
      },
      { extends: true, test: { name: 'apart', include: APART } },
    ],
  },
});
