/** What the routes of figures take and answer, as zod schemas: openapi.json is made of them. */
import { z } from 'zod';
import { FIGURES_KEPT_SECONDS, FIGURES_TOLD_SECONDS } from '../limits.ts';
import { type KeptSeries, keptSeries } from './kept-figures.ts';
import { inDigits, wholeNumber } from './query-numbers.ts';
import { count, fields } from './schemas.ts';

const SECONDS_ACCEPTED = `a whole number from 1 to ${FIGURES_KEPT_SECONDS}`;

export const keptFiguresQuery = fields({
  seconds: inDigits(
    wholeNumber(SECONDS_ACCEPTED, 1, FIGURES_KEPT_SECONDS).default(FIGURES_TOLD_SECONDS),
  ).describe('At most so many figures, the newest'),
});

const names = Object.keys(keptSeries) as KeptSeries[];
const list = z.array(z.number().nullable());

export const keptFigures = z.object({
  intervalMs: z.number().describe('Between two figures; more where the main thread was held up'),
  at: z.array(z.number()).describe('When each figure was taken, milliseconds since 1970, oldest first'),
  series: z
    .object(
      Object.fromEntries(names.map((name) => [name, list.describe(keptSeries[name])])) as Record<
        KeptSeries,
        typeof list
      >,
    )
    .describe('Each as long as `at`'),
});
export type KeptFiguresAnswer = z.infer<typeof keptFigures>;

const numbers = z.record(z.string(), z.number());
const percentile = z
  .number()
  .nullable()
  .describe('Upper bound of its histogram bucket; null without events, or above the last bound');
const usage = z.object({ used: count, capacity: count, usedRatio: z.number() });
/** How full the tables are, and how often threads were replaced: in the stats and in the live figures. */
export const tablesAndThreads = {
  capacity: z.object({ devices: usage, subscribers: usage, subscriptions: usage }),
  workerRestarts: z.object({
    owner: count,
    ingest: count,
    fanout: count,
    tls: count.optional(),
    cluster: count.optional(),
    webhooks: count.optional(),
  }),
};

export const stats = z.object({
  version: z.string(),
  transport: z.string(),
  uptimeSeconds: z.number(),
  fanoutWorkers: count,
  ingestWorkers: count.describe('0: the main thread holds the devices'),
  devices: z.object({ online: count, stale: count, offline: count }),
  subscriptions: z.object({ allow: count, active: count, inactive: count, deny: count }),
  connections: z.object({ device: count, subscriber: count, gateway: count }),
  totals: z.object({
    received: z.object({ pong: count, message: count, status: count }),
    skipped: count,
    deliveries: count,
    dropped: z.object({
      ingest_full: count,
      fanout_full: count,
      lagging: count,
      slow: count,
      rate: count,
      subscriber_rate: count,
      owner_restart: count,
      replaced: count,
    }),
    slowCloses: z.object({ queue: count, time: count, budget: count }),
    refusedFrames: count,
  }),
  sendQueues: z.object({
    lagging: count.describe('Slow subscribers: their send queue is over the limit'),
    bytes: count.describe('Bytes in all send queues, as of the last check'),
  }),
  rates: z.object({
    windowSeconds: z.number(),
    eventsPerSecond: z.number(),
    deliveriesPerSecond: z.number(),
  }),
  latency: z
    .object({ count, p50Seconds: percentile, p99Seconds: percentile })
    .describe('Receive to send, since start'),
  threads: z.array(
    z.object({
      thread: z.string(),
      loopLagSeconds: z.number(),
      connections: count.describe('Sockets that the thread holds'),
      counters: numbers,
    }),
  ),
  rings: z.array(z.object({ ring: z.string(), usedRatio: z.number() })),
  ...tablesAndThreads,
});
export type Stats = z.infer<typeof stats>;
