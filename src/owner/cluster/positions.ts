/**
 * The positions of subscribers here in numberings that a device has left. If two nodes have numbered a device for a
 * while, it may return to a numbering that subscribers know. They then learn what they missed, and get no event twice.
 * Owner thread only.
 */
import { Recent } from '../../cluster/recent.ts';
import type { Registry } from '../registry.ts';

export class Positions {
  readonly #registry: Registry;
  /** By id and epoch. */
  readonly #left = new Recent<number>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** The last event of the numbering that subscribers here have seen; undefined: they have not seen the numbering. */
  in(slot: number, epoch: number): number | undefined {
    const { rows } = this.#registry.devices;
    return rows.epoch[slot] === epoch ? rows.seq[slot]! : this.#left.get(this.#key(slot, epoch));
  }

  /** The row's numbering is about to change. */
  leave(slot: number): void {
    const { epoch, seq } = this.#registry.devices.rows;
    this.#left.set(this.#key(slot, epoch[slot]!), seq[slot]!);
  }

  #key(slot: number, epoch: number): string {
    return `${this.#registry.deviceId(slot)} ${epoch}`;
  }
}
