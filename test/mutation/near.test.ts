import { describe, expect, it } from 'vitest';
import { isOfRootSource, nearest, rank } from './near.js';

const tests = [
  'test/linked-list.test.ts',
  'test/settings.test.ts',
  'test/owner/sweeps.test.ts',
  'test/owner/cluster/claims.test.ts',
  'test/regression/a-sweep.test.ts',
];
const near = (mutated: string) => nearest(tests, (file) => file, mutated);

describe('tests near a mutated source', () => {
  it('are those of its folder, however deep, its own first', () => {
    expect(near('src/owner/sweeps.ts')).toEqual([
      'test/owner/sweeps.test.ts',
      'test/owner/cluster/claims.test.ts',
    ]);
    expect(tests.map((file) => rank(file, 'src/owner/sweeps.ts'))).toEqual([2, 2, 0, 1, 2]);
    expect(tests.map((file) => rank(file, 'src/owner/cluster/claims.ts'))).toEqual([2, 2, 1, 0, 2]);
  });

  it('are those at the root of test, of a source at the root of src', () => {
    expect(near('src/linked-list.ts')).toEqual(['test/linked-list.test.ts', 'test/settings.test.ts']);
    expect(tests.map((file) => rank(file, 'src/linked-list.ts'))).toEqual([0, 1, 2, 2, 2]);
  });

  it('are all where none is near', () => {
    expect(near('src/wire/codec.ts')).toEqual(tests);
  });
});

it('tests at the root are run for the source that their name begins with, and not where there is none', () => {
  const sources = ['settings.ts', 'linked-list.ts', 'log-output.ts'];
  const isRun = (name: string): boolean => isOfRootSource(name, sources);
  expect(['settings.test.ts', 'settings-text.test.ts', 'linked-list.test.ts'].map(isRun)).toEqual([
    true,
    true,
    true,
  ]);
  expect(['tidy.test.ts', 'docs-guides.test.ts', 'settingsx.test.ts', 'log.test.ts'].map(isRun)).toEqual([
    false,
    false,
    false,
    false,
  ]);
});
