/**
 * The wire contract as the client needs it (docs/protocol.md). The package shares no code with the hub, so it repeats
 * the hub's constants; a test checks that both are equal. Imports nothing.
 */

export const EventType = { pong: 1, message: 2, status: 3 } as const;
/** What devices send. */
export type EventTypeName = keyof typeof EventType;
/** By number. */
export const eventTypeNames = ['', 'pong', 'message', 'status'] as const;

export const Priority = { low: 1, normal: 2, high: 3 } as const;
/** `high` goes before the others when much waits, and also reaches slow subscribers. */
export type PriorityName = keyof typeof Priority;
/** By number. */
export const priorityNames = ['', 'low', 'normal', 'high'] as const;

/** Subprotocols of a subscriber. */
export const Subprotocol = { json: 'dat.v1.json', binary: 'dat.v1.binary' } as const;

/** A binary event: `u8` type, `u8` flags, `u16` length of the id, `u32` zero, `f64` seq, `f64` at, id, payload. */
export const BINARY_HEADER_BYTES = 24;
/** Bits of a binary event's flags; the two lowest hold the priority. */
export const BinaryFlag = { fromHub: 4, payloadIsJson: 8, replay: 16 } as const;
export const BINARY_PRIORITY_MASK = 3;

/** A binary frame of several events: `u8` this type, three zero bytes, `u32` how many; then `u32` bytes and an event each. */
export const BATCH_TYPE = 15;
export const BATCH_HEADER_BYTES = 8;
export const BATCH_LENGTH_BYTES = 4;

/** Device ids and filters in one frame. */
export const FRAME_DEVICES_MAX = 1000;

/** Codes of `error` frames, of `errors` in answers and of `removed` that the client reacts to. */
export const BAD_REQUEST = 107;
export const RATE_LIMIT = 111;
export const INACTIVE_TOO_LONG = 121;

/** The hub closes a peer that sends nothing for its ping interval plus this time. */
export const PONG_GRACE_MS = 10_000;

/** How long a close handshake may take. */
export const CLOSE_HANDSHAKE_MS = 5_000;

/**
 * What a peer does after a close. Only the code's range counts, so it also works for codes added later.
 * @param code any close code; one outside the hub's ranges, such as 1006 for a lost connection, means `later`
 */
export function retryAfterClose(code: number): 'never' | 'later' | 'now' {
  if (code >= 4000 && code <= 4099) return 'never';
  return code >= 4200 && code <= 4299 ? 'now' : 'later';
}
