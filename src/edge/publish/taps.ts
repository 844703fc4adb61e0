/**
 * Who looks at the events of a device as they come in, beside the subscribers: the admin API's live streams. A tap is
 * no subscription: presence does not know of it, and it sees events that nobody follows. One per edge.
 */
import type { DeviceFrame } from '../../wire/device-frames.ts';

/**
 * Called for each event that was received. Must not throw, and must copy what it keeps: both are used again after it.
 * @param bytes the frame as it came
 * @param frame what was found in it
 */
export type TapListener = (bytes: Uint8Array, frame: DeviceFrame) => void;

export class Taps {
  /** Whether there is any: all that an event costs while there is none. */
  inUse = false;
  readonly #byDevice = new Map<string, Set<TapListener>>();

  /** @returns ends it */
  add(device: string, listener: TapListener): () => void {
    const listeners = this.#byDevice.get(device) ?? new Set();
    this.#byDevice.set(device, listeners.add(listener));
    this.inUse = true;
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#byDevice.get(device) === listeners) this.#byDevice.delete(device);
      this.inUse = this.#byDevice.size > 0;
    };
  }

  event(device: string, bytes: Uint8Array, frame: DeviceFrame): void {
    const listeners = this.#byDevice.get(device);
    if (listeners === undefined) return;
    for (const listener of listeners) listener(bytes, frame);
  }
}
