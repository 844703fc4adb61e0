/** Turns the hub's events, JSON and binary, into one shape. */
import {
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_BYTES,
  BATCH_TYPE,
  BINARY_HEADER_BYTES,
  BINARY_PRIORITY_MASK,
  BinaryFlag,
  EventType,
  eventTypeNames,
  priorityNames,
} from '../wire/events.ts';
import type { DeviceEvent, EventFrame, EventTypeName, PriorityName } from './frames.ts';

export function eventFromJson(frame: EventFrame): DeviceEvent {
  const { data64 } = frame;
  if (data64 === undefined) return frame;
  return { ...frame, bytes: Uint8Array.from(atob(data64), (character) => character.charCodeAt(0)) };
}

const utf8 = new TextDecoder();

/** Reads a frame of the subprotocol `dat.v1.binary`. @throws RangeError, SyntaxError when it is none */
export function eventsFromBinary(frame: ArrayBuffer): DeviceEvent[] {
  const view = new DataView(frame);
  if (view.getUint8(0) !== BATCH_TYPE) return [eventFromBinary(frame, 0, frame.byteLength)];
  const events: DeviceEvent[] = [];
  for (let at = BATCH_HEADER_BYTES; at < frame.byteLength; ) {
    const start = at + BATCH_LENGTH_BYTES;
    at = start + view.getUint32(at, true);
    events.push(eventFromBinary(frame, start, at));
  }
  return events;
}

function eventFromBinary(frame: ArrayBuffer, start: number, end: number): DeviceEvent {
  const header = new DataView(frame, start, BINARY_HEADER_BYTES);
  const type = header.getUint8(0);
  const flags = header.getUint8(1);
  const isFromHub = (flags & BinaryFlag.fromHub) !== 0;
  const idBytes = header.getUint16(2, true);
  const idStart = start + BINARY_HEADER_BYTES;
  const bytes = new Uint8Array(frame, idStart + idBytes, end - idStart - idBytes);
  const event = {
    device: utf8.decode(new Uint8Array(frame, idStart, idBytes)),
    type: eventTypeNames[type] as EventTypeName,
    source: isFromHub ? 'hub' : 'device',
    seq: header.getFloat64(8, true),
    at: header.getFloat64(16, true),
    priority: priorityNames[flags & BINARY_PRIORITY_MASK] as PriorityName,
  } as const;
  const isDeviceStatus = type === EventType.status && !isFromHub;
  if ((flags & BinaryFlag.payloadIsJson) === 0) {
    return isDeviceStatus ? { ...event, status: utf8.decode(bytes), bytes } : { ...event, bytes };
  }
  const data = JSON.parse(utf8.decode(bytes)) as unknown;
  // The payload of a status that a device sent as JSON is `{"status":…,"data":…}`.
  return isDeviceStatus && isStatus(data) ? { ...event, ...data } : { ...event, data };
}

function isStatus(data: unknown): data is { readonly status: string; readonly data: unknown } {
  return typeof (data as { readonly status?: unknown } | null)?.status === 'string';
}
