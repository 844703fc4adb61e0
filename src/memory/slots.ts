/**
 * Tracks which slots of a slab are free, and how often each was used. Owner thread only. The free list is private,
 * because it can be rebuilt from the rows.
 */
import {
  type Column,
  type Columns,
  highWater,
  type Slab,
  setHighWater,
  setUsedCount,
  usedCount,
} from './layout.ts';

type WithGeneration = Columns & { readonly generation: Column<'u16'> };

export class Slots {
  readonly #slab: Slab<WithGeneration>;
  /** A stack; a page of it becomes resident only when a slot is freed into it. */
  readonly #free: Uint32Array;
  #freeCount = 0;

  constructor(slab: Slab<WithGeneration>) {
    this.#slab = slab;
    this.#free = new Uint32Array(slab.capacity);
  }

  get freeCount(): number {
    return this.#slab.capacity - usedCount(this.#slab);
  }

  /** @returns a free slot, or -1 when the slab is full (the caller refuses and counts). */
  take(): number {
    const slab = this.#slab;
    let slot: number;
    if (this.#freeCount > 0) {
      slot = this.#free[--this.#freeCount]!;
    } else {
      slot = highWater(slab);
      if (slot === slab.capacity) return -1;
      setHighWater(slab, slot + 1);
    }
    setUsedCount(slab, usedCount(slab) + 1);
    return slot;
  }

  /** Takes over the slab of another owner. @param isUsed called for the slots that were ever in use */
  adopt(isUsed: (slot: number) => boolean): void {
    const { generation } = this.#slab.rows;
    this.#freeCount = 0;
    let used = 0;
    for (let slot = highWater(this.#slab) - 1; slot >= 0; slot--) {
      if (isUsed(slot)) {
        used += 1;
        continue;
      }
      Atomics.add(generation, slot, 1); // it may have been in use a moment ago
      this.#free[this.#freeCount++] = slot;
    }
    setUsedCount(this.#slab, used);
  }

  /** Frees the slot; anyone who still holds its old generation notices. */
  release(slot: number): void {
    const { generation } = this.#slab.rows;
    Atomics.add(generation, slot, 1);
    this.#free[this.#freeCount++] = slot;
    setUsedCount(this.#slab, usedCount(this.#slab) - 1);
  }
}
