/**
 * Who watches a device's incoming events other than subscribers: the admin API's live streams. A tap is not a
 * subscription: presence does not know it, and it sees events that nobody follows. One per edge; main's has the
 * listeners, and those of other threads report to main (`tap-relay.ts`).
 */
import type { DeviceFrame } from '../../wire/device-frames.ts';

/**
 * Called for each event that was received. Must not throw, and must copy what it keeps: both are used again after it.
 * @param bytes the frame as it came, or the head of it
 * @param frame what was found in it
 * @param at wall-clock ms, as its followers and the history are told
 * @param count events that it stands for, the newest of them: another thread may have received more than it tells
 */
export type TapListener = (bytes: Uint8Array, frame: DeviceFrame, at: number, count: number) => void;

export class Taps {
  /** Whether there are any taps; without taps, an event costs only this check. */
  inUse = false;
  /** Called with a device that has its first listener, and with one that has lost its last. */
  changed: (device: string, isTapped: boolean) => void = () => {};
  readonly #byDevice = new Map<string, Set<TapListener>>();

  /** Those that somebody listens to. */
  get devices(): string[] {
    return [...this.#byDevice.keys()];
  }

  /** @returns ends it */
  add(device: string, listener: TapListener): () => void {
    const before = this.#byDevice.get(device);
    const listeners = before ?? new Set();
    this.#byDevice.set(device, listeners.add(listener));
    this.inUse = true;
    if (before === undefined) this.changed(device, true);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#byDevice.get(device) !== listeners) return;
      this.#byDevice.delete(device);
      this.inUse = this.#byDevice.size > 0;
      this.changed(device, false);
    };
  }

  /** Tells of an event; see `TapListener`. */
  event(device: string, bytes: Uint8Array, frame: DeviceFrame, at: number, count = 1): void {
    const listeners = this.#byDevice.get(device);
    if (listeners === undefined) return;
    for (const listener of listeners) listener(bytes, frame, at, count);
  }
}
