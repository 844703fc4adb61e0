/** Runs of a model of a cluster, each with a seed of its own. */
import { testSeed } from '../../support/seed.ts';

const { CLUSTER_MODEL_RUNS, CLUSTER_MODEL_SEED } = process.env;

/** One run: what happens, step by step, and what must be so when all is well again. */
export interface ModelRun {
  /** What has happened, oldest first. */
  readonly log: readonly string[];
  step(): void;
  heal(): void;
  check(): void;
}

/**
 * @param count unless CLUSTER_MODEL_RUNS or CLUSTER_MODEL_SEED say otherwise
 * @param shown lines of the log in the error of a run that fails
 * @throws Error with the seed and the log of a run that fails
 */
export function eachModelRun(
  { count, steps, shown }: { readonly count: number; readonly steps: number; readonly shown: number },
  start: (seed: number) => ModelRun,
): void {
  const first = CLUSTER_MODEL_SEED === undefined ? testSeed() : Number(CLUSTER_MODEL_SEED);
  const runs = CLUSTER_MODEL_SEED === undefined ? Number(CLUSTER_MODEL_RUNS ?? count) : 1;
  for (let seed = first; seed < first + runs; seed++) {
    const run = start(seed);
    try {
      for (let step = 0; step < steps; step++) run.step();
      run.heal();
      run.check();
    } catch (failure) {
      const said = run.log.slice(-shown).join('\n');
      throw new Error(`CLUSTER_MODEL_SEED=${seed}\n${said}\n${(failure as Error).message}`, {
        cause: failure,
      });
    }
  }
}
