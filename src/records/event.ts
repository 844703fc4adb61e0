/**
 * The event record, the same from an edge to the owner and from the owner to an edge (the owner fills in `seq` and
 * `device`). It is read in place: no object is allocated per event.
 *
 *   0      8              16     24           28     29         30      31         32            34    36
 *   | at   | received     | seq  | u32 device | type | priority | flags | ackBytes | statusBytes | pad | u32 payloadBytes
 *   40            44    48
 *   | u32 session | pad | status text, payload, ack id ...
 */
import { type RecordViews, type RingProducer, recordViews, Share } from '../memory/ring.ts';
import { Priority } from '../wire/events.ts';

/** Kind of an event record in either direction. */
export const EVENT_KIND = 1;

export const EventField = {
  at: 0, // f64, wall-clock ms of receipt
  received: 8, // f64, hub clock ms of receipt, for the latency histogram
  seq: 16, // f64
  device: 24, // u32, device slot; NONE while the edge does not know it yet
  type: 28, // u8, an EventType
  priority: 29, // u8, a Priority
  flags: 30, // u8, bits of EventFlag
  ackBytes: 31, // u8, length of the ack id's raw JSON, 0 when none is asked for
  statusBytes: 32, // u16, length of the status text
  payloadBytes: 36, // u32
  session: 40, // u32, of the device's connection
  body: 48,
} as const;

/** Bits of an event's flags. */
export const EventFlag = {
  /** The payload is `data` as JSON, empty for null; otherwise it is opaque. */
  payloadIsJson: 1,
  /** The hub itself reports the device's state. */
  fromHub: 2,
  /** The payload is what an MQTT client published; in a status, `data` is only a part of it (`publishedData`). */
  asPublished: 4,
} as const;

/** How full a ring may get for an event of each priority. */
const shares = [Share.low, Share.low, Share.normal, Share.high] as const;

/** @returns the offset of room for an event in the ring, -1 when it has none for this priority */
export function claimEvent(ring: RingProducer, bytes: number, priority: number): number {
  return ring.claim(EVENT_KIND, bytes, shares[priority as 1 | 2 | 3]);
}

/** What an event says besides its body. */
export interface EventHead {
  readonly at: number;
  readonly received: number;
  readonly device: number;
  readonly type: number;
  readonly priority: number;
  readonly flags: number;
  readonly session: number;
  readonly statusBytes: number;
  readonly payloadBytes: number;
  readonly ackBytes: number;
}

/** Writes everything in front of the body but `seq`. @returns where the body starts */
export function writeEventHead({ f64, u32, u16, u8 }: RecordViews, offset: number, head: EventHead): number {
  // Stryker disable next-line ArithmeticOperator: it comes first, at 0
  f64[(offset + EventField.at) >> 3] = head.at;
  f64[(offset + EventField.received) >> 3] = head.received;
  u32[(offset + EventField.device) >> 2] = head.device;
  u32[(offset + EventField.session) >> 2] = head.session;
  u8[offset + EventField.type] = head.type;
  u8[offset + EventField.priority] = head.priority;
  u8[offset + EventField.flags] = head.flags;
  u8[offset + EventField.ackBytes] = head.ackBytes;
  u16[(offset + EventField.statusBytes) >> 1] = head.statusBytes;
  u32[(offset + EventField.payloadBytes) >> 2] = head.payloadBytes;
  return offset + EventField.body;
}

/**
 * Copies an event record without its ack id.
 * @param bytes length of the record in the source, head included
 */
export function copyEvent(
  from: RecordViews,
  fromOffset: number,
  to: RecordViews,
  toOffset: number,
  bytes: number,
): void {
  // Stryker disable next-line BlockStatement,ConditionalExpression,EqualityOperator: both ways copy the same
  if (bytes > COPY_BY_WORDS_BYTES_MAX) {
    to.u8.set(from.u8.subarray(fromOffset, fromOffset + bytes), toOffset);
    return;
  }
  const source = from.u32;
  const target = to.u32;
  const first = fromOffset >> 2;
  const shift = (toOffset >> 2) - first;
  const end = first + ((bytes + 3) >> 2);
  for (let word = first; word < end; word++) target[word + shift] = source[word]!;
}

/** Up to this length a loop is faster than `set`, which first makes a view. */
const COPY_BY_WORDS_BYTES_MAX = 512;

/** Length of an event record without its ack id, bytes. */
export function eventBytes(views: RecordViews, offset: number): number {
  return (
    EventField.body +
    views.u16[(offset + EventField.statusBytes) >> 1]! +
    views.u32[(offset + EventField.payloadBytes) >> 2]!
  );
}

/** Length of an event record with its ack id, bytes. */
export function wholeEventBytes(views: RecordViews, offset: number): number {
  return eventBytes(views, offset) + views.u8[offset + EventField.ackBytes]!;
}

/** Views over private memory with room to build an event of this length. */
export function privateViews(bytes: number): RecordViews {
  return recordViews(new ArrayBuffer((bytes + 7) & ~7));
}

/** The number of an event that is at the start of its own views. */
export function seqOf({ f64 }: RecordViews): number {
  return f64[EventField.seq >> 3]!;
}

/** A private copy of an event record, including its ack id. */
export function copyOfEvent(views: RecordViews, offset: number): RecordViews {
  const bytes = wholeEventBytes(views, offset);
  const copy = privateViews(bytes);
  copyEvent(views, offset, copy, 0, bytes);
  return copy;
}

/** Whether the event goes before normal ones. */
export function isHigh({ u8 }: RecordViews, offset: number): boolean {
  return u8[offset + EventField.priority] === Priority.high;
}

/** An event that did not come over a connection: the hub's own, an operator's, or a will. */
export interface OwnEvent {
  readonly type: number;
  readonly priority: number;
  readonly flags: number;
  /** Wall-clock ms. */
  readonly at: number;
  /** Hub clock, ms. */
  readonly received: number;
  readonly status: Uint8Array;
  readonly payload: Uint8Array;
}

/** Builds the event at the start of these views. @returns its length */
export function writeOwnEvent(views: RecordViews, event: OwnEvent): number {
  const { status, payload } = event;
  const body = writeEventHead(views, 0, {
    ...event,
    device: NO_NUMBER,
    session: NO_NUMBER,
    statusBytes: status.length,
    payloadBytes: payload.length,
    ackBytes: 0,
  });
  views.u8.set(status, body);
  views.u8.set(payload, body + status.length);
  return body + status.length + payload.length;
}

/** The event in its own memory. */
export function eventOf(event: OwnEvent): RecordViews {
  const views = privateViews(EventField.body + event.status.length + event.payload.length);
  writeOwnEvent(views, event);
  return views;
}

/** Stands for no slot and no session. */
const NO_NUMBER = 0xffffffff;
