/** Whether a load costs more with this build than with an older one. */
import { median, type Result } from './results.ts';

export interface GuardVerdict {
  readonly shape: string;
  /** CPU now over CPU then: the median of the rounds' ratios, since the two of a round had the same host. */
  readonly ratio: number;
  readonly lowest: number;
  readonly highest: number;
  readonly limit: number;
  readonly ok: boolean;
  /** Events lost, doubled or out of order, and readers cut off, by this build. */
  readonly wrong: number;
}

/** @param results of the peers `now` and `then` @param percent how much dearer a load may be */
export function dearer(results: readonly Result[], percent: number): GuardVerdict[] {
  const limit = 1 + percent / 100;
  return results
    .filter(({ peer }) => peer === 'now')
    .flatMap((now) => {
      const then = results.find(({ peer, shape }) => peer === 'then' && shape === now.shape);
      if (then === undefined) return [];
      const ratios = now.cpuUsOfRuns.map((cpuUs, round) => cpuUs / then.cpuUsOfRuns[round]!);
      const ratio = median(ratios);
      const wrong = now.lost + now.duplicated + now.disordered + now.connectionsLost;
      const range = { lowest: Math.min(...ratios), highest: Math.max(...ratios) };
      return [{ shape: now.shape, ratio, ...range, limit, ok: ratio <= limit && wrong === 0, wrong }];
    });
}

export function guardLine({ shape, ratio, lowest, highest, limit, ok, wrong }: GuardVerdict): string {
  const range = `${lowest.toFixed(3)} to ${highest.toFixed(3)}`;
  const faults = wrong === 0 ? '' : `; ${wrong} events lost, doubled or out of order, or readers cut off`;
  return `${ok ? 'ok  ' : 'MISS'} ${shape.padEnd(10)} CPU ${ratio.toFixed(3)} × (${range}; at most ${limit.toFixed(2)})${faults}`;
}
