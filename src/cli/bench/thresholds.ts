/** When a load counts as failed. */
import { type Outcome, percentilesOf } from './outcome.ts';

export interface Thresholds {
  /** ms */
  readonly maxP50?: number;
  /** ms */
  readonly maxP99?: number;
  /** Deliveries. */
  readonly maxLost: number;
}

/** @returns what was missed, as it is told; empty when all held */
export function missed(outcome: Outcome, { maxP50, maxP99, maxLost }: Thresholds): string[] {
  const { lost, doubled, disordered, cutOff } = outcome;
  const { p50 = 0, p99 = 0 } = percentilesOf(outcome) ?? {};
  const above = (what: string, value: number, limit: number | undefined, unit = ''): string[] =>
    limit !== undefined && value > limit ? [`${what} ${value}${unit}, at most ${limit}${unit}`] : [];
  return [
    ...above('lost', lost, maxLost),
    ...above('doubled', doubled, 0),
    ...above('out of order', disordered, 0),
    ...above('cut off', cutOff, 0),
    ...above('p50', p50, maxP50, ' ms'),
    ...above('p99', p99, maxP99, ' ms'),
  ];
}
