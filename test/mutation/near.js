/** Which tests are near a source file: it is said by where both are, and by their names. */
import { basename } from 'node:path';

/** The folder below `src` or `test` that a file is in; '' for one that is in none. */
function folderOf(file) {
  const [, folder, ...rest] = file.split('/');
  return rest.length > 0 ? folder : '';
}

/** The number of a test file's place: the test of the mutated file, those of its folder, the others. */
export function rank(testFile, mutated) {
  if (basename(testFile) === basename(mutated).replace(/\.ts$/, '.test.ts')) return 0;
  return folderOf(testFile) === folderOf(mutated) ? 1 : 2;
}

/** @returns the items whose file is near the mutated one, or all when there are none */
export function nearest(items, fileOf, mutated) {
  const near = items.filter((item) => rank(fileOf(item), mutated) < 2);
  return near.length > 0 ? near : items;
}

/**
 * Whether a test at the root of `test` is of a source at the root of `src`: `NAME.test.ts`, or `NAME-*.test.ts`, of
 * `NAME.ts`. Others there check the repository, which Stryker's copy is not.
 * @param names of the files at the root of `src`
 */
export function isOfRootSource(testName, names) {
  const test = testName.replace(/\.test\.ts$/, '');
  return names
    .map((name) => name.replace(/\.ts$/, ''))
    .some((source) => test === source || test.startsWith(`${source}-`));
}
