/**
 * Stryker's runner for Vitest, and what it lacks: code that runs when a module is loaded runs with the mutant in it, a
 * test file that cannot be loaded has noticed the mutant, the likeliest tests run first, all in one thread, and a run
 * ends when its time is over.
 */
import { relative, resolve } from 'node:path';
import { strykerValidationSchema, strykerPlugins as vitestPlugins } from '@stryker-mutator/vitest-runner';
import { nearest, rank } from './near.js';

const [{ kind, factory: createVitestRunner }] = vitestPlugins;
const deadline = Number(process.env.MUTATION_DEADLINE) || Infinity;
/** Whether only the tests of a mutant's own folder are run, where there are some. */
const nearOnly = process.env.MUTATION_NEAR === '1';

/** @returns those of the items that are to run for the mutated file */
const wanted = (items, fileOf, mutated) => (nearOnly ? nearest(items, fileOf, mutated) : items);

/** The errors of test files that could not be loaded, as tests that failed. */
const unloadable = (files) =>
  files
    .filter(({ result, tasks }) => result?.state === 'fail' && tasks.length === 0)
    .map(({ filepath, result }) => ({
      id: `${relative(process.cwd(), filepath)}#`,
      name: `loading ${relative(process.cwd(), filepath)}`,
      timeSpentMs: 0,
      status: 1, // failed
      failureMessage: result.errors?.[0]?.message ?? 'the test file could not be loaded',
    }));

class Runner {
  #vitest;
  #mutated = '';

  constructor(injector) {
    this.#vitest = createVitestRunner(injector);
    const run = this.#vitest.run.bind(this.#vitest);
    this.#vitest.run = async (options) => {
      const result = await run(options);
      if (result.status === 'complete') result.tests.push(...unloadable(this.#files()));
      return result;
    };
  }

  #files() {
    return this.#vitest.ctx.state.getFiles();
  }

  capabilities() {
    return this.#vitest.capabilities();
  }

  async init() {
    await this.#vitest.init();
    const { ctx } = this.#vitest;
    const fileOf = ({ moduleId }) => relative(process.cwd(), moduleId);
    const all = await ctx.getRelevantTestSpecifications();
    // What Stryker's runner calls: it would look for the files anew, and in no useful order.
    ctx.start = async (files) => {
      const chosen = files ? new Set(files.map((file) => resolve(file))) : undefined;
      const specifications = chosen
        ? all.filter(({ moduleId }) => chosen.has(moduleId))
        : wanted(await ctx.getRelevantTestSpecifications(), fileOf, this.#mutated);
      specifications.sort(
        (one, other) => rank(fileOf(one), this.#mutated) - rank(fileOf(other), this.#mutated),
      );
      await ctx.runTestSpecifications(specifications);
    };
  }

  dispose() {
    return this.#vitest.dispose();
  }

  async dryRun(options) {
    const result = await this.#vitest.dryRun(options);
    if (result.status === 'complete') this.#shareLoading(result.tests);
    return result;
  }

  /** Adds to each test its share of what its file takes to load, so that the time a mutant is given is that of its tests. */
  #shareLoading(tests) {
    const loading = new Map(
      this.#files().map((file) => [
        file.filepath,
        (file.prepareDuration ?? 0) + (file.setupDuration ?? 0) + (file.collectDuration ?? 0),
      ]),
    );
    const counts = new Map();
    for (const { fileName } of tests) counts.set(fileName, (counts.get(fileName) ?? 0) + 1);
    for (const test of tests)
      test.timeSpentMs += (loading.get(test.fileName) ?? 0) / counts.get(test.fileName);
  }

  mutantRun(options) {
    if (Date.now() > deadline) return { status: 'error', errorMessage: 'no time was left' };
    this.#mutated = relative(process.cwd(), options.sandboxFileName);
    const testFilter =
      options.testFilter && wanted(options.testFilter, (id) => id.split('#')[0], this.#mutated);
    return this.#vitest.mutantRun({ ...options, testFilter, mutantActivation: 'static' });
  }
}

function createRunner(injector) {
  return new Runner(injector);
}
createRunner.inject = createVitestRunner.inject;

export const strykerPlugins = [{ kind, name: 'vitest', factory: createRunner }];
export { strykerValidationSchema };
