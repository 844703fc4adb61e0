/**
 * What the pages of a long answer have named. An owner that takes over in the middle answers from the start: what was
 * named is left out of its pages.
 */
import type { Entry, FilterEntry } from '../../records/replies.ts';

const GENERATIONS = 2 ** 16;

export class LongAnswer {
  /** By slot and generation. */
  readonly #devices = new Set<number>();
  #hasFilters = false;

  /** @returns the entries that no page has named yet; this one does */
  firstTime(entries: readonly Entry[]): readonly Entry[] {
    return entries.filter(({ deviceSlot, generation }) => {
      const before = this.#devices.size;
      return this.#devices.add(deviceSlot * GENERATIONS + generation).size > before;
    });
  }

  /** One page names all filters. @returns them, if it is this one */
  filters(filters: readonly FilterEntry[]): readonly FilterEntry[] {
    if (this.#hasFilters) return [];
    this.#hasFilters = filters.length > 0;
    return filters;
  }
}
