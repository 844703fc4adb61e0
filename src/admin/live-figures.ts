/** The figures of a live stream: what the hub counts, and how fast it happens, from one look to the next. */

import { type CounterName, latencyBoundsSeconds, type Role } from '../memory/counters.ts';
import { residentBytes } from '../supervise/resident-bytes.ts';
import { Busiest } from './busiest.ts';
import type { AdminDeps } from './deps.ts';
import { collectFigures, type Figures } from './figures.ts';
import type { LiveFigures } from './live-schemas.ts';

/** Percentiles look back over so many looks: one second alone has too few events for them on a quiet hub. */
const LATENCY_LOOKS = 5;

interface Look {
  readonly atMs: number;
  readonly cpuSeconds: number;
  readonly figures: Figures;
}

export class LiveSampler {
  readonly #deps: AdminDeps;
  readonly #busiest: Busiest;
  /** Latency buckets of the last looks, oldest first. */
  #buckets: (readonly number[])[] = [];
  #last: Look | undefined;

  constructor(deps: AdminDeps) {
    this.#deps = deps;
    this.#busiest = new Busiest(deps.presence, deps.clock);
  }

  /** Forgets the last look: nobody has looked for a while. */
  reset(): void {
    this.#last = undefined;
    this.#buckets = [];
    this.#busiest.reset();
  }

  /** Looks, and compares with the last look. */
  look(): LiveFigures {
    const { clock } = this.#deps;
    const { user, system } = process.cpuUsage();
    const look = {
      atMs: clock.now(),
      cpuSeconds: (user + system) / 1e6,
      figures: collectFigures(this.#deps),
    };
    const last = this.#last;
    const buckets = look.figures.latencyBuckets;
    const oldest = this.#buckets[0] ?? buckets;
    this.#buckets.push(buckets);
    if (this.#buckets.length > LATENCY_LOOKS) this.#buckets.shift();
    this.#last = look;
    return {
      ...this.#state(look.figures),
      rates: last === undefined ? null : ratesBetween(last, look),
      latency: percentiles(buckets.map((count, index) => count - (oldest[index] ?? 0))),
      threads: threadsBetween(last, look),
      busiest: this.#busiest.look(),
      process: {
        residentBytes: residentBytes(),
        cpuRatio: last === undefined ? null : perSecond(last, look, ({ cpuSeconds }) => cpuSeconds),
      },
    };
  }

  #state(figures: Figures): Omit<LiveFigures, 'rates' | 'latency' | 'threads' | 'busiest' | 'process'> {
    const { clock, startedAtMs, notReady, slowSubscribers } = this.#deps;
    const { capacity, disconnects } = figures;
    return {
      at: clock.wallNow(),
      startedAt: startedAtMs,
      version: figures.version,
      transport: figures.transport,
      notReady: notReady() ?? null,
      devices: figures.devices,
      subscriptions: figures.subscriptions,
      connections: figures.connections,
      rings: [...figures.rings],
      sendQueues: { lagging: figures.lagging, bytes: figures.queuedBytes },
      slow: [...slowSubscribers()],
      slowCloses: figures.slowCloses,
      disconnects: { device: seen(disconnects, 'device'), subscriber: seen(disconnects, 'subscriber') },
      capacity: {
        devices: usageOf(capacity.devices),
        subscribers: usageOf(capacity.subscribers),
        subscriptions: usageOf(capacity.subscriptions),
      },
      workerRestarts: figures.workerRestarts,
    };
  }
}

function usageOf({ used, capacity }: { used: number; capacity: number }) {
  return { used, capacity, usedRatio: used / capacity };
}

/** Close codes that there were, with their counts. */
function seen(disconnects: Figures['disconnects'], role: Role): Record<string, number> {
  return Object.fromEntries(disconnects[role].filter(([, count]) => count > 0));
}

function perSecond(from: Look, to: Look, read: (look: Look) => number): number {
  const seconds = (to.atMs - from.atMs) / 1e3;
  return seconds <= 0 ? 0 : Math.max(0, (read(to) - read(from)) / seconds);
}

function ratesBetween(from: Look, to: Look): LiveFigures['rates'] {
  const rate = (read: (figures: Figures) => number) => perSecond(from, to, (look) => read(look.figures));
  const reasons = Object.keys(to.figures.dropped) as (keyof Figures['dropped'])[];
  return {
    received: {
      pong: rate(({ received }) => received.pong),
      message: rate(({ received }) => received.message),
      status: rate(({ received }) => received.status),
    },
    skipped: rate(({ skipped }) => skipped),
    deliveries: rate(({ deliveries }) => deliveries),
    dropped: Object.fromEntries(reasons.map((reason) => [reason, rate(({ dropped }) => dropped[reason])])),
    refusedFrames: rate(({ refusedFrames }) => refusedFrames),
  };
}

function threadsBetween(from: Look | undefined, to: Look): LiveFigures['threads'] {
  return to.figures.threads.map(({ thread, loopLagSeconds, counters }, index) => {
    const rate = (...names: readonly CounterName[]): number | null => {
      if (from === undefined) return null;
      return perSecond(from, to, ({ figures }) =>
        names.reduce((sum, name) => sum + (figures.threads[index]?.counters[name] ?? 0), 0),
      );
    };
    return {
      thread,
      loopLagSeconds,
      connections: counters.deviceConnections + counters.subscriberConnections,
      receivedPerSecond: rate('receivedPong', 'receivedMessage', 'receivedStatus'),
      recordsPerSecond: rate('records'),
      deliveriesPerSecond: rate('deliveries'),
    };
  });
}

function percentiles(buckets: readonly number[]): LiveFigures['latency'] {
  return {
    p50Seconds: quantile(buckets, 0.5),
    p90Seconds: quantile(buckets, 0.9),
    p99Seconds: quantile(buckets, 0.99),
  };
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
