/**
 * The hub's figures over time, as plots need them: what the hub kept before the page was opened, and what came since.
 * Holds an hour of seconds, about half a megabyte; a time without figures shows as a gap.
 */
import type { LiveFigures } from '../../src/admin/live-schemas.ts';
import type { KeptFiguresAnswer } from '../../src/admin/stats-schemas.ts';

export const seriesNames = [
  'message',
  'status',
  'pong',
  'skipped',
  'deliveries',
  'dropped',
  'p50',
  'p90',
  'p99',
  'devices',
  'subscribers',
] as const;
export type SeriesName = (typeof seriesNames)[number];
export type Value = number | null;

/** One moment. Rates are per second, latencies in seconds. */
export type Sample = { readonly at: number } & Readonly<Record<SeriesName, Value>>;

/** An hour of seconds; the hub keeps as many. */
export const SAMPLES_MAX = 3600;
/** Figures come once a second: with more between two samples some are missing. */
const GAP_MS = 3500;

export function sampleOf({ at, rates, latency, connections }: LiveFigures): Sample {
  return {
    at,
    message: rates?.received.message ?? null,
    status: rates?.received.status ?? null,
    pong: rates?.received.pong ?? null,
    skipped: rates?.skipped ?? null,
    deliveries: rates?.deliveries ?? null,
    dropped: rates?.droppedEvents ?? null,
    p50: latency.p50Seconds,
    p90: latency.p90Seconds,
    p99: latency.p99Seconds,
    devices: connections.device,
    subscribers: connections.subscriber,
  };
}

/** Of what `GET /v1/stats/history` answers. */
export function samplesOf({ at, series }: KeptFiguresAnswer): Sample[] {
  const value = (of: readonly (number | null)[], row: number): number | null => of[row] ?? null;
  return at.map((time, row) => ({
    at: time,
    message: value(series.receivedMessage, row),
    status: value(series.receivedStatus, row),
    pong: value(series.receivedPong, row),
    skipped: value(series.skipped, row),
    deliveries: value(series.deliveries, row),
    dropped: value(series.dropped, row),
    p50: value(series.p50Seconds, row),
    p90: value(series.p90Seconds, row),
    p99: value(series.p99Seconds, row),
    devices: value(series.deviceConnections, row),
    subscribers: value(series.subscriberConnections, row),
  }));
}

function secondOf({ at }: Sample): number {
  return Math.round(at / 1e3);
}

/** Samples between two times, a column per series. */
export interface Columns {
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly of: Readonly<Record<SeriesName, readonly Value[]>>;
}

export class Series {
  /** Oldest first. */
  #samples: Sample[] = [];

  /** @returns whether figures are missing before this sample */
  add(sample: Sample): boolean {
    const last = this.#samples.at(-1);
    if (last !== undefined && sample.at <= last.at) return false;
    const isLate = last === undefined || sample.at - last.at > GAP_MS;
    // The first figures of a stream have no rates: between others they are no gap.
    if (sample.message === null && !isLate) return false;
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    return isLate;
  }

  /** Fills in what others kept: where there is a sample already, it stays, unless it has no rates. */
  fill(kept: readonly Sample[]): void {
    const keptSeconds = new Set(kept.map(secondOf));
    const own = this.#samples.filter((one) => one.message !== null || !keptSeconds.has(secondOf(one)));
    const ownSeconds = new Set(own.map(secondOf));
    const news = kept.filter((one) => !ownSeconds.has(secondOf(one)));
    if (news.length === 0) return;
    this.#samples = [...own, ...news].sort((one, other) => one.at - other.at).slice(-SAMPLES_MAX);
  }

  /** Milliseconds since 1970 of the newest, 0 without any. */
  get newestAt(): number {
    return this.#samples.at(-1)?.at ?? 0;
  }

  /** @param fromAt and toAt: milliseconds since 1970; one sample beyond each is included, so that lines go on */
  columns(fromAt: number, toAt: number): Columns {
    const times: number[] = [];
    const of = Object.fromEntries(seriesNames.map((name) => [name, [] as Value[]])) as Record<
      SeriesName,
      Value[]
    >;
    const within = this.#samples.findIndex(({ at }) => at >= fromAt);
    const first = within < 0 ? this.#samples.length : Math.max(0, within - 1);
    let last: number | undefined;
    for (const sample of this.#samples.slice(first)) {
      const { at } = sample;
      if (last !== undefined && at - last > GAP_MS) {
        times.push((last + 1) / 1e3);
        for (const name of seriesNames) of[name].push(null);
      }
      times.push(at / 1e3);
      for (const name of seriesNames) of[name].push(sample[name]);
      last = at;
      if (at > toAt) break;
    }
    return { times, of };
  }
}
