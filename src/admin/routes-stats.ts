/** Figures: the metrics page for Prometheus and the same as JSON for people and dashboards. */

import { z } from 'zod';
import { latencyBoundsSeconds } from '../memory/counters.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { collectFigures } from './figures.ts';
import type { KeptFigures } from './kept-figures.ts';
import { renderMetrics } from './metrics.ts';
import { processFigures } from './process-figures.ts';
import { METRICS_CONTENT_TYPE } from './prometheus-text.ts';
import type { RecentRates } from './rates.ts';
import { answers, answersIn, noQuery } from './schemas.ts';
import { keptFigures, keptFiguresQuery, type Stats, stats } from './stats-schemas.ts';

/** `/metrics` and `/v1/stats`. */
export function statsRoutes(app: AdminApp, deps: AdminDeps, rates: RecentRates, kept: KeptFigures): void {
  app.get(
    '/metrics',
    {
      schema: {
        querystring: noQuery,
        summary: 'Prometheus text format',
        response: answersIn('text/plain', z.string()),
      },
    },
    async (_request, reply) => {
      const figures = collectFigures(deps, await deps.cluster?.figures());
      const page = renderMetrics(figures, processFigures(deps.startedAtMs));
      return reply.type(METRICS_CONTENT_TYPE).serializer(String).send(page);
    },
  );
  app.get(
    '/v1/stats',
    {
      schema: { querystring: noQuery, summary: 'Counts, rates, threads, capacity', response: answers(stats) },
    },
    async () => readStats(deps, rates),
  );
  app.get(
    '/v1/stats/history',
    {
      schema: {
        querystring: keptFiguresQuery,
        summary: 'Figures of the last minutes, one per second, oldest first',
        response: answers(keptFigures),
      },
    },
    async ({ query }, reply) => {
      const text = await kept.json(query.seconds);
      // Checking each of 80,000 numbers against the schema would hold up the thread.
      return reply
        .type('application/json; charset=utf-8')
        .serializer(String)
        .send(text as never);
    },
  );
}

function readStats(deps: AdminDeps, rates: RecentRates): Stats {
  const figures = collectFigures(deps);
  const usage = ({ used, capacity }: { used: number; capacity: number }) => ({
    used,
    capacity,
    usedRatio: used / capacity,
  });
  const count = figures.latencyBuckets.reduce((sum, events) => sum + events, 0);
  return {
    version: figures.version,
    transport: figures.transport,
    uptimeSeconds: (deps.clock.wallNow() - deps.startedAtMs) / 1e3,
    fanoutWorkers: deps.fanoutWorkers,
    ingestWorkers: deps.ingestWorkers,
    devices: { ...figures.devices },
    subscriptions: { ...figures.subscriptions },
    connections: { ...figures.connections },
    totals: {
      received: { ...figures.received },
      skipped: figures.skipped,
      deliveries: figures.deliveries,
      dropped: { ...figures.dropped },
      slowCloses: { ...figures.slowCloses },
      refusedFrames: figures.refusedFrames,
    },
    sendQueues: { lagging: figures.lagging, bytes: figures.queuedBytes },
    rates: rates.upTo(deps.clock.now(), figures),
    latency: {
      count,
      p50Seconds: upperBoundOf(figures.latencyBuckets, count * 0.5),
      p99Seconds: upperBoundOf(figures.latencyBuckets, count * 0.99),
    },
    threads: figures.threads.map((thread) => ({ ...thread, counters: { ...thread.counters } })),
    rings: figures.rings.map((ring) => ({ ...ring })),
    capacity: {
      devices: usage(figures.capacity.devices),
      subscribers: usage(figures.capacity.subscribers),
      subscriptions: usage(figures.capacity.subscriptions),
    },
    workerRestarts: { ...figures.workerRestarts },
  };
}

/** Upper bound of the bucket in which the event of this rank lies; null without one. */
function upperBoundOf(buckets: readonly number[], rank: number): number | null {
  let seen = 0;
  for (const [index, count] of buckets.entries()) {
    seen += count;
    if (seen > 0 && seen >= rank) return latencyBoundsSeconds[index] ?? null;
  }
  return null;
}
