/**
 * Readings of the hub's figures, and the changes between two of them: rates, and the latency of the last seconds.
 */
import type { Clock } from '../clock.ts';
import type { Watch } from '../edge/edge-timers.ts';
import { latencyBoundsSeconds } from '../memory/counters.ts';
import type { AdminDeps } from './deps.ts';
import { collectTotals, type Totals } from './figures.ts';
import type { LiveFigures } from './live-schemas.ts';

/** The figures at one moment. */
export interface Look<Figures extends Totals = Totals> {
  /** Monotonic. */
  readonly atMs: number;
  readonly cpuSeconds: number;
  readonly figures: Figures;
}

/** @param figures read just now */
export function lookNow<Figures extends Totals>(clock: Clock, figures: Figures): Look<Figures> {
  const { user, system } = process.cpuUsage();
  return { atMs: clock.now(), cpuSeconds: (user + system) / 1e6, figures };
}

export const LOOKS_APART_MS = 1000;

/** Looks once a second, for all that keep looks. The first is at once. */
export class LookWatch implements Watch {
  readonly tickMs = LOOKS_APART_MS;
  readonly #deps: AdminDeps;
  readonly #keepers: readonly { add(look: Look): void }[];

  constructor(deps: AdminDeps, keepers: readonly { add(look: Look): void }[]) {
    this.#deps = deps;
    this.#keepers = keepers;
    this.tick();
  }

  /** Call every `tickMs`. */
  tick(): void {
    const look = lookNow(this.#deps.clock, collectTotals(this.#deps));
    for (const keeper of this.#keepers) keeper.add(look);
  }
}

/** How fast a figure grew. @returns 0 for one that started over */
export function perSecond<Figures extends Totals>(
  from: Look<Figures>,
  to: Look<Figures>,
  read: (look: Look<Figures>) => number,
): number {
  const seconds = (to.atMs - from.atMs) / 1e3;
  return seconds <= 0 ? 0 : Math.max(0, (read(to) - read(from)) / seconds);
}

/** Rates per second between two looks at the totals. */
export function ratesBetween(from: Look, to: Look): NonNullable<LiveFigures['rates']> {
  const rate = (read: (totals: Totals) => number) => perSecond(from, to, (look) => read(look.figures));
  const reasons = Object.keys(to.figures.dropped) as (keyof Totals['dropped'])[];
  const dropped = Object.fromEntries(
    reasons.map((reason) => [reason, rate(({ dropped }) => dropped[reason])]),
  );
  const { subscriber_rate: _, ...ofEvents } = dropped;
  return {
    received: {
      pong: rate(({ received }) => received.pong),
      message: rate(({ received }) => received.message),
      status: rate(({ received }) => received.status),
    },
    skipped: rate(({ skipped }) => skipped),
    deliveries: rate(({ deliveries }) => deliveries),
    dropped,
    droppedEvents: Object.values(ofEvents).reduce((sum, each) => sum + each, 0),
    refusedFrames: rate(({ refusedFrames }) => refusedFrames),
  };
}

/** Percentiles look back over so many looks: one second alone has too few events for them on a quiet hub. */
const LATENCY_LOOKS = 5;

export class RecentLatency {
  /** Buckets of the last looks, oldest first. */
  readonly #looks: (readonly number[])[] = [];

  /** @param buckets of all events so far @returns of the events of the last five looks */
  add(buckets: readonly number[]): LiveFigures['latency'] {
    const oldest = this.#looks[0] ?? buckets;
    this.#looks.push(buckets);
    if (this.#looks.length > LATENCY_LOOKS) this.#looks.shift();
    const recent = buckets.map((count, index) => count - (oldest[index] ?? 0));
    return {
      p50Seconds: quantile(recent, 0.5),
      p90Seconds: quantile(recent, 0.9),
      p99Seconds: quantile(recent, 0.99),
    };
  }
}

/**
 * As Prometheus estimates it: linear within the bucket, and the last bound for whatever lies above it.
 * @returns seconds; null without events
 */
export function quantile(buckets: readonly number[], share: number): number | null {
  const total = buckets.reduce((sum, count) => sum + Math.max(0, count), 0);
  if (total === 0) return null;
  const rank = total * share;
  let below = 0;
  for (const [index, count] of buckets.entries()) {
    const upper = latencyBoundsSeconds[index];
    if (upper === undefined) break;
    if (count > 0 && below + count >= rank) {
      const lower = latencyBoundsSeconds[index - 1] ?? 0;
      return lower + ((upper - lower) * (rank - below)) / count;
    }
    below += Math.max(0, count);
  }
  return latencyBoundsSeconds.at(-1)!;
}
