/**
 * (device, subscriber) → subscription slot: open addressing with linear probing; the pair itself is in the slot's row.
 * Private to the owner, because it can be rebuilt from the rows. Peers choose the pairs, so the hash is keyed.
 */
import { hashPair, randomHashKey } from './hash.ts';
import { entriesFor } from './id-map.ts';

const EMPTY = 0;

export class PairMap {
  readonly #entries: Uint32Array; // slot + 1
  readonly #devices: Uint32Array;
  readonly #subscribers: Uint32Array;
  readonly #key = randomHashKey();

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
    let at = this.#homeOf(slot);
    while (this.#entries[at] !== EMPTY) at = this.#after(at);
    this.#entries[at] = slot + 1;
  }

  /** Removes a slot that is there; its row still names the pair. */
  remove(slot: number): void {
    let at = this.#homeOf(slot);
    while (this.#entries[at] !== slot + 1) at = this.#after(at);
    this.#closeGap(at);
  }

  /** Backward-shift deletion: moves later entries of the run into the gap, so that no tombstones pile up. */
  #closeGap(gap: number): void {
    const entries = this.#entries;
    const size = entries.length;
    let hole = gap;
    for (let at = this.#after(gap); entries[at] !== EMPTY; at = this.#after(at)) {
      // An entry may move back only if its home is not between the hole and where it stands.
      const fromHome = (at - this.#homeOf(entries[at]! - 1) + size) % size;
      const fromHole = (at - hole + size) % size;
      if (fromHome < fromHole) continue;
      entries[hole] = entries[at]!;
      hole = at;
    }
    entries[hole] = EMPTY;
  }

  #after(at: number): number {
    return at + 1 === this.#entries.length ? 0 : at + 1;
  }

  #homeOf(slot: number): number {
    return this.#home(this.#devices[slot]!, this.#subscribers[slot]!);
  }

  #home(device: number, subscriber: number): number {
    return Math.floor((hashPair(this.#key, device, subscriber) * this.#entries.length) / 2 ** 32);
  }
}
