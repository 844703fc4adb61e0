/**
 * Devices and filters that the pages of a long answer have named. An owner that takes over in the middle answers from
 * the start; then these are left out of its pages.
 */

import { DEVICES_PER_PAGE } from '../../limits.ts';
import type { Entry, FilterEntry } from '../../records/replies.ts';

const GENERATIONS = 2 ** 16;

export class LongAnswer {
  /** Slot and generation of each device that was named: 8 B, where an entry of a Set takes four times that. */
  // Stryker disable next-line ArithmeticOperator: it grows
  #named = new Uint32Array(2 * DEVICES_PER_PAGE);
  #length = 0;
  /** The same as a set for lookups, plus devices named since. Made by `again`. */
  #known: Set<number> | undefined;
  #hasFilters = false;

  /** Another owner answers from the start. */
  again(): void {
    if (this.#known !== undefined) return;
    this.#known = new Set();
    for (let at = 0; at < this.#length; at += 2)
      this.#known.add(keyOf(this.#named[at]!, this.#named[at + 1]!));
    this.#named = new Uint32Array(0);
  }

  /** @returns the entries that no page has named yet; from now on they count as named */
  firstTime(entries: readonly Entry[]): readonly Entry[] {
    const known = this.#known;
    if (known === undefined) {
      this.#note(entries);
      return entries;
    }
    return entries.filter(({ deviceSlot, generation }) => {
      const before = known.size;
      return known.add(keyOf(deviceSlot, generation)).size > before;
    });
  }

  /** Only one page names the filters. @returns all of them if it is this one */
  filters(filters: readonly FilterEntry[]): readonly FilterEntry[] {
    if (this.#hasFilters) return [];
    this.#hasFilters = filters.length > 0;
    return filters;
  }

  #note(entries: readonly Entry[]): void {
    const end = this.#length + 2 * entries.length;
    // Stryker disable next-line ConditionalExpression,EqualityOperator: larger than it must be
    if (end > this.#named.length) {
      // Stryker disable next-line ArithmeticOperator: it grows each time
      const larger = new Uint32Array(Math.max(end, 2 * this.#named.length));
      larger.set(this.#named.subarray(0, this.#length));
      this.#named = larger;
    }
    for (const { deviceSlot, generation } of entries) {
      this.#named[this.#length] = deviceSlot;
      this.#named[this.#length + 1] = generation;
      this.#length += 2;
    }
  }
}

function keyOf(slot: number, generation: number): number {
  // Stryker disable next-line ArithmeticOperator: a difference tells them apart as well as a sum
  return slot * GENERATIONS + generation;
}
