/** This session against an older one: ratios of figures, and of the hub's to the lean peer's, which travel best. */
import { styleText } from 'node:util';
import type { Result, Session } from './results.ts';
import { isHub } from './thresholds.ts';

export interface Change {
  readonly shape: string;
  readonly figure: string;
  readonly before: number;
  readonly after: number;
  /** A figure of the hub that is worse; that another server was slower says something of the host. */
  readonly worse: boolean;
}

/** What counts as a change: runs on one host differ by this much. */
const NOISE = 1.15;

export function changes(before: Session, after: Session): Change[] {
  return after.results.flatMap((result) => {
    const old = find(before, result.shape, result.peer);
    if (old === undefined) return [];
    const cpu: Change = change(result, `CPU of ${result.peer}`, old.cpuUs, result.cpuUs);
    const [leanOld, lean] = [before, after].map((session) => find(session, result.shape, 'uws-lean'));
    if (result.peer !== 'dat' || !leanOld || !lean) return [cpu];
    return [cpu, change(result, 'CPU over uws-lean', old.cpuUs / leanOld.cpuUs, result.cpuUs / lean.cpuUs)];
  });
}

function find(session: Session, shape: string, peer: string): Result | undefined {
  return session.results.find((result) => result.shape === shape && result.peer === peer);
}

function change({ shape, peer }: Result, figure: string, before: number, after: number): Change {
  return { shape, figure, before, after, worse: isHub(peer) && after > before * NOISE };
}

export function changeLine({ shape, figure, before, after, worse }: Change): string {
  const line = `  ${shape.padEnd(10)} ${figure}: ${before.toFixed(2)} → ${after.toFixed(2)} (${(after / before).toFixed(2)} ×)`;
  return worse ? styleText('red', line) : line;
}
