/** The frames of subscribers. As `frames.ts`. */
import { z } from 'zod';
import { errors, removals } from '../codes.ts';
import { HISTORY_EVENTS_MAX, SUBSCRIBE_DEVICES_MAX } from '../limits.ts';
import {
  codeOf,
  deviceStatus,
  draining,
  echoedId,
  error,
  type Frames,
  filter,
  id,
  pingIntervalMs,
  priority,
  seq,
} from './frames.ts';

const requestId = z
  .union([z.string(), z.number()])
  .optional()
  .describe('Echoed in the answer; at most 256 characters of JSON');
const deviceState = z.enum(['online', 'stale', 'offline']);
const epoch = z.string();
const wallClock = z.int().min(0);
const devicesOf = (what: string) =>
  z
    .array(z.union([id, filter]))
    .min(1)
    .max(SUBSCRIBE_DEVICES_MAX)
    .describe(what);
const more = z.literal(true).optional().describe('Another page follows');
const eventTypes = z.array(z.enum(['message', 'status', 'pong'])).min(1);
const since = z
  .record(id, z.looseObject({ epoch, seq: z.int().min(0) }))
  .describe('What you have of each device: everything after it is replayed');

const op = <Name extends string>(name: Name) => ({ op: z.literal(name), id: requestId });

export const fromSubscriber: Frames = {
  subscribe: {
    summary: 'Answered with subscribed',
    schema: z.looseObject({
      ...op('subscribe'),
      devices: devicesOf('Devices to follow'),
      types: eventTypes.optional().describe('Only events of these types; absent: all'),
      last: z.boolean().optional().describe('Replays the newest message and status of each device'),
      history: z
        .int()
        .min(1)
        .max(HISTORY_EVENTS_MAX)
        .optional()
        .describe('Replays so many of the newest events of each device'),
      since: since.optional(),
    }),
    example: { op: 'subscribe', id: 1, devices: ['dev-1', 'dev-2'] },
  },
  unsubscribe: {
    summary: 'Answered with unsubscribed',
    schema: z.looseObject({ ...op('unsubscribe'), devices: devicesOf('Devices to unsubscribe from') }),
    example: { op: 'unsubscribe', id: 2, devices: ['dev-2'] },
  },
  pause: {
    summary: 'Answered with paused: nothing is delivered until resume',
    schema: z.looseObject({ ...op('pause'), devices: devicesOf('Absent: all').optional() }),
    example: { op: 'pause', id: 3 },
  },
  resume: {
    summary: 'Answered with subscribed: the states as they are now',
    schema: z.looseObject({ ...op('resume'), devices: devicesOf('Absent: all').optional() }),
    example: { op: 'resume', id: 4, devices: ['dev-1'] },
  },
  touch: {
    summary: 'Counts as activity; has no answer',
    schema: z.looseObject(op('touch')),
    example: { op: 'touch' },
  },
  since: {
    summary: 'Positions for the next subscribe, where one frame cannot name them all; has no answer',
    schema: z.looseObject({ ...op('since'), since }),
    example: { op: 'since', since: { 'dev-1': { epoch: '18abb3c2f00', seq: 41 } } },
  },
  listRequest: {
    summary: 'Answered with list',
    schema: z.looseObject(op('list')),
    example: { op: 'list', id: 5 },
  },
};

const status = z.enum(['active', 'inactive']);
const refusal = z.strictObject({ device: z.string(), code: codeOf(errors), message: z.string() });
const snapshot = z.strictObject({
  device: id,
  status,
  state: deviceState,
  lastSeen: wallClock.describe('Wall clock, ms; 0 means never'),
  seq,
  epoch: epoch.describe('Of this numbering: when it differs from the one you know, the numbering began anew'),
  deviceStatus: deviceStatus.nullable(),
  recovered: z
    .boolean()
    .optional()
    .describe('With since: whether you get everything after the position that you gave'),
});

const broadcast = z.strictObject({
  op: z.literal('event'),
  device: id,
  type: z.enum(['message', 'status', 'pong']),
  source: z
    .enum(['device', 'hub'])
    .describe('hub: the state of the device has changed; data is {"state","reason"}'),
  seq: z.int().min(0).describe('Counted per device, from 1 and without holes; 0 only with "node lost"'),
  at: wallClock.describe('When the hub received it: wall clock, ms'),
  priority,
  status: deviceStatus.optional().describe('Only for a status that the device sent'),
  data: z.unknown().optional().describe('null when there was none'),
  data64: z.base64().optional().describe('A binary payload, instead of data'),
  conflated: z.int().min(1).optional().describe('With ?every=: events that this one replaced'),
  replay: z.literal(true).optional().describe('Kept by the hub and sent again, not live'),
});
const broadcastExample = {
  op: 'event',
  device: 'dev-1',
  type: 'message',
  source: 'device',
  seq: 42,
  at: 1_764_000_000_123,
  priority: 'normal',
  data: { temperature: 21.5 },
} as const;

export const toSubscriber: Frames = {
  subscriberWelcome: {
    summary: 'The first frame',
    schema: z.strictObject({
      op: z.literal('welcome'),
      subscriber: id,
      pingIntervalMs,
      resumed: z.array(id).describe('Subscriptions kept from a lost connection with the same id'),
      resumedFilters: z
        .array(filter)
        .optional()
        .describe('Filters kept from it; their devices come in pages'),
      held: z
        .literal(true)
        .optional()
        .describe('With ?hold=true: they wait until you subscribe to them again'),
      more,
    }),
    example: { op: 'welcome', subscriber: 's-1', pingIntervalMs: 25_000, resumed: ['dev-1'] },
  },
  subscribed: {
    summary: 'Answers subscribe, resume and ?devices=: the state of each device; its next event has seq + 1',
    schema: z.strictObject({
      op: z.literal('subscribed'),
      id: echoedId,
      devices: z.array(snapshot),
      filters: z
        .array(z.strictObject({ filter, matched: z.int().min(0).optional() }))
        .optional()
        .describe('Filters that were subscribed to, and how many devices each follows now'),
      errors: z.array(refusal),
      more,
    }),
    example: {
      op: 'subscribed',
      id: 1,
      devices: [
        {
          device: 'dev-1',
          status: 'active',
          state: 'online',
          lastSeen: 1_764_000_000_123,
          seq: 41,
          epoch: '18abb3c2f00',
          deviceStatus: 'charging',
        },
      ],
      errors: [{ device: 'dev-2', code: errors.denied.code, message: 'not allowed' }],
    },
  },
  subscribedByFilter: {
    summary:
      'Devices that a filter follows from here on: in pages after the answer, or one that has just appeared',
    schema: z.strictObject({
      op: z.literal('subscribed'),
      filter,
      devices: z.array(snapshot),
      errors: z
        .array(refusal)
        .optional()
        .describe('Devices of the page whose position in since was refused: they were active already'),
      more: z.boolean(),
    }),
    example: { op: 'subscribed', filter: 'site-a.*', devices: [], more: false },
  },
  resumed: {
    summary: 'More of what the welcome began to name',
    schema: z.strictObject({
      op: z.literal('resumed'),
      devices: z.array(id),
      filters: z.array(filter).optional().describe('In a cluster: kept by another node, which said so late'),
      more: z.boolean(),
    }),
    example: { op: 'resumed', devices: ['dev-1'], more: false },
  },
  unsubscribed: {
    summary: 'Answers unsubscribe',
    schema: z.strictObject({
      op: z.literal('unsubscribed'),
      id: echoedId,
      devices: z.array(id),
      filters: z.array(filter).optional(),
      errors: z.array(refusal).optional(),
      more,
    }),
    example: { op: 'unsubscribed', id: 2, devices: ['dev-2'] },
  },
  paused: {
    summary: 'Answers pause',
    schema: z.strictObject({
      op: z.literal('paused'),
      id: echoedId,
      devices: z.array(id),
      filters: z.array(filter).optional(),
      errors: z.array(refusal).optional(),
      more,
    }),
    example: { op: 'paused', id: 3, devices: ['dev-1'] },
  },
  list: {
    summary: 'Answers list',
    schema: z.strictObject({
      op: z.literal('list'),
      id: echoedId,
      devices: z.array(z.strictObject({ device: id, status })),
      filters: z.array(z.strictObject({ filter, status })).optional(),
      more,
    }),
    example: { op: 'list', id: 5, devices: [{ device: 'dev-1', status: 'active' }] },
  },
  event: { summary: 'An event', schema: broadcast, example: broadcastExample },
  batch: {
    summary: 'Two or more events that leave together, for subscribers with ?batch=true',
    schema: z.strictObject({ op: z.literal('batch'), events: z.array(broadcast).min(2) }),
    example: { op: 'batch', events: [broadcastExample, { ...broadcastExample, seq: 43 }] },
  },
  binaryEvent: {
    summary: 'An event, for subscribers with the subprotocol dat.v1.binary',
    layout:
      'Little-endian: u8 type (1 pong, 2 message, 3 status), u8 flags (bits 0 and 1 priority 1 to 3, bit 2 source hub, ' +
      'bit 3 payload is JSON, bit 4 replay), u16 length of the device id, u32 zero, f64 seq, f64 at, the id in UTF-8, the payload.',
  },
  binaryBatch: {
    summary: 'Events that leave together, with the subprotocol dat.v1.binary and ?batch=true',
    layout:
      'Little-endian: u8 15, three zero bytes, u32 number of events; then for each its length as u32 and a binaryEvent.',
  },
  status: {
    summary: 'The hub changed the status of your subscriptions',
    schema: z.strictObject({
      op: z.literal('status'),
      devices: z.array(id),
      filters: z.array(filter).optional(),
      status,
      reason: z.string(),
      more,
    }),
    example: { op: 'status', devices: ['dev-1'], status: 'inactive', reason: 'silent' },
  },
  removed: {
    summary: 'Your subscriptions are gone',
    schema: z.strictObject({
      op: z.literal('removed'),
      devices: z.array(id),
      filters: z.array(filter).optional(),
      code: codeOf(removals),
      reason: z.string(),
      more,
    }),
    example: { op: 'removed', devices: ['dev-1'], ...removals.inactiveTooLong },
  },
  gap: {
    summary: 'Events of a device that you will not get',
    schema: z.strictObject({
      op: z.literal('gap'),
      device: id,
      from: z.int().min(1),
      to: z.int().min(1),
      reason: z.enum(['slow', 'overload', 'history', 'cluster']),
    }),
    example: { op: 'gap', device: 'dev-1', from: 43, to: 57, reason: 'slow' },
  },
  error,
  draining,
};
