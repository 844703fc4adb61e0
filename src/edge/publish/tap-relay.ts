/**
 * Reports to main the events that this thread receives from devices that main watches. Events are collected and sent
 * within 100 ms, as many as live streams may show. Beyond that, the newest event of each device and type stands for
 * all, so that a list still has the newest value.
 */
import type { Clock } from '../../clock.ts';
import {
  LIVE_EVENTS_PER_SECOND,
  LIVE_PAYLOAD_BYTES_MAX,
  LIVE_STREAMS_MAX,
  VALUE_BYTES_MAX,
} from '../../limits.ts';
import type { TappedEvent } from '../../records/commands.ts';
import type { DeviceFrame } from '../../wire/device-frames.ts';
import type { Taps } from './taps.ts';

export interface TapRelayDeps {
  /** Of this thread. */
  readonly taps: Taps;
  readonly clock: Clock;
  /** Takes events to main. */
  say(events: readonly TappedEvent[]): void;
}

const SECOND_MS = 1000;
/** From the first event to the report to main, which includes those that came meanwhile. */
const GATHER_MS = 100;
/** Of one device in a second. */
const DEVICE_EVENTS_MAX = LIVE_EVENTS_PER_SECOND;
/** Of all devices in a second. */
const EVENTS_MAX = LIVE_STREAMS_MAX * LIVE_EVENTS_PER_SECOND;

interface Tapped {
  readonly end: () => void;
  /** Told one by one in this second. */
  told: number;
}

export class TapRelay {
  readonly #deps: TapRelayDeps;
  readonly #tapped = new Map<string, Tapped>();
  #events: TappedEvent[] = [];
  /** Where among the events the newest of a type and device stands, of those beyond the limits. */
  readonly #newest = new Map<string, number>();
  #toldInSecond = 0;
  #secondEndsAt = 0;

  constructor(deps: TapRelayDeps) {
    this.#deps = deps;
  }

  /** Watches these devices from now on, or no longer does. */
  set(devices: readonly string[], isTapped: boolean): void {
    for (const device of devices) {
      if (isTapped) this.#look(device);
      else this.#forget(device);
    }
  }

  #tell(): void {
    const events = this.#events;
    this.#events = [];
    this.#newest.clear();
    this.#deps.say(events);
  }

  #look(device: string): void {
    if (this.#tapped.has(device)) return;
    const tapped: Tapped = {
      end: this.#deps.taps.add(device, (bytes, frame, at) => this.#take(device, tapped, bytes, frame, at)),
      told: 0,
    };
    this.#tapped.set(device, tapped);
  }

  #forget(device: string): void {
    this.#tapped.get(device)?.end();
    this.#tapped.delete(device);
  }

  #take(device: string, tapped: Tapped, bytes: Uint8Array, frame: DeviceFrame, at: number): void {
    if (this.#events.length === 0) setTimeout(() => this.#tell(), GATHER_MS).unref();
    this.#startSecond();
    if (tapped.told < DEVICE_EVENTS_MAX && this.#toldInSecond < EVENTS_MAX) {
      tapped.told += 1;
      this.#toldInSecond += 1;
      this.#events.push({ device, at, count: 1, ...headOf(bytes, frame, LIVE_PAYLOAD_BYTES_MAX) });
      return;
    }
    const key = `${frame.type} ${device}`;
    const place = this.#newest.get(key) ?? this.#events.length;
    this.#newest.set(key, place);
    const count = 1 + (this.#events[place]?.count ?? 0);
    this.#events[place] = { device, at, count, ...headOf(bytes, frame, VALUE_BYTES_MAX) };
  }

  #startSecond(): void {
    const now = this.#deps.clock.now();
    if (now < this.#secondEndsAt) return;
    this.#secondEndsAt = now + SECOND_MS;
    this.#toldInSecond = 0;
    for (const tapped of this.#tapped.values()) tapped.told = 0;
  }
}

/** A copy of the payload's head, and a frame that says where it stands and how long the whole is. */
function headOf(
  bytes: Uint8Array,
  frame: DeviceFrame,
  bytesMax: number,
): Pick<TappedEvent, 'bytes' | 'frame'> {
  const { payloadStart, payloadEnd } = frame;
  const payloadBytes = payloadEnd - payloadStart;
  const head = bytes.subarray(payloadStart, payloadStart + Math.min(payloadBytes, bytesMax));
  return {
    bytes: new Uint8Array(head), // a Buffer's slice would be no copy
    frame: { ...frame, payloadStart: 0, payloadEnd: payloadBytes, ackStart: 0, ackEnd: 0 },
  };
}
