/** How a session ends. */
import type { Change } from './report-compare.ts';
import type { Session } from './results.ts';
import type { Verdict } from './thresholds.ts';

export interface Ending {
  /** What was played now, without what was taken from older results. */
  readonly session: Pick<Session, 'missing'>;
  readonly verdicts: readonly Verdict[];
  readonly changed: readonly Change[];
  /** Whether targets and changes count. */
  readonly isChecked: boolean;
}

/** @returns 1 when a peer did not get through a load: there is no result that could miss a target then */
export function exitCodeOf({ session, verdicts, changed, isChecked }: Ending): 0 | 1 {
  if (session.missing.some(({ failed }) => failed)) return 1;
  const isMissed = verdicts.some(({ ok }) => !ok) || changed.some(({ worse }) => worse);
  return isChecked && isMissed ? 1 : 0;
}
