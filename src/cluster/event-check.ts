/**
 * Checks whether bytes from another node are an event that the hub may pass on; it is not checked again later.
 * Allocates only for a payload with more than ASCII, and for the status of an MQTT client.
 */
import { isUtf8 } from 'node:buffer';
import type { RecordViews } from '../memory/ring.ts';
import { STATUS_CHARACTERS_MAX } from '../wire/device-frames.ts';
import { EventType, Priority } from '../wire/events.ts';
import { scanValue } from '../wire/json-scan.ts';
import { createStatusParts, readStatus } from '../wire/mqtt/payloads.ts';
import { EventField, EventFlag } from './event-record.ts';

/** A character takes up to four bytes. */
const STATUS_BYTES_MAX = 4 * STATUS_CHARACTERS_MAX;
const statusParts = createStatusParts();
const FLAGS = EventFlag.payloadIsJson | EventFlag.fromHub | EventFlag.asPublished;

/** The `seq` of an event that no node has numbered. */
export const UNNUMBERED = 0;

/**
 * @param bytes length of the record
 * @param payloadBytesMax DAT_MAX_MESSAGE_BYTES
 * @param seqMin the lowest number; `UNNUMBERED` lets events without one pass
 */
export function isEvent(
  views: RecordViews,
  offset: number,
  bytes: number,
  payloadBytesMax: number,
  seqMin = 1,
): boolean {
  if (bytes < EventField.body) return false;
  const { u8, u16, u32, f64 } = views;
  const type = u8[offset + EventField.type]!;
  const priority = u8[offset + EventField.priority]!;
  const flags = u8[offset + EventField.flags]!;
  const statusBytes = u16[(offset + EventField.statusBytes) >> 1]!;
  const payloadBytes = u32[(offset + EventField.payloadBytes) >> 2]!;
  const seq = f64[(offset + EventField.seq) >> 3]!;
  const at = f64[(offset + EventField.at) >> 3]!;
  if (type < EventType.pong || type > EventType.status) return false;
  if (priority < Priority.low || priority > Priority.high) return false;
  if ((flags & ~FLAGS) !== 0 || u8[offset + EventField.ackBytes] !== 0) return false;
  if (statusBytes > STATUS_BYTES_MAX || payloadBytes > payloadBytesMax) return false;
  if (EventField.body + statusBytes + payloadBytes !== bytes) return false;
  if (!Number.isSafeInteger(seq) || seq < seqMin || !Number.isFinite(at) || at < 0) return false;
  const body = offset + EventField.body;
  const payload = body + statusBytes;
  if (statusBytes > 0 && !isText(views, body, payload)) return false;
  if (statusBytes > 0 && (flags & EventFlag.asPublished) !== 0)
    return readStatus(u8, payload, payload + payloadBytes, statusParts) === undefined;
  if ((flags & EventFlag.payloadIsJson) === 0 || payloadBytes === 0) return true;
  const end = payload + payloadBytes;
  return isText(views, payload, end) && isJson(u8, payload, end);
}

/** The scanner stops only at the end of the array, so a number must not continue in the bytes after the payload. */
function isJson(u8: Uint8Array, start: number, end: number): boolean {
  const behind = u8[end]!;
  u8[end] = 0;
  const isWhole = scanValue(u8, start) === end;
  u8[end] = behind;
  return isWhole;
}

const NOT_ASCII = 0x80;
const NOT_ASCII_WORD = 0x80808080;

/** Whether it is UTF-8. Most payloads are ASCII, which is checked four bytes at a time. */
function isText({ u8, u32 }: RecordViews, start: number, end: number): boolean {
  let at = start;
  while (at < end && (at & 3) !== 0) if (u8[at++]! >= NOT_ASCII) return isUtf8(u8.subarray(start, end));
  const words = end & ~3;
  for (; at < words; at += 4)
    if ((u32[at >> 2]! & NOT_ASCII_WORD) !== 0) return isUtf8(u8.subarray(start, end));
  while (at < end) if (u8[at++]! >= NOT_ASCII) return isUtf8(u8.subarray(start, end));
  return true;
}
