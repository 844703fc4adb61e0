/**
 * The events of some devices as they come in, gathered for one live stream: so many per second at most, the rest
 * counted. Runs on main, on the way of every event of these devices.
 */

import { LIVE_EVENTS_PER_SECOND, LIVE_PAYLOAD_BYTES_MAX } from '../limits.ts';
import type { DeviceFrame } from '../wire/device-frames.ts';
import { eventTypeNames, priorityNames } from '../wire/events.ts';
import type { AdminDeps } from './deps.ts';
import type { LiveEvent, LiveEvents } from './live-schemas.ts';

interface Tapped {
  endTap(): void;
  events: LiveEvent[];
  skipped: number;
  /** Events taken in this second. */
  taken: number;
}

export class LiveTaps {
  readonly #deps: Pick<AdminDeps, 'tap'>;
  readonly #taken: () => void;
  readonly #tapped = new Map<string, Tapped>();

  /** @param taken called when there are events to fetch */
  constructor(deps: Pick<AdminDeps, 'tap'>, taken: () => void) {
    this.#deps = deps;
    this.#taken = taken;
  }

  /** Looks at these devices from now on, and at no others. */
  set(devices: readonly string[]): void {
    const wanted = new Set(devices);
    for (const [device, { endTap }] of this.#tapped) {
      if (wanted.has(device)) continue;
      endTap();
      this.#tapped.delete(device);
    }
    for (const device of wanted) if (!this.#tapped.has(device)) this.#look(device);
  }

  /** @returns what came since the last call, by device */
  fetch(): LiveEvents[] {
    const all: LiveEvents[] = [];
    for (const [device, tapped] of this.#tapped) {
      const { events, skipped } = tapped;
      if (events.length === 0 && skipped === 0) continue;
      tapped.events = [];
      tapped.skipped = 0;
      all.push({ device, events, skipped });
    }
    return all;
  }

  /** Call once a second. */
  startSecond(): void {
    for (const tapped of this.#tapped.values()) tapped.taken = 0;
  }

  #look(device: string): void {
    const tapped: Tapped = { endTap: () => {}, events: [], skipped: 0, taken: 0 };
    tapped.endTap = this.#deps.tap(device, (...event) => this.#take(tapped, ...event));
    this.#tapped.set(device, tapped);
  }

  #take(tapped: Tapped, bytes: Uint8Array, frame: DeviceFrame, at: number, count: number): void {
    tapped.skipped += count - 1;
    // A busy device takes no event from a quiet one
    if (tapped.taken >= Math.floor(LIVE_EVENTS_PER_SECOND / this.#tapped.size)) tapped.skipped += 1;
    else {
      tapped.taken += 1;
      tapped.events.push(copyOf(bytes, frame, at));
    }
    this.#taken();
  }
}

/** What the frame holds is used again after it. */
function copyOf(bytes: Uint8Array, frame: DeviceFrame, at: number): LiveEvent {
  const { payloadStart, payloadEnd, payloadIsJson, status } = frame;
  const shown = Math.min(payloadEnd, payloadStart + LIVE_PAYLOAD_BYTES_MAX);
  const payload = Buffer.from(bytes.buffer, bytes.byteOffset + payloadStart, shown - payloadStart);
  return {
    at,
    type: eventTypeNames[frame.type] as LiveEvent['type'],
    priority: priorityNames[frame.priority] as LiveEvent['priority'],
    ...(status === '' ? {} : { status }),
    bytes: payloadEnd - payloadStart,
    ...(payloadEnd === payloadStart
      ? {}
      : payloadIsJson
        ? { json: payload.toString('utf8') }
        : { base64: payload.toString('base64') }),
  };
}
