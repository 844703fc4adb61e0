/** The figures of a live stream: what the hub counts, and how fast it happens, from one look to the next. */

import type { CounterName } from '../memory/counters.ts';
import type { PeerRole } from '../roles.ts';
import { residentBytes } from '../supervise/resident-bytes.ts';
import { Busiest } from './busiest.ts';
import type { AdminDeps } from './deps.ts';
import { collectFigures, type Figures } from './figures.ts';
import type { LiveFigures } from './live-schemas.ts';
import { type Look, lookNow, perSecond, RecentLatency, ratesBetween } from './looks.ts';

export class LiveSampler {
  readonly #deps: AdminDeps;
  readonly #busiest: Busiest;
  #latency = new RecentLatency();
  #last: Look<Figures> | undefined;

  constructor(deps: AdminDeps) {
    this.#deps = deps;
    this.#busiest = new Busiest(deps.presence, deps.clock);
  }

  /** Forgets the last look: nobody has looked for a while. */
  reset(): void {
    this.#last = undefined;
    this.#latency = new RecentLatency();
    this.#busiest.reset();
  }

  /** Looks, and compares with the last look. */
  look(): LiveFigures {
    const look = lookNow(this.#deps.clock, collectFigures(this.#deps));
    const last = this.#last;
    this.#last = look;
    return {
      ...this.#state(look.figures),
      rates: last === undefined ? null : ratesBetween(last, look),
      latency: this.#latency.add(look.figures.latencyBuckets),
      threads: threadsBetween(last, look),
      busiest: this.#busiest.look(),
      process: {
        residentBytes: residentBytes(),
        cpuRatio: last === undefined ? null : perSecond(last, look, ({ cpuSeconds }) => cpuSeconds),
      },
    };
  }

  #state(figures: Figures): Omit<LiveFigures, 'rates' | 'latency' | 'threads' | 'busiest' | 'process'> {
    const { clock, startedAtMs, slowSubscribers } = this.#deps;
    const { capacity, disconnects } = figures;
    return {
      at: clock.wallNow(),
      startedAt: startedAtMs,
      version: figures.version,
      transport: figures.transport,
      notReady: figures.notReady ?? null,
      devices: figures.devices,
      subscriptions: figures.subscriptions,
      connections: figures.connections,
      rings: [...figures.rings],
      sendQueues: { lagging: figures.lagging, bytes: figures.queuedBytes },
      slow: [...slowSubscribers()],
      slowCloses: figures.slowCloses,
      disconnects: {
        device: seen(disconnects, 'device'),
        subscriber: seen(disconnects, 'subscriber'),
        gateway: seen(disconnects, 'gateway'),
      },
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
function seen(disconnects: Figures['disconnects'], role: PeerRole): Record<string, number> {
  return Object.fromEntries(disconnects[role].filter(([, count]) => count > 0));
}

function threadsBetween(from: Look<Figures> | undefined, to: Look<Figures>): LiveFigures['threads'] {
  return to.figures.threads.map(({ thread, loopLagSeconds, connections }, index) => {
    const rate = (...names: readonly CounterName[]): number | null => {
      if (from === undefined) return null;
      return perSecond(from, to, ({ figures }) =>
        names.reduce((sum, name) => sum + (figures.threads[index]?.counters[name] ?? 0), 0),
      );
    };
    return {
      thread,
      loopLagSeconds,
      connections,
      receivedPerSecond: rate('receivedPong', 'receivedMessage', 'receivedStatus'),
      recordsPerSecond: rate('records'),
      deliveriesPerSecond: rate('deliveries'),
    };
  });
}
