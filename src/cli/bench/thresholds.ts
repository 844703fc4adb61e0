/** When a load counts as failed. */
import { type Outcome, percentilesOf } from './outcome.ts';

export interface Thresholds {
  /** ms */
  readonly maxP50?: number;
  /** ms */
  readonly maxP99?: number;
  /** Deliveries; also events that were refused or not sent. */
  readonly maxLost: number;
}

/** @returns what was missed, as it is told; empty when all held */
export function missed(outcome: Outcome, { maxP50, maxP99, maxLost }: Thresholds): string[] {
  const { lost, refused, unsent, doubled, disordered, cutOff } = outcome;
  const percentiles = percentilesOf(outcome);
  const above = (what: string, value: number, limit: number, unit = ''): string[] =>
    value > limit ? [`${what} ${value}${unit}, at most ${limit}${unit}`] : [];
  /** Without deliveries there is no latency that a threshold could hold. */
  const slow = (what: 'p50' | 'p99', limit: number | undefined): string[] => {
    if (limit === undefined) return [];
    return percentiles === undefined
      ? [`${what}: nothing was delivered`]
      : above(what, percentiles[what], limit, ' ms');
  };
  return [
    ...above('lost', lost, maxLost),
    // Of an event that nobody follows no delivery is lost.
    ...above('refused', refused, maxLost),
    ...above('not sent', unsent, maxLost),
    ...above('doubled', doubled, 0),
    ...above('out of order', disordered, 0),
    ...above('cut off', cutOff, 0),
    ...slow('p50', maxP50),
    ...slow('p99', maxP99),
  ];
}
