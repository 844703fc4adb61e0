/** Turns the hub's events, JSON and binary, into one shape. */

import type { DeviceEvent, EventFrame } from './frames.ts';
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
} from './wire.ts';

/** The event of a JSON frame; `data64`, if any, becomes `bytes`. */
export function eventFromJson<Data>(frame: EventFrame): DeviceEvent<Data> {
  const { data64 } = frame;
  if (data64 === undefined) return frame as DeviceEvent<Data>;
  const bytes = Uint8Array.from(atob(data64), (character) => character.charCodeAt(0));
  return { ...frame, bytes } as DeviceEvent<Data>;
}

/** A byte order mark is part of what the device sent, so it stays. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Reads a frame of the subprotocol `dat.v1.binary`. @throws RangeError, SyntaxError when it is not one */
export function eventsFromBinary<Data>(frame: ArrayBuffer): DeviceEvent<Data>[] {
  const view = new DataView(frame);
  if (view.getUint8(0) !== BATCH_TYPE) return [eventFromBinary(frame, 0, frame.byteLength)];
  const events: DeviceEvent<Data>[] = [];
  for (let at = BATCH_HEADER_BYTES; at < frame.byteLength; ) {
    const start = at + BATCH_LENGTH_BYTES;
    at = start + view.getUint32(at, true);
    events.push(eventFromBinary(frame, start, at));
  }
  return events;
}

function eventFromBinary<Data>(frame: ArrayBuffer, start: number, end: number): DeviceEvent<Data> {
  const header = new DataView(frame, start, BINARY_HEADER_BYTES);
  const type = header.getUint8(0);
  const flags = header.getUint8(1);
  const isFromHub = (flags & BinaryFlag.fromHub) !== 0;
  const idBytes = header.getUint16(2, true);
  const idStart = start + BINARY_HEADER_BYTES;
  const bytes = new Uint8Array(frame, idStart + idBytes, end - idStart - idBytes);
  const event = {
    device: utf8.decode(new Uint8Array(frame, idStart, idBytes)),
    type: eventTypeNames[type],
    source: isFromHub ? 'hub' : 'device',
    seq: header.getFloat64(8, true),
    at: header.getFloat64(16, true),
    priority: priorityNames[flags & BINARY_PRIORITY_MASK],
    ...((flags & BinaryFlag.replay) !== 0 && { replay: true }),
  };
  const isDeviceStatus = type === EventType.status && !isFromHub;
  const isJson = (flags & BinaryFlag.payloadIsJson) !== 0;
  return {
    ...event,
    ...(isJson ? fieldsOfJson(JSON.parse(utf8.decode(bytes)), isDeviceStatus) : { bytes }),
    ...(isDeviceStatus && !isJson && { status: utf8.decode(bytes) }),
  } as DeviceEvent<Data>;
}

/** The payload of a status that a device sent as JSON is `{"status":…,"data":…}`. */
function fieldsOfJson(data: { readonly status?: unknown } | null, isDeviceStatus: boolean): object {
  return isDeviceStatus && typeof data?.status === 'string' ? data : { data };
}
