/** What `GET /v1/live` takes and sends, as zod schemas: openapi.json is made of them, and the dashboard reads their types. */
import { z } from 'zod';
import {
  BUSIEST_NAMED_MAX,
  LIVE_EVENTS_PER_SECOND,
  LIVE_PAYLOAD_BYTES_MAX,
  LIVE_WATCHED_MAX,
  SLOW_NAMED_MAX,
} from '../limits.ts';
import { isId } from '../wire/id.ts';
import { count, deviceEntry, fields, id, usage } from './schemas.ts';

const WATCH_ACCEPTED = `1 to ${LIVE_WATCHED_MAX} device ids, separated by commas`;

export const liveQuery = fields({
  device: id.optional().describe('Adds the events of this device as they are received'),
  watch: z
    .string({ error: WATCH_ACCEPTED })
    .refine(isWatchList, WATCH_ACCEPTED)
    .transform((text) => text.split(','))
    .optional()
    .describe('Adds the entries of these devices: once a second, those that have changed'),
});

function isWatchList(text: string): boolean {
  const ids = text.split(',');
  return ids.length <= LIVE_WATCHED_MAX && ids.every(isId);
}

const perSecond = z.number().describe('Per second, over the last second');
const latency = z
  .number()
  .nullable()
  .describe('Seconds, interpolated within its histogram bucket; null without deliveries');
const byCode = z.record(z.string(), count).describe('Connections that have ended since start, by close code');

const rates = z
  .object({
    received: z.object({ pong: perSecond, message: perSecond, status: perSecond }),
    skipped: perSecond,
    deliveries: perSecond,
    dropped: z.record(z.string(), perSecond).describe('By reason, as in dat_deliveries_dropped_total'),
    refusedFrames: perSecond,
  })
  .nullable()
  .describe('null in the first figures if no other stream is open: there is nothing to compare with yet');

export const liveFigures = z.object({
  at: z.number().describe('Time of these figures, milliseconds since 1970'),
  startedAt: z.number().describe('When the hub started, milliseconds since 1970'),
  version: z.string(),
  transport: z.string(),
  notReady: z.string().nullable().describe('Why the hub admits no new peers; null if it does'),
  devices: z.object({ online: count, stale: count, offline: count }),
  subscriptions: z.object({ allow: count, active: count, inactive: count, deny: count }),
  connections: z.object({ device: count, subscriber: count }),
  rates,
  latency: z
    .object({ p50Seconds: latency, p90Seconds: latency, p99Seconds: latency })
    .describe('Receive to send, over the last five seconds'),
  threads: z.array(
    z.object({
      thread: z.string(),
      loopLagSeconds: z.number().describe('Longest event loop delay in the last second'),
      connections: count.describe('Sockets that the thread holds'),
      receivedPerSecond: perSecond.nullable().describe('Events received from devices'),
      recordsPerSecond: perSecond.nullable().describe('Ring records that the owner processed'),
      deliveriesPerSecond: perSecond.nullable(),
    }),
  ),
  busiest: z
    .array(z.object({ device: z.string(), perSecond }))
    .describe(`Devices with the most events, busiest first, at most ${BUSIEST_NAMED_MAX}`),
  rings: z.array(z.object({ ring: z.string(), usedRatio: z.number() })),
  sendQueues: z.object({ lagging: count, bytes: count }),
  slow: z
    .array(z.object({ subscriber: z.string(), queuedBytes: count, laggingMs: z.number(), vip: z.boolean() }))
    .describe(`Slow subscribers, longest queue first, at most ${SLOW_NAMED_MAX} per thread`),
  slowCloses: z.object({ queue: count, time: count, budget: count }),
  disconnects: z.object({ device: byCode, subscriber: byCode }),
  capacity: z.object({ devices: usage, subscribers: usage, subscriptions: usage }),
  workerRestarts: z.object({ owner: count, fanout: count }),
  process: z.object({
    residentBytes: count,
    cpuRatio: z.number().nullable().describe('CPU seconds per second, all threads together'),
  }),
});
export type LiveFigures = z.infer<typeof liveFigures>;

const liveEvent = z.object({
  at: z.number().describe('Time of receipt, milliseconds since 1970'),
  type: z.enum(['pong', 'message', 'status']),
  priority: z.enum(['low', 'normal', 'high']),
  status: z.string().optional().describe('Only of events of type status'),
  bytes: count.describe('Length of the payload'),
  json: z.string().optional().describe('The payload as the device wrote it'),
  base64: z.string().optional().describe('A binary payload'),
});
export type LiveEvent = z.infer<typeof liveEvent>;

export const liveEvents = z.object({
  device: z.string(),
  events: z.array(liveEvent).describe(`Payloads are cut to ${LIVE_PAYLOAD_BYTES_MAX} bytes`),
  skipped: count.describe(
    `Events left out, because there were more than ${LIVE_EVENTS_PER_SECOND} in one second`,
  ),
});
export type LiveEvents = z.infer<typeof liveEvents>;

export const liveDevices = z.object({
  devices: z.array(deviceEntry).describe('Watched devices that have changed'),
  gone: z.array(z.string()).describe('Watched devices that the hub no longer knows'),
});
export type LiveDevices = z.infer<typeof liveDevices>;

export const liveEnd = z.object({
  reason: z
    .enum(['draining', 'renew'])
    .describe('`renew`: open the stream again, so that the hub can check the token again'),
});
export type LiveEnd = z.infer<typeof liveEnd>;

/** By the name of the server-sent event: its data. */
export const liveStream = z
  .object({
    figures: liveFigures.describe('At once, then every second'),
    devices: liveDevices.describe('If `watch` was given'),
    events: liveEvents.describe('If `device` was given'),
    end: liveEnd.describe('The last event of the stream'),
  })
  .describe('Server-sent events; each property is the data of the events of that name');
