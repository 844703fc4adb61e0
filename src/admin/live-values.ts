/**
 * The newest message of devices that lists show. Where the hub keeps history they are read from there; else the
 * devices' events are looked at as they come, for as long as a list asks for them. Runs on main.
 */
import type { Clock } from '../clock.ts';
import { VALUE_BYTES_MAX, VALUE_LEASE_MS, VALUES_KEPT_MAX } from '../limits.ts';
import type { DeviceFrame } from '../wire/device-frames.ts';
import { EventType, priorityNames } from '../wire/events.ts';
import type { AdminDeps } from './deps.ts';
import type { LiveEvent } from './live-schemas.ts';

/** A device that is looked at, with the newest message as it was received. */
class Kept {
  readonly #bytes = Buffer.allocUnsafeSlow(VALUE_BYTES_MAX);
  #shown = 0;
  #found: Omit<LiveEvent, 'json' | 'base64'> | undefined;
  #isJson = false;
  /** Hub clock, ms. */
  askedAtMs = 0;
  endTap: () => void = () => {};

  /** On the way of an event: copies it, and makes no text of it. */
  take(bytes: Uint8Array, frame: DeviceFrame, at: number): void {
    if (frame.type !== EventType.message) return;
    const { payloadStart, payloadEnd, payloadIsJson, priority } = frame;
    this.#shown = Math.min(VALUE_BYTES_MAX, payloadEnd - payloadStart);
    this.#bytes.set(bytes.subarray(payloadStart, payloadStart + this.#shown));
    this.#isJson = payloadIsJson;
    this.#found = {
      at,
      type: 'message',
      priority: priorityNames[priority] as LiveEvent['priority'],
      bytes: payloadEnd - payloadStart,
    };
  }

  get event(): LiveEvent | undefined {
    if (this.#found === undefined || this.#shown === 0) return this.#found;
    const payload = this.#bytes.subarray(0, this.#shown);
    return this.#isJson
      ? { ...this.#found, json: payload.toString('utf8') }
      : { ...this.#found, base64: payload.toString('base64') };
  }
}

export class LiveValues {
  readonly #clock: Clock;
  readonly #tap: AdminDeps['tap'];
  readonly #newestMessage: AdminDeps['newestMessage'];
  /** By device, the one asked for longest ago first. */
  readonly #kept = new Map<string, Kept>();

  constructor({ clock, tap, newestMessage }: Pick<AdminDeps, 'clock' | 'tap' | 'newestMessage'>) {
    this.#clock = clock;
    this.#tap = tap;
    this.#newestMessage = newestMessage;
  }

  /** Devices that are looked at. */
  get size(): number {
    return this.#kept.size;
  }

  /** @returns the newest message that is known; from now on the device is looked at for a while */
  newest(device: string): LiveEvent | undefined {
    if (this.#newestMessage !== undefined) return this.#newestMessage(device, VALUE_BYTES_MAX);
    const kept = this.#kept.get(device) ?? this.#look(device);
    kept.askedAtMs = this.#clock.now();
    this.#kept.delete(device);
    this.#kept.set(device, kept);
    if (this.#kept.size > VALUES_KEPT_MAX) this.#forget(this.#oldest()!);
    return kept.event;
  }

  /** Lets go of devices that no list has asked for lately. Call now and then. */
  tick(): void {
    const endMs = this.#clock.now() - VALUE_LEASE_MS;
    for (const [device, { askedAtMs }] of this.#kept) {
      if (askedAtMs > endMs) return;
      this.#forget(device);
    }
  }

  close(): void {
    for (const device of [...this.#kept.keys()]) this.#forget(device);
  }

  #look(device: string): Kept {
    const kept = new Kept();
    kept.endTap = this.#tap(device, (bytes, frame) => kept.take(bytes, frame, this.#clock.wallNow()));
    return kept;
  }

  #oldest(): string | undefined {
    return this.#kept.keys().next().value;
  }

  #forget(device: string): void {
    this.#kept.get(device)?.endTap();
    this.#kept.delete(device);
  }
}
