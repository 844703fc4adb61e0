/**
 * How much chance and exhaustion a test takes. `TEST_SHARE=0.1` takes a tenth: mutation testing runs the same tests
 * thousands of times.
 */
const { TEST_SHARE = 1 } = process.env;

const share = Number(TEST_SHARE);

/** @returns how often to try a property that `npm test` tries `count` times */
export function runs(count: number): number {
  return Math.ceil(count * share);
}

/** @returns the whole numbers below `end`; with a smaller share, evenly many of them less */
export function* below(end: number): Generator<number> {
  for (let n = 0; n < end; n += 1 / share) yield Math.floor(n);
}
