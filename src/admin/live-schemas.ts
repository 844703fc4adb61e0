/** What the live routes take and send, as zod schemas: openapi.json is made of them, and the dashboard reads their types. */
import { z } from 'zod';
import { isPattern, PATTERN_ACCEPTED } from '../access/pattern.ts';
import {
  BUSIEST_NAMED_MAX,
  LIST_PAGE_MAX,
  LIST_REACH_MAX,
  LIVE_EVENTS_PER_SECOND,
  LIVE_PAYLOAD_BYTES_MAX,
  LIVE_TAPPED_MAX,
  LIVE_WATCHED_MAX,
  SLOW_NAMED_MAX,
  VALUE_BYTES_MAX,
} from '../limits.ts';
import { ID_ACCEPTED, isId, isIdPrefix } from '../wire/id.ts';
import { LIVE_STREAM_HEADER } from './live-names.ts';
import { listColumns } from './live-order.ts';
import { inDigits, wholeNumber } from './query-numbers.ts';
import { count, deviceEntry, fields, id } from './schemas.ts';
import { tablesAndThreads } from './stats-schemas.ts';

/** Ids in a query. */
function idList(max: number) {
  const accepted = `1 to ${max} device ids, separated by commas`;
  return z
    .string({ error: accepted })
    .transform((text) => text.split(','))
    .refine((ids) => ids.length <= max && ids.every(isId), accepted);
}

export const liveQuery = fields({
  device: idList(LIVE_TAPPED_MAX)
    .optional()
    .describe('Adds the events of these devices as they are received'),
  watch: idList(LIVE_WATCHED_MAX)
    .optional()
    .describe('Adds the entries of these devices: once a second, those that have changed'),
});

const bodyList = (max: number) => {
  const accepted = `a list of at most ${max} device ids`;
  return z.array(id, { error: accepted }).max(max, accepted);
};

export const streamPath = fields({
  stream: z.uuid({ error: `the ${LIVE_STREAM_HEADER} header of an open stream` }),
});
/** What a stream shows beside the figures. */
export const liveSubject = fields({
  devices: bodyList(LIVE_TAPPED_MAX).default([]).describe('As `device` of the stream'),
  watch: bodyList(LIVE_WATCHED_MAX).default([]).describe('As `watch` of the stream'),
});
export type LiveSubject = Readonly<z.infer<typeof liveSubject>>;

const SORT_ACCEPTED = `one of ${listColumns.join(', ')}, for descending order with a - in front`;
const sortNames = listColumns.flatMap((column) => [column, `-${column}`] as const);
const FLAG_ACCEPTED = 'true or false';
const OFFSET_ACCEPTED = `a whole number from 0 to ${LIST_REACH_MAX - LIST_PAGE_MAX}`;
const LIMIT_ACCEPTED = `a whole number from 1 to ${LIST_PAGE_MAX}`;

export const liveListQuery = fields({
  filter: z
    .string({ error: PATTERN_ACCEPTED })
    .refine(isPattern, PATTERN_ACCEPTED)
    .optional()
    .describe('Devices that have ever connected and match: an id, a prefix followed by *, or *'),
  search: z
    .string({ error: ID_ACCEPTED })
    .refine(isIdPrefix, ID_ACCEPTED)
    .optional()
    .describe('Part of the id, case-insensitive'),
  state: deviceEntry.shape.state.optional(),
  sort: z
    .enum(sortNames, { error: SORT_ACCEPTED })
    .optional()
    .transform((name) => ({
      column: listColumns.find((column) => column === name?.replace('-', '')),
      descending: name?.startsWith('-') === true,
    }))
    .describe(`${SORT_ACCEPTED}. Absent: the order of the table`),
  offset: inDigits(wholeNumber(OFFSET_ACCEPTED, 0, LIST_REACH_MAX - LIST_PAGE_MAX).default(0)),
  limit: inDigits(wholeNumber(LIMIT_ACCEPTED, 1, LIST_PAGE_MAX).default(50)),
  values: z
    .enum(['true', 'false'], { error: FLAG_ACCEPTED })
    .default('false')
    .transform((word) => word === 'true')
    .describe("Adds each device's newest message"),
});

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
    droppedEvents: perSecond.describe('For all reasons but subscriber_rate, which counts frames'),
    refusedFrames: perSecond,
  })
  .nullable()
  .describe('null in the first figures if no other stream is open: there is nothing to compare with yet');

const liveFigures = z.object({
  at: z.number().describe('Time of these figures, milliseconds since 1970'),
  startedAt: z.number().describe('When the hub started, milliseconds since 1970'),
  version: z.string(),
  transport: z.string(),
  notReady: z.string().nullable().describe('Why the hub admits no new peers; null if it does'),
  devices: z.object({ online: count, stale: count, offline: count }),
  subscriptions: z.object({ allow: count, active: count, inactive: count, deny: count }),
  connections: z.object({ device: count, subscriber: count, gateway: count }),
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
  disconnects: z.object({ device: byCode, subscriber: byCode, gateway: byCode }),
  ...tablesAndThreads,
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

const liveEvents = z.object({
  device: z.string(),
  events: z.array(liveEvent).describe(`Payloads are cut to ${LIVE_PAYLOAD_BYTES_MAX} bytes`),
  skipped: count.describe(
    `Events left out, because there were more than ${LIVE_EVENTS_PER_SECOND} in one second, shared by the devices`,
  ),
});
export type LiveEvents = z.infer<typeof liveEvents>;

const liveDevices = z.object({
  devices: z.array(deviceEntry).describe('Watched devices that have changed'),
  gone: z.array(z.string()).describe('Watched devices that the hub no longer knows'),
});
export type LiveDevices = z.infer<typeof liveDevices>;

const liveListEntry = deviceEntry.extend({
  value: liveEvent
    .nullable()
    .optional()
    .describe(`The newest message that is known, cut to ${VALUE_BYTES_MAX} bytes; only with \`values\``),
});
export type LiveListEntry = z.infer<typeof liveListEntry>;

export const liveList = z.object({
  at: z.number().describe('Time of the entries, milliseconds since 1970'),
  orderedAt: z.number().describe('Time of the order and of the counts, milliseconds since 1970'),
  total: count.describe('Devices that match'),
  states: z
    .object({ online: count, stale: count, offline: count })
    .describe('Devices that match, by state, whatever `state` was asked for'),
  offset: count,
  devices: z.array(liveListEntry),
});
export type LiveList = z.infer<typeof liveList>;

const liveEnd = z.object({
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
