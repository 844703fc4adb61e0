/** Whether a figure that was taken at even times grows. Pure. */

/** What a figure may do in the second half of a run and still count as level. */
export interface Allowance {
  /** Of the mean of the second half. */
  readonly share: number;
  /** In the figure's unit. */
  readonly amount: number;
}

/**
 * By how much a figure grew over the second half of a run: the slope of the line through its values there (least
 * squares), times its length. The first half is left for what fills up once: pools, caches, compiled code.
 * @param values in order; at least 4
 */
export function growthOf(values: readonly number[]): number {
  const half = values.slice(Math.floor(values.length / 2));
  const middle = (half.length - 1) / 2;
  const mean = meanOf(half);
  let above = 0;
  let below = 0;
  for (const [at, value] of half.entries()) {
    above += (at - middle) * (value - mean);
    below += (at - middle) ** 2;
  }
  return (above / below) * (half.length - 1);
}

/** @returns what is wrong, undefined while the figure is level */
export function growthProblem(
  name: string,
  values: readonly number[],
  allowed: Allowance,
): string | undefined {
  if (values.length < 4) return `${name}: ${values.length} values are too few`;
  const growth = growthOf(values);
  const mean = meanOf(values.slice(Math.floor(values.length / 2)));
  const most = Math.max(allowed.amount, mean * allowed.share);
  if (growth <= most) return undefined;
  return `${name} grew by ${Math.round(growth)} over the second half, around ${Math.round(mean)}; at most ${Math.round(most)} is level`;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
