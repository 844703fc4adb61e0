import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { TEST_MS } from './test/support/waits.ts';

/** The suites that take minutes come first, so that the rest fits beside them. */
const LONG = ['/test/conformance/', '/test/mqtt/', '/test/cluster/'];
/** Units in one thread: they share a process, which loads the sources once and not for each file. */
const UNITS = [
  'access',
  'admin',
  'edge',
  'history',
  'memory',
  'owner',
  'presence',
  'records',
  'settings',
  'wire',
].map((folder) => `test/${folder}/**/*.test.ts`);

/** Units come last, one after the other: a process takes only files that follow each other. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      if (project.name === 'units') return LONG.length + 1;
      const at = LONG.findIndex((folder) => moduleId.includes(folder));
      return at < 0 ? LONG.length : at;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  test: {
    setupFiles: ['test/support/properties.ts'],
    // Threads and sockets are real in most of these tests, which mostly wait: three files at a time fill two cores.
    maxWorkers: 3,
    // Tests within a file run one after the other, but for those that do nothing but wait for timers.
    maxConcurrency: 20,
    testTimeout: TEST_MS,
    hookTimeout: TEST_MS,
    sequence: { sequencer: LongFirst },
    projects: [
      { extends: true, test: { name: 'hubs', include: ['test/**/*.test.ts'], exclude: UNITS } },
      { extends: true, test: { name: 'units', include: UNITS, isolate: false } },
    ],
  },
});
