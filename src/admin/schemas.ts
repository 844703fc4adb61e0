/** What the admin API takes and answers, as zod schemas: requests are checked by them and openapi.json is made of them. */
import { z } from 'zod';
import { isPattern, PATTERN_ACCEPTED } from '../access/pattern.ts';
import { ACCESS_RULES_MAX } from '../limits.ts';
import { ID_ACCEPTED, isId, isIdPrefix } from '../wire/id.ts';
import { type ErrorCode, errorStatuses } from './errors.ts';
import { isNodeCursor } from './node-pages.ts';
import { decodeCursor } from './pages.ts';
import { inDigits, wholeNumber } from './query-numbers.ts';

// Requests. The message of each check says what is accepted; the error handler puts what was given in front of it.

/** An object that takes these fields only. */
export function fields<Shape extends z.ZodRawShape>(shape: Shape) {
  const names = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? (names === '' ? 'none' : `only ${names}`) : 'a JSON object',
  });
}

export const id = z.string().refine(isId, ID_ACCEPTED).meta({ description: ID_ACCEPTED });

export const devicePath = fields({ device: id });
export const subscriberPath = fields({ subscriber: id });
export const rowPath = fields({ device: id, subscriber: id });

const PAGE_LIMIT_DEFAULT = 100;
/** Bounds what one page may cost main: a thousand rows are read and written out in a few milliseconds. */
const PAGE_LIMIT_MAX = 1000;
const CURSOR_ACCEPTED = 'the cursor of an earlier page of this list, or none for the first page';

/** @param most entries in one answer */
export function limitUpTo(most: number, byDefault = PAGE_LIMIT_DEFAULT) {
  const whole = wholeNumber(`a whole number from 1 to ${most}`, 1, most);
  return inDigits(whole.default(byDefault)).describe('Entries in one page');
}
const limit = limitUpTo(PAGE_LIMIT_MAX);
const cursor = z
  .string({ error: CURSOR_ACCEPTED })
  .refine((text) => decodeCursor(text) >= 0, CURSOR_ACCEPTED)
  .optional()
  .describe('Cursor of the previous page; without it the first page');

const deviceState = z.enum(['online', 'stale', 'offline'], { error: 'online, stale or offline' });

export const noQuery = fields({});
export const pageQuery = fields({ limit, cursor });
const search = z
  .string({ error: ID_ACCEPTED })
  .refine(isIdPrefix, ID_ACCEPTED)
  .optional()
  .describe('Part of the id, case-insensitive');
const scope = z
  .enum(['node', 'cluster'], { error: 'node or cluster' })
  .optional()
  .describe('Of this node, or of all nodes of the cluster');
const cursorOverNodes = z
  .string({ error: CURSOR_ACCEPTED })
  .refine((text) => decodeCursor(text) >= 0 || isNodeCursor(text), CURSOR_ACCEPTED)
  .optional()
  .describe('Cursor of the previous page; without it the first page');
export const deviceQuery = fields({ scope });
export const devicesQuery = fields({
  limit,
  cursor: cursorOverNodes,
  state: deviceState.optional(),
  search,
  scope,
});
export const rowsQuery = fields({ limit, cursor: cursorOverNodes, scope });
export const subscribersQuery = fields({ limit, cursor: cursorOverNodes, search, scope });

const EVENTS_DEFAULT = 50;
const BEFORE_ACCEPTED = 'the seq of an event, or the cursor of the previous page';
export const eventsQuery = fields({
  limit: limitUpTo(PAGE_LIMIT_MAX, EVENTS_DEFAULT),
  before: inDigits(wholeNumber(BEFORE_ACCEPTED, 1).optional()).describe(
    'Only events of a smaller seq; without it from the newest',
  ),
});

const subscriptionStatus = z.enum(['allow', 'active', 'inactive', 'deny'], {
  error: 'allow, active, inactive or deny',
});

export const rowChange = fields({
  status: subscriptionStatus.optional(),
  vip: z.boolean({ error: 'true or false' }).optional(),
}).refine(({ status, vip }) => status !== undefined || vip !== undefined, 'at least one of status, vip');

const pattern = z
  .string({ error: PATTERN_ACCEPTED })
  .refine(isPattern, PATTERN_ACCEPTED)
  .meta({ description: PATTERN_ACCEPTED });
const accessRule = fields({
  device: pattern,
  subscriber: pattern,
  access: z.enum(['allow', 'deny'], { error: 'allow or deny' }),
});
const RULES_ACCEPTED = `a list of at most ${ACCESS_RULES_MAX} rules`;
/** As they are given and as they are answered. */
export const accessRules = fields({
  rules: z
    .array(accessRule, { error: RULES_ACCEPTED })
    .max(ACCESS_RULES_MAX, RULES_ACCEPTED)
    .describe('The first rule that matches a pair decides, unless an operator has set a status for the pair'),
});
const flag = z
  .enum(['true', 'false'], { error: 'true or false' })
  .default('false')
  .transform((word) => word === 'true');
export const kickQuery = fields({
  forget: flag.describe('Also forget what operators set for it: deny, allow, vip'),
});
export const dryRunQuery = fields({
  dryRun: flag.describe('Changes nothing; counts the subscriptions that would be removed'),
});

const DEVICE_STATUS_CHARACTERS_MAX = 64;
const STATUS_ACCEPTED = `a text of 1 to ${DEVICE_STATUS_CHARACTERS_MAX} characters`;

export const publication = fields({
  type: z.enum(['message', 'status', 'pong'], { error: 'message, status or pong' }),
  data: z.unknown().describe('Any JSON; absent: an event without data').optional(),
  priority: z
    .enum(['low', 'normal', 'high'], { error: 'low, normal or high' })
    .optional()
    .describe('Absent: high for status, normal for message, low for pong'),
  status: z
    .string({ error: STATUS_ACCEPTED })
    .refine(isDeviceStatus, STATUS_ACCEPTED)
    .optional()
    .describe("The device's new status, only with type status; absent: the status stays"),
}).refine(({ type, status }) => status === undefined || type === 'status', {
  path: ['status'],
  error: 'a status only with type status',
});

function isDeviceStatus(text: string): boolean {
  // No text of more UTF-16 units than two per character can fit; that is known before it is taken apart.
  if (text.length === 0 || text.length > 2 * DEVICE_STATUS_CHARACTERS_MAX) return false;
  return [...text].length <= DEVICE_STATUS_CHARACTERS_MAX;
}

// Answers

export const count = z.number().int().min(0);
const wallMs = z.number().describe('Milliseconds since 1970; 0 means never');
const nextCursor = z.string().nullable().describe('Cursor of the next page; null on the last page');

const node = z.string().optional().describe('The node that the entry is of, in a cluster');
const pendingNodes = z
  .array(z.string())
  .optional()
  .describe('Nodes of the cluster that beat in the last minute and do not obey yet');
const missingNodes = z
  .array(z.string())
  .optional()
  .describe('Nodes of the cluster that did not answer: what they have is not in this page');

export const deviceEntry = z.object({
  device: z.string(),
  state: deviceState,
  status: z.string().nullable().describe('The status that the device last reported'),
  lastSeen: wallMs,
  connectedAt: z.number().nullable().describe('Milliseconds since 1970; null when not connected'),
  gateway: z
    .string()
    .optional()
    .describe('The gateway that speaks for it; absent for a connection of its own'),
  seq: count.describe('Events broadcast so far'),
  epoch: z.string().describe('Of this numbering: another whenever it starts anew'),
  subscribers: z.object({ active: count, inactive: count, allow: count, deny: count }),
  node,
});
export const devicesPage = z.object({ devices: z.array(deviceEntry), cursor: nextCursor, missingNodes });

export const keptEvent = z.object({
  type: z.enum(['pong', 'message', 'status']),
  source: z.enum(['device', 'hub']),
  seq: count,
  at: z.number().describe('When the hub received it, milliseconds since 1970'),
  priority: z.enum(['low', 'normal', 'high']),
  status: z.string().optional().describe('With type status'),
  data: z.unknown().optional().describe('JSON; null when the event has none'),
  data64: z.string().optional().describe('A payload that is not JSON, base64'),
});
export const eventsPage = z.object({
  events: z.array(keptEvent),
  epoch: z.string(),
  cursor: z.string().nullable().describe('`before` of the next page; null on the last page'),
});

const reason = z.enum(['silent', 'paused', 'disconnected']).nullable().describe('Why it is inactive');

export const rowEntry = z.object({
  subscriber: z.string(),
  status: subscriptionStatus,
  reason,
  lastSeen: wallMs,
  vip: z.boolean(),
  connected: z.boolean(),
  node,
});
export const rowAnswer = rowEntry.extend({ pendingNodes });
export const rowsPage = z.object({ subscribers: z.array(rowEntry), cursor: nextCursor, missingNodes });

const ofConnection = 'null when it is not connected';
export const subscriberEntry = z.object({
  subscriber: z.string(),
  connected: z.boolean(),
  address: z.string().nullable().describe(`Where it connects from; ${ofConnection}`),
  transport: z.string().nullable().describe(`websocket or tcp; ${ofConnection}`),
  encoding: z
    .string()
    .nullable()
    .describe(`What its events are sent in, such as json or binary; ${ofConnection}`),
  connectedAt: z.number().nullable().describe(`Milliseconds since 1970; ${ofConnection}`),
  lastSeen: wallMs,
  queueBytes: count.nullable().describe('Bytes that wait for it; null when its thread did not say in time'),
  vip: z.boolean(),
  subscriptions: z.object({ active: count, inactive: count, allow: count, deny: count }),
  node,
});
export const subscribersPage = z.object({
  subscribers: z.array(subscriberEntry),
  cursor: nextCursor,
  missingNodes,
});

export const subscriberPage = subscriberEntry.extend({
  filters: z
    .array(z.object({ filter: z.string(), status: subscriptionStatus, reason }))
    .describe('All of them, on each page; the devices that they follow are among `devices`'),
  devices: z.array(z.object({ device: z.string(), status: subscriptionStatus, reason })),
  cursor: nextCursor,
});

const removed = z.literal(true);
export const deviceRemoved = z.object({ device: z.string(), removed, pendingNodes });
export const rowRemoved = z.object({ device: z.string(), subscriber: z.string(), removed, pendingNodes });
export const subscriberRemoved = z.object({ subscriber: z.string(), removed, pendingNodes });
export const published = z.object({
  seq: count.describe("The event's number; of a skipped event without one, the last event's"),
  skipped: z
    .literal(true)
    .optional()
    .describe('Nobody listens; with history on, the event is kept all the same'),
});

export const rulesApplied = z.object({
  rules: z.array(accessRule),
  removed: count.describe('Live subscriptions that the rules deny; with dryRun they are only counted'),
  dryRun: z.literal(true).optional().describe('Nothing was changed'),
  pendingNodes,
});

const problem = z.object({
  code: z.enum(Object.keys(errorStatuses) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
});
export const errorAnswer = z.object({ error: problem });

export const clusterAnswer = z.object({
  node: z.string().describe('Who answers'),
  state: z.enum(['connected', 'disconnected']),
  nodes: z.array(
    z.object({
      id: z.string(),
      version: z.string(),
      started: wallMs,
      devices: count.describe('Connected to it, those behind gateways among them'),
      subscribers: count.describe('Connected to it'),
      eventsPerSecond: z.number(),
      draining: z.boolean(),
      phase: z
        .enum(['joining', 'claiming', 'in', 'fenced'])
        .describe('`in` does all; the others have yet to catch up with the cluster'),
      eventsSent: count.describe('To other nodes, since it started'),
      eventsReceived: count.describe('From other nodes, since it started'),
      gaps: count.describe('Gaps in events from other nodes, as reported to its subscribers'),
      roundTripMs: z
        .number()
        .nullable()
        .describe('From who answers to it and back; null where it was not measured'),
    }),
  ),
  lost: z
    .array(z.string())
    .describe('Nodes that beat in the last minute, did not say goodbye, and are not alive'),
});
export type ClusterAnswer = z.infer<typeof clusterAnswer>;

export const healthy = z.object({
  status: z.literal('ok'),
  cluster: z.enum(['connected', 'disconnected']).optional(),
});
export const unhealthy = z.object({
  status: z.enum(['dead', 'unready']),
  reason: z.string(),
  error: problem,
});

/** Of every guarded route. `unavailable`: the keys for tokens, the owner or another node cannot be had now. */
const ofAll = ['bad_request', 'unauthorized', 'forbidden', 'internal', 'unavailable'] as const;

/** The `response` of a route: its 200, what every guarded route may refuse with, and its own refusals. */
export function answers<Ok extends z.ZodType>(ok: Ok, ...refusals: readonly ErrorCode[]) {
  const errors = [...refusals, ...ofAll].map((code) => [errorStatuses[code], errorAnswer]);
  return { 200: ok, ...Object.fromEntries(errors) } as { 200: Ok };
}

/** The same of a route that changes something: it may be sent a body, which may be too large, or no JSON. */
export function answersToChange<Ok extends z.ZodType>(ok: Ok, ...refusals: readonly ErrorCode[]) {
  return answers(ok, ...refusals, 'payload_too_large', 'unsupported_media_type');
}

/** The same of a route whose 200 is no JSON. @param mediaType what it is instead */
export function answersIn<Ok extends z.ZodType>(
  mediaType: string,
  ok: Ok,
  ...refusals: readonly ErrorCode[]
) {
  const asMedia = { description: ok.description ?? mediaType, content: { [mediaType]: { schema: ok } } };
  return { ...answers(ok, ...refusals), 200: asMedia } as unknown as { 200: Ok };
}
