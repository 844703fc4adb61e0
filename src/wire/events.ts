/**
 * Event types and priorities: their numbers on the wire (binary frames, ring records) and their names; subprotocols
 * and the layout of binary events. The client package repeats what it needs of them; a test holds the two together.
 */

export const EventType = { pong: 1, message: 2, status: 3 } as const;
export type EventTypeName = keyof typeof EventType;
/** By number. */
export const eventTypeNames = ['', 'pong', 'message', 'status'] as const;

export const Priority = { low: 1, normal: 2, high: 3 } as const;
export type PriorityName = keyof typeof Priority;
/** By number. */
export const priorityNames = ['', 'low', 'normal', 'high'] as const;

/**
 * Sets of event types, as the sum of their bits. What the hub says of a device is of type status and has a bit of its own:
 * MQTT subscribes to it apart.
 */
export const typeBit = (type: number, fromHub: boolean): number => (fromHub ? 8 : 1 << (type - 1));
export const ALL_TYPES = 15;
/** By name: the bits of what subscribers of the hub's own protocol call so. */
export const typeBits = { pong: 1, message: 2, status: 4 + 8 } as const;

/** By type number: the priority of an event that names none. */
export const defaultPriorities = [0, Priority.low, Priority.normal, Priority.high] as const;

/** How far somebody is in the events of a device. */
export interface StreamPosition {
  readonly epoch: string;
  /** The last event that is known. */
  readonly seq: number;
}

/** Subprotocols that a subscriber may ask for; without one, events are JSON. */
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

/** All pairs of digits to the base 36. */
const DIGIT_PAIRS = Array.from({ length: 36 * 36 }, (_, n) => n.toString(36).padStart(2, '0'));

/** A device's epoch as it stands in frames: `epoch.toString(36)`, which takes V8 two microseconds. @param epoch whole, >= 0 */
export function epochName(epoch: number): string {
  let name = '';
  let rest = epoch;
  for (; rest >= 36 * 36; rest = Math.floor(rest / (36 * 36))) name = DIGIT_PAIRS[rest % (36 * 36)]! + name;
  return rest.toString(36) + name;
}
