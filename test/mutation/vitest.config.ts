/**
 * The tests that see a mutant: those that run the sources in their own thread. A test that starts the built hub, a
 * thread or a process would test `dist/`, which has no mutants. Those of the admin listener wait for real seconds.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { isOfRootSource } from './near.js';

const root = join(import.meta.dirname, '../..');
const folders = [
  'access',
  'cluster',
  'edge',
  'history',
  'memory',
  'owner',
  'presence',
  'records',
  'regression',
  'snapshot',
  'wire',
];
const LEFT_OUT = /\bdist\/|new Worker\(|node:child_process|src\/hub\.ts|workers\/|\/admin\//;

const textOf = (file: string): string => readFileSync(file, 'utf8');

/** @returns the files of tests that this one imports, itself included */
function testFilesOf(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file) || !file.startsWith(join(root, 'test')) || !existsSync(file)) return found;
  found.add(file);
  for (const [, path] of textOf(file).matchAll(/from '(\.[^']+)'/g))
    testFilesOf(join(dirname(file), path!), found);
  return found;
}

const runsFromSource = (file: string): boolean =>
  ![...testFilesOf(file)].some((imported) => LEFT_OUT.test(textOf(imported)));

class AsGiven extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files;
  }
}

const below = folders.flatMap((folder) =>
  readdirSync(join(root, 'test', folder), { recursive: true, encoding: 'utf8' }).map(
    (name) => `test/${folder}/${name}`,
  ),
);
const rootSources = readdirSync(join(root, 'src')).filter((name) => name.endsWith('.ts'));
const atRoot = readdirSync(join(root, 'test'))
  .filter((name) => isOfRootSource(name, rootSources))
  .map((name) => `test/${name}`);
const include = [...below, ...atRoot].filter(
  (file) => file.endsWith('.test.ts') && runsFromSource(join(root, file)),
);

export default defineConfig({
  root,
  test: {
    include,
    // One thread runs all tests of a mutant; `runner.js` says in which order.
    isolate: false,
    sequence: { sequencer: AsGiven },
    setupFiles: ['test/support/properties.ts', 'test/mutation/setup.ts'],
    env: { TEST_SHARE: '0.2', CLUSTER_MODEL_RUNS: '10' },
    testTimeout: 20_000,
    hookTimeout: 30_000,
    reporters: [{}],
    cache: false,
  },
});
