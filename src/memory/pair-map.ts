/**
 * (device, subscriber) → subscription slot: open addressing with linear probing; the pair itself stands in the slot's
 * row. The owner's alone: it can be rebuilt from the rows.
 */
import { closeGap, entriesFor, mix } from './id-map.ts';

const EMPTY = 0;

export class PairMap {
  readonly #entries: Uint32Array; // slot + 1
  readonly #devices: Uint32Array;
  readonly #subscribers: Uint32Array;

  /** @param devices and subscribers: the columns of the rows that the slots name */
  constructor(devices: Uint32Array, subscribers: Uint32Array) {
    this.#devices = devices;
    this.#subscribers = subscribers;
    this.#entries = new Uint32Array(entriesFor(devices.length));
  }

  /** @returns the slot, or -1 */
  find(device: number, subscriber: number): number {
    const entries = this.#entries;
    for (let at = this.#home(device, subscriber); ; at = this.#after(at)) {
      const entry = entries[at]!;
      if (entry === EMPTY) return -1;
      if (this.#devices[entry - 1] === device && this.#subscribers[entry - 1] === subscriber)
        return entry - 1;
    }
  }

  /** Adds a slot whose row names its pair, which is not there. */
  insert(slot: number): void {
    let at = this.#home(this.#devices[slot]!, this.#subscribers[slot]!);
    while (this.#entries[at] !== EMPTY) at = this.#after(at);
    this.#entries[at] = slot + 1;
  }

  /** Takes out a slot that is there; its row still names the pair. */
  remove(slot: number): void {
    let at = this.#home(this.#devices[slot]!, this.#subscribers[slot]!);
    while (this.#entries[at] !== slot + 1) at = this.#after(at);
    closeGap(this.#entries, at, (entry) =>
      this.#home(this.#devices[entry - 1]!, this.#subscribers[entry - 1]!),
    );
  }

  #after(at: number): number {
    return at + 1 === this.#entries.length ? 0 : at + 1;
  }

  #home(device: number, subscriber: number): number {
    const hash = mix(Math.imul(device, 0x9e3779b1) ^ subscriber);
    return Math.floor((hash * this.#entries.length) / 2 ** 32);
  }
}
