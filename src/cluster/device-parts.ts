/**
 * The hand-over of a device: its numbering, its state, its newest message and status as event records, and events that
 * its connection sent before it was settled who numbers them. The host that surrenders a device encodes it, and the
 * host that adopts the device decodes it.
 */
import type { RecordViews } from '../memory/ring.ts';
import { EventType } from '../wire/events.ts';
import { isEntry } from './entry-check.ts';
import { isEvent, UNNUMBERED } from './event-check.ts';
import { copyEvent, EventField, eventBytes } from './event-record.ts';
import type { HomeDevice } from './host.ts';
import { viewsOf } from './wire.ts';

/** An event record at the start of its views. */
export interface KeptEvent {
  readonly views: RecordViews;
  readonly bytes: number;
}

/** A device as its home hands it over. */
export interface HandedDevice {
  readonly entry: HomeDevice;
  /** Absent when none was kept. */
  readonly message: KeptEvent | undefined;
  readonly status: KeptEvent | undefined;
}

/** Everything that came from homes, and from nodes that lost their claims. */
export interface HandedOver {
  /** undefined: no home handed anything over, so the device starts over. */
  readonly device: HandedDevice | undefined;
  /** Events that no node has numbered, in the order of their connection. */
  readonly unnumbered: readonly KeptEvent[];
}

/** @returns parts for `surrendered`: the entry, then the events */
export function encodeDevice({ entry, message, status }: HandedDevice): Uint8Array[] {
  const events = [message, status].flatMap((event) => (event === undefined ? [] : [event]));
  return [Buffer.from(JSON.stringify(entry)), ...events.map(({ views, bytes }) => views.u8.slice(0, bytes))];
}

/** @returns parts for `surrendered` of a device whose claim was lost: its events, in the order in which it sent them */
export function encodeUnnumbered(events: readonly RecordViews[]): Uint8Array[] {
  return events.map((event) => {
    const { views, bytes } = keepEvent(event, 0, eventBytes(event, 0));
    views.f64[EventField.seq >> 3] = UNNUMBERED;
    return views.u8.slice(0, bytes);
  });
}

/**
 * Decodes the parts that `adopt` was given. The first entry counts, with the events that follow it up to the next
 * entry; invalid events are left out.
 * @param payloadBytesMax DAT_MAX_MESSAGE_BYTES
 */
export function decodeDevice(parts: readonly Uint8Array[], payloadBytesMax: number): HandedOver {
  let device: { -readonly [Key in keyof HandedDevice]: HandedDevice[Key] } | undefined;
  let isOfDevice = false;
  const unnumbered: KeptEvent[] = [];
  for (const part of parts) {
    const event = parseEvent(part, payloadBytesMax);
    const seq = event?.views.f64[EventField.seq >> 3];
    if (event === undefined) {
      const entry = parseEntry(part);
      isOfDevice = entry !== undefined && device === undefined;
      if (entry !== undefined) device ??= { entry, message: undefined, status: undefined };
    } else if (seq === UNNUMBERED) {
      unnumbered.push(event);
    } else if (isOfDevice && seq! <= device!.entry.seq) {
      const type = event.views.u8[EventField.type];
      if (type === EventType.message) device!.message = event;
      if (type === EventType.status) device!.status = event;
    }
  }
  return { device, unnumbered };
}

/** Copies an event into its own record, for a hand-over. */
export function keepEvent(views: RecordViews, offset: number, bytes: number): KeptEvent {
  const copy = viewsOf(bytes);
  copyEvent(views, offset, copy, 0, bytes);
  copy.u8[EventField.ackBytes] = 0;
  return { views: copy, bytes };
}

/** An event, also one without a number. */
function parseEvent(part: Uint8Array, payloadBytesMax: number): KeptEvent | undefined {
  const views = viewsOf(part.length);
  views.u8.set(part);
  if (!isEvent(views, 0, part.length, payloadBytesMax, UNNUMBERED)) return undefined;
  return { views, bytes: part.length };
}

function parseEntry(part: Uint8Array): HomeDevice | undefined {
  try {
    const { epoch, seq, state, status, lastSeen } = JSON.parse(
      Buffer.from(part).toString('utf8'),
    ) as HomeDevice;
    if (typeof epoch !== 'string' || typeof status !== 'string') return undefined;
    if (!isEntry({ state, epoch, status }) || !isCount(seq) || !isCount(lastSeen)) return undefined;
    return { epoch, seq, state, status, lastSeen };
  } catch {
    return undefined; // not JSON: it is as if nothing had been handed over
  }
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
