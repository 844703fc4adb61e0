/**
 * What frames of several kinds of peers have in common. Together with `device-frames.ts`, `subscriber-frames.ts` and
 * `gateway-frames.ts`, this is every frame of the WebSocket side as a zod schema with an example: the source of
 * asyncapi.yaml. The hub itself checks device frames by a scanner that makes no objects (`wire/device-frames.ts`);
 * tests hold both to the same frames. Not loaded by a running hub.
 */
import { z } from 'zod';
import { closes, errors } from '../codes.ts';
import { STATUS_CHARACTERS_MAX } from '../wire/device-frames.ts';
import { ID } from '../wire/id.ts';

const FILTER = /^[A-Za-z0-9._:~-]{0,128}\*$/;

/** A frame, who sends it when, and what it looks like. */
export interface FrameDescription {
  readonly summary: string;
  /** Absent for a binary frame. */
  readonly schema?: z.ZodType;
  /** Layout of a binary frame. */
  readonly layout?: string;
  readonly example?: unknown;
}

export type Frames = Readonly<Record<string, FrameDescription>>;

export const id = z.string().regex(ID);
export const echoedId = z
  .union([z.string(), z.number()])
  .optional()
  .describe("The refused or answered frame's id");
export const ackId = z.union([z.string(), z.number()]).describe('At most 255 bytes of JSON');
export const priority = z.enum(['low', 'normal', 'high']);
export const deviceStatus = z.string().min(1).max(STATUS_CHARACTERS_MAX);
export const seq = z.int().min(0).describe("Number of the device's last broadcast event");
export const filter = z.string().regex(FILTER).describe('A prefix of ids followed by *');
export const codeOf = (codes: Readonly<Record<string, { readonly code: number }>>) =>
  z.union(Object.values(codes).map(({ code }) => z.literal(code)));
export const pingIntervalMs = z.int().describe('Time between two pings of the hub, ms');

// What peers send: the hub ignores members that it does not know.

export const event = (type: 'message' | 'pong' | 'status') => ({
  type: z.literal(type),
  data: z.unknown().optional().describe('Any JSON, passed on as it was written'),
  priority: priority.optional(),
  id: ackId.optional().describe('Asks for an ack'),
});

// What the hub sends, member by member.

/** Members of an error that every peer may get. */
export const errorMembers = {
  op: z.literal('error'),
  id: echoedId,
  code: codeOf(errors),
  message: z.string(),
  retryAfterMs: z.int().min(0).optional().describe('Only for 111: when to send the frame again, ms'),
};

export const error: FrameDescription = {
  summary: 'Your frame was refused; the connection stays',
  schema: z.strictObject({
    ...errorMembers,
    filter: filter.optional().describe('Only for 106: the filter that found no room for a device'),
  }),
  example: { op: 'error', id: 1, code: errors.badRequest.code, message: 'not a JSON object' },
};

export const draining: FrameDescription = {
  summary: `The hub is about to close with ${closes.drain.code}`,
  schema: z.strictObject({ op: z.literal('draining'), reconnectAfterMs: z.int().min(0) }),
  example: { op: 'draining', reconnectAfterMs: 1234 },
};

export const ackMembers = {
  op: z.literal('ack'),
  id: ackId,
  seq: seq.describe("The event's number; of a skipped event without one, the last event's"),
  skipped: z.literal(true).optional().describe('Nobody listened'),
};
