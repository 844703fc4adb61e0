/** The result of `dat bench` as JSON, and two of them compared. */
import { readFileSync } from 'node:fs';
import { CliFailure, Exit } from '../failure.ts';
import type { Knee } from './knee.ts';
import type { Load } from './load.ts';
import { type Outcome, type Percentiles, percentilesOf } from './outcome.ts';
import type { Thresholds } from './thresholds.ts';

export interface Result extends Omit<Outcome, 'latency' | 'series' | 'generatorLimit'> {
  /** What was asked for. `wire`: encoding and protocol; absent in results of older versions. */
  readonly load: Load & { readonly wire?: string };
  /** Latencies, ms; null without deliveries. */
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
  readonly generatorLimit: string | null;
  /** Thresholds that were missed. */
  readonly missed: readonly string[];
  /** Of `--find-knee`: events per second, by what more was not found; null where not even the first rate held. */
  readonly knee?: { readonly eventsPerSecond: number; readonly limit: Knee['limit'] } | null;
  /** What was to be held; absent in results of older versions. */
  readonly thresholds?: Thresholds;
  /** When the load ended, ISO 8601. */
  readonly at: string;
}

/** How a load was played and judged. */
export interface Terms {
  readonly wire?: string;
  readonly thresholds?: Thresholds;
}

/** What a load gave, as it is written to files. */
export function resultOf(
  outcome: Outcome,
  missed: readonly string[],
  knee?: Knee,
  { wire, thresholds }: Terms = {},
): Result {
  const { latency: _, series: __, generatorLimit = null, load, seconds, reasons, ...counts } = outcome;
  const { prefix: ___, ids: ____, ...size } = load; // drawn by lot, or given
  const none = { p50: null, p90: null, p99: null, p999: null, max: null };
  return {
    ...counts,
    ...(percentilesOf(outcome) ?? none),
    seconds,
    load: { ...size, ...(wire !== undefined && { wire }) },
    ...(thresholds !== undefined && { thresholds }),
    ...(knee !== undefined && { knee: kneeOf(knee) }),
    generatorLimit,
    reasons,
    missed,
    at: new Date().toISOString(),
  };
}

function kneeOf({ held, limit }: Knee): NonNullable<Result['knee']> | null {
  if (held === undefined) return null;
  const { rate, devices } = held.outcome.load;
  return { eventsPerSecond: rate * devices, limit };
}

/** The last line of what `dat bench --json` printed. @throws CliFailure when the file has no such line */
export function readResult(file: string): Result {
  try {
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const result = JSON.parse(lines.at(-1) ?? '') as Partial<Result>;
    if (typeof result.sent === 'number' && typeof result.load === 'object') return result as Result;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'no such file' : code;
    if (why !== undefined) throw new CliFailure(Exit.usage, `--compare ${file}: ${why}`);
  }
  throw new CliFailure(Exit.usage, `--compare ${file}: expected what "dat bench --json" has printed`);
}

export interface Change {
  readonly figure: string;
  readonly before: number;
  readonly after: number;
  readonly isWorse: boolean;
}

/**
 * Nothing is worse where the loads differ.
 * @param tolerance 0.25: up to a quarter more latency, or less throughput, is no change for the worse
 */
export function compare(before: Result, after: Result, tolerance: number): Change[] {
  const isJudged = isSameLoad(before, after);
  // Two knees are at different rates, and so are their latencies: the rates are what is compared.
  const isOfRate = before.knee === undefined;
  const figures: (keyof Percentiles)[] = ['p50', 'p90', 'p99', 'max'];
  const changes = figures.flatMap((figure): Change[] => {
    const [old, now] = [before[figure], after[figure]];
    if (old === null || now === null) return [];
    // The largest of many is a matter of luck: shown, not judged.
    const isWorse = isJudged && isOfRate && figure !== 'max' && now > old * (1 + tolerance);
    return [{ figure: `${figure} ms`, before: old, after: now, isWorse }];
  });
  const [old, now] = [rateOf(before), rateOf(after)];
  const throughput = before.knee === undefined ? 'deliveries/s' : 'knee, events/s';
  const isLess = isJudged && now < old / (1 + tolerance);
  return [...changes, { figure: throughput, before: old, after: now, isWorse: isLess }];
}

const rateOf = ({ knee, deliveriesPerSecond }: Result): number =>
  knee === undefined ? deliveriesPerSecond : (knee?.eventsPerSecond ?? 0);

/** Whether two results are of one load, and so can be compared; two knees also need the same thresholds. */
export function isSameLoad(before: Result, after: Result): boolean {
  const key = ({ load: { devices, rate, subscribers, following, bytes }, knee }: Result): string =>
    JSON.stringify([devices, knee === undefined ? rate : 'knee', subscribers, following, bytes]);
  const isSameWire = isSame(before.load.wire, after.load.wire);
  const areSameLimits =
    before.knee === undefined || isSame(limitsOf(before.thresholds), limitsOf(after.thresholds));
  return key(before) === key(after) && isSameWire && areSameLimits;
}

/** What an older version did not write is no difference. */
const isSame = (before: string | undefined, after: string | undefined): boolean =>
  before === undefined || after === undefined || before === after;

const limitsOf = (thresholds: Thresholds | undefined): string | undefined =>
  thresholds && JSON.stringify([thresholds.maxP50, thresholds.maxP99, thresholds.maxLost]);

/** `1000 devices × 20/s to 200 subscribers × 10 devices` */
export function describeLoad({ devices, rate, subscribers, following }: Load): string {
  const perSecond = rate < 10 ? Number(rate.toFixed(2)) : Number(rate.toFixed(1));
  const audience = subscribers === 0 ? 'nobody' : `${subscribers} subscribers × ${following} devices`;
  return `${devices} devices × ${perSecond}/s to ${audience}`;
}
