/**
 * One kept event in the history log: this header, then the event record as the rings carry it, padded to 8 bytes.
 * Including the padding, a kept event takes at most 31 bytes more than its event record. Only this file knows the
 * layout of either.
 *
 *   0           4           8          12             16                20               22         24
 *   | u32 bytes | u32 stamp | u32 slot | u32 previous | u32 previousSeq | u16 generation | u8 flags | event record ...
 */
import type { RecordViews } from '../memory/ring.ts';
import { copyEvent, EventField, EventFlag } from '../records/event.ts';
import { EventType } from '../wire/events.ts';

const KeptField = {
  bytes: 0, // header, event record and padding
  stamp: 4, // the record's position in 8-byte units mod 2^32: a stale position never finds another record
  slot: 8, // of the device
  previous: 12, // 8-byte units back to the device's previous kept event; 0 when it is farther away than any log is long
  previousSeq: 16, // seqs back to that event, or to one that found no room; those between were pongs. 0 when unknown
  generation: 20, // of the slot: a reused slot never yields its predecessor's events
  flags: 22,
  event: 24,
} as const;
const U32_MAX = 0xffffffff;

/** Bits of a kept event's flags. `carried`: the cleaner has carried it forward at least once. */
const KeptFlag = { carried: 1 } as const;

export const KEPT_ALIGNMENT = 8;

/** Bytes that an event record of this length takes in the log. */
export function keptBytes(eventBytes: number): number {
  return (KeptField.event + eventBytes + KEPT_ALIGNMENT - 1) & ~(KEPT_ALIGNMENT - 1);
}

/** A position in 8-byte units, mod 2^32. */
export function unitsOf(position: number): number {
  return (position / KEPT_ALIGNMENT) >>> 0;
}

/**
 * The kinds that `last` distinguishes. The hub's own state events are kept, but do not count as the device's status.
 */
export const KeptKind = { other: 0, message: 1, deviceStatus: 2 } as const;
export type KeptKind = (typeof KeptKind)[keyof typeof KeptKind];

/** @param offset of an event record */
export function keptKindOf({ u8 }: RecordViews, offset: number): KeptKind {
  const type = u8[offset + EventField.type];
  if (type === EventType.message) return KeptKind.message;
  if (type !== EventType.status) return KeptKind.other;
  return (u8[offset + EventField.flags]! & EventFlag.fromHub) === 0 ? KeptKind.deviceStatus : KeptKind.other;
}

/** Whether history keeps events of this type at all. */
export function isKept({ u8 }: RecordViews, offset: number): boolean {
  return u8[offset + EventField.type] !== EventType.pong;
}

/** Copies an event record into the log, and notes its seq and device in the copy. */
export function writeEvent(
  log: RecordViews,
  at: number,
  slot: number,
  seq: number,
  from: RecordViews,
  offset: number,
  bytes: number,
): void {
  const event = at + KeptField.event;
  copyEvent(from, offset, log, event, bytes);
  log.f64[(event + EventField.seq) >> 3] = seq;
  log.u32[(event + EventField.device) >> 2] = slot;
  log.u8[event + EventField.ackBytes] = 0; // the ack's id is not copied
}

/**
 * Writes the header of a record that is not yet committed.
 * @param back bytes to the device's previous kept event; to the beginning of the log when there is none
 * @param seqsBack seqs to that event, kept or not
 */
export function writeKeptHead(
  { u8, u16, u32 }: RecordViews,
  at: number,
  position: number,
  size: number,
  slot: number,
  generation: number,
  back: number,
  seqsBack: number,
): void {
  const units = back / KEPT_ALIGNMENT;
  u32[(at + KeptField.bytes) >> 2] = size;
  u32[(at + KeptField.stamp) >> 2] = unitsOf(position);
  u32[(at + KeptField.slot) >> 2] = slot;
  u32[(at + KeptField.previous) >> 2] = units > U32_MAX ? 0 : units;
  u32[(at + KeptField.previousSeq) >> 2] = seqsBack > U32_MAX ? 0 : seqsBack;
  u16[(at + KeptField.generation) >> 1] = generation;
  u8[at + KeptField.flags] = 0;
}

/** Copies a record to the end of the log. The records before it are gone by now, so the copy points back to nothing. */
export function carryRecord(log: RecordViews, from: number, to: number, position: number): void {
  copyEvent(log, from, log, to, keptSize(log, from));
  log.u32[(to + KeptField.stamp) >> 2] = unitsOf(position);
  log.u32[(to + KeptField.previous) >> 2] = 0;
  log.u8[to + KeptField.flags] = KeptFlag.carried;
}

/** Bytes of the record, header and padding included. */
export const keptSize = ({ u32 }: RecordViews, at: number): number => u32[(at + KeptField.bytes) >> 2]!;
export const keptSlot = ({ u32 }: RecordViews, at: number): number => u32[(at + KeptField.slot) >> 2]!;
export const keptGeneration = ({ u16 }: RecordViews, at: number): number =>
  u16[(at + KeptField.generation) >> 1]!;
export const isCarried = ({ u8 }: RecordViews, at: number): boolean =>
  (u8[at + KeptField.flags]! & KeptFlag.carried) !== 0;
export const keptSeq = ({ f64 }: RecordViews, at: number): number =>
  f64[(at + KeptField.event + EventField.seq) >> 3]!;
export const keptKind = (log: RecordViews, at: number): KeptKind => keptKindOf(log, at + KeptField.event);

/** Whether the record at this offset is the one that was written at `position`. */
export const isAtPosition = ({ u32 }: RecordViews, at: number, position: number): boolean =>
  u32[(at + KeptField.stamp) >> 2] === unitsOf(position);

/** Whether the record is of this device. */
export function isOf(log: RecordViews, at: number, slot: number, generation: number): boolean {
  return keptSlot(log, at) === slot && keptGeneration(log, at) === generation;
}

/** What a walk needs from a record, read together. The bytes may be overwritten meanwhile; the caller checks that. */
export class KeptHead {
  position = 0;
  size = 0;
  /** Position of the device's previous kept event; it may be gone. 0 when there is none. */
  previous = 0;
  seq = 0;
  /** Numbers that are missing between here and this seq were pongs. */
  after = 0;
  /** Hub clock ms of receipt. */
  received = 0;
  /** Number of the event's type. */
  type = 0;
  kind: KeptKind = KeptKind.other;

  read(log: RecordViews, at: number, position: number): void {
    const { u8, u32, f64 } = log;
    const event = at + KeptField.event;
    const back = u32[(at + KeptField.previous) >> 2]!;
    const seq = f64[(event + EventField.seq) >> 3]!;
    this.position = position;
    this.size = u32[(at + KeptField.bytes) >> 2]!;
    this.previous = back === 0 ? 0 : position - back * KEPT_ALIGNMENT;
    this.seq = seq;
    this.after = seq - (u32[(at + KeptField.previousSeq) >> 2]! || 1);
    this.received = f64[(event + EventField.received) >> 3]!;
    this.type = u8[event + EventField.type]!;
    this.kind = keptKindOf(log, event);
  }
}

/** Copies the event record out of the log. @param size of the kept event, header included */
export function copyEventOut(log: RecordViews, at: number, size: number, to: RecordViews): void {
  copyEvent(log, at + KeptField.event, to, 0, size - KeptField.event);
}

/** Length of the event record in a kept event of this size, padding included. */
export const eventRoom = (size: number): number => size - KeptField.event;
