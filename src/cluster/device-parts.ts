/**
 * What is handed over of a device: its numbering, its state, and its newest message and status as event records. The
 * host that surrenders a device encodes it, the one that adopts it decodes it.
 */
import type { RecordViews } from '../memory/ring.ts';
import { STATUS_CHARACTERS_MAX } from '../wire/device-frames.ts';
import { EventType } from '../wire/events.ts';
import { isEvent } from './event-check.ts';
import { copyEvent, EventField } from './event-record.ts';
import type { DeviceEntry } from './host.ts';
import { viewsOf } from './wire.ts';

/** An event record at the start of its views. */
export interface KeptEvent {
  readonly views: RecordViews;
  readonly bytes: number;
}

export interface HandedDevice {
  readonly entry: DeviceEntry;
  /** Absent when none was kept. */
  readonly message: KeptEvent | undefined;
  readonly status: KeptEvent | undefined;
}

const EPOCH_CHARACTERS_MAX = 64;

/** @returns parts for `surrendered`: the entry, then the events */
export function encodeDevice({ entry, message, status }: HandedDevice): Uint8Array[] {
  const events = [message, status].flatMap((event) => (event === undefined ? [] : [event]));
  return [Buffer.from(JSON.stringify(entry)), ...events.map(({ views, bytes }) => views.u8.slice(0, bytes))];
}

/**
 * What `adopt` was given.
 * @param payloadBytesMax DAT_MAX_MESSAGE_BYTES
 * @returns undefined when the entry is none: the device begins anew; an event that is none is left out
 */
export function decodeDevice(
  parts: readonly Uint8Array[],
  payloadBytesMax: number,
): HandedDevice | undefined {
  const [first, ...rest] = parts;
  const entry = first === undefined ? undefined : parseEntry(first);
  if (entry === undefined) return undefined;
  let message: KeptEvent | undefined;
  let status: KeptEvent | undefined;
  for (const part of rest) {
    const event = parseEvent(part, payloadBytesMax);
    if (event === undefined || event.views.f64[EventField.seq >> 3]! > entry.seq) continue;
    const type = event.views.u8[EventField.type];
    if (type === EventType.message) message = event;
    if (type === EventType.status) status = event;
  }
  return { entry, message, status };
}

/** A record of its own, to be handed over. */
export function keepEvent(views: RecordViews, offset: number, bytes: number): KeptEvent {
  const copy = viewsOf(bytes);
  copyEvent(views, offset, copy, 0, bytes);
  copy.u8[EventField.ackBytes] = 0;
  return { views: copy, bytes };
}

function parseEvent(part: Uint8Array, payloadBytesMax: number): KeptEvent | undefined {
  const views = viewsOf(part.length);
  views.u8.set(part);
  return isEvent(views, 0, part.length, payloadBytesMax) ? { views, bytes: part.length } : undefined;
}

function parseEntry(part: Uint8Array): DeviceEntry | undefined {
  try {
    const { epoch, seq, state, status, lastSeen } = JSON.parse(
      Buffer.from(part).toString('utf8'),
    ) as DeviceEntry;
    const isEpoch = typeof epoch === 'string' && epoch !== '' && epoch.length <= EPOCH_CHARACTERS_MAX;
    const isStatus = typeof status === 'string' && [...status].length <= STATUS_CHARACTERS_MAX;
    const isState = state === 1 || state === 2 || state === 3;
    if (!isEpoch || !isStatus || !isState || !isCount(seq) || !isCount(lastSeen)) return undefined;
    return { epoch, seq, state, status, lastSeen };
  } catch {
    return undefined; // not JSON: it is as if nothing had been handed over
  }
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
