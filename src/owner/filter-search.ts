/**
 * Searches the table for devices that filters match and may follow, but have no row for: after a change of rules, and
 * for filters that another node kept. It runs in slices, as a hundred thousand devices may have a thousand filters
 * each. Owner thread only.
 */
import { highWater } from '../memory/layout.ts';
import { NONE } from '../presence/columns.ts';
import { RowState } from '../presence/lifecycle.ts';
import { SLICE_CHANGES, SLICE_SLOTS } from './filter-jobs.ts';
import type { FilterPages } from './filter-pages.ts';
import type { Registry } from './registry.ts';

/** The additional cost of creating a row, in rows visited. */
const GAIN_COST = SLICE_SLOTS / SLICE_CHANGES - 1;

/** Dependencies of all searches. */
export interface FilterSearchDeps {
  readonly registry: Registry;
  readonly pages: Pick<FilterPages, 'isMatchable' | 'lacks'>;
  /** The filter follows the devices, without notice. */
  readonly gain: (slot: number, subscriber: number, devices: readonly number[]) => void;
  /** The filter's subscriber gets the devices in pages. */
  readonly bring: (slot: number, subscriber: number, devices: number[]) => void;
}

/** What a search looks for. */
export interface Sought {
  /** Filters that may match the id; a filter may be gone by the time it is visited. */
  readonly filtersOf: (id: string) => Iterable<number>;
  /** Whether the subscriber should get the device, if it lacks it. */
  readonly isSought: (subscriber: number, id: string) => boolean;
  readonly over: () => void;
}

/** Devices to send in pages, by slot of the filter. */
interface Found {
  readonly subscriber: number;
  readonly prefix: string;
  readonly devices: number[];
}

class FilterSearch {
  readonly #deps: FilterSearchDeps & Sought;
  readonly #slices: Generator<void, void>;
  readonly #found = new Map<number, Found>();
  /** Pairs whose row an operator has removed meanwhile, as `subscriber device`. */
  readonly #removed = new Set<string>();
  /** Devices and filters that the current slice may still visit. */
  #left = 0;

  constructor(deps: FilterSearchDeps & Sought) {
    this.#deps = deps;
    this.#slices = this.#run();
  }

  /** One slice. @returns whether it was the last */
  step(): boolean {
    this.#left = SLICE_SLOTS;
    return this.#slices.next().done === true;
  }

  passOver(subscriber: number, device: number): void {
    this.#removed.add(`${subscriber} ${device}`);
  }

  *#run(): Generator<void, void> {
    const { registry, pages, filtersOf, over } = this.#deps;
    const { generation } = registry.devices.rows;
    // Stryker disable next-line EqualityOperator: a row that was never used is no device
    for (let device = 0; device < highWater(registry.devices); device++) {
      if (this.#isOver()) yield;
      if (!pages.isMatchable(device)) continue;
      const id = registry.deviceId(device);
      const before = generation[device];
      for (const slot of filtersOf(id)) {
        this.#look(slot, device, id);
        if (this.#isOver()) yield;
        if (generation[device] !== before) break; // whoever has the slot now appears to filters by itself
      }
    }
    for (const [slot, found] of this.#found) yield* this.#bring(slot, found);
    over();
  }

  #isOver(): boolean {
    this.#left -= 1;
    // Stryker disable next-line EqualityOperator: a look more or less is no matter
    return this.#left <= 0;
  }

  #look(slot: number, device: number, id: string): void {
    const { registry, pages, isSought, gain } = this.#deps;
    const { filters } = registry;
    if (filters.state(slot) === RowState.none || !id.startsWith(filters.prefix(slot))) return;
    const subscriber = filters.subscriber(slot);
    if (!pages.lacks(subscriber, device) || this.#isRemoved(subscriber, device)) return;
    if (!isSought(subscriber, id)) return;
    if (!isServed(registry, slot, subscriber)) {
      gain(slot, subscriber, [device]);
      this.#left -= GAIN_COST;
    } else this.#note(slot, subscriber, device);
  }

  #note(slot: number, subscriber: number, device: number): void {
    const prefix = this.#deps.registry.filters.prefix(slot);
    const found = this.#found.get(slot);
    if (found?.subscriber === subscriber && found.prefix === prefix) found.devices.push(device);
    else this.#found.set(slot, { subscriber, prefix, devices: [device] });
  }

  *#bring(slot: number, { subscriber, prefix, devices }: Found): Generator<void, void> {
    const { registry, gain, bring } = this.#deps;
    const left = devices.filter((one) => !this.#isRemoved(subscriber, one));
    const isThere = (): boolean => registry.filters.find(subscriber, prefix) === slot;
    if (isThere() && isServed(registry, slot, subscriber)) {
      bring(slot, subscriber, left);
      yield;
      return;
    }
    // Stryker disable next-line EqualityOperator: a slice of no device changes nothing
    for (let at = 0; at < left.length && isThere(); at += SLICE_CHANGES) {
      gain(slot, subscriber, left.slice(at, at + SLICE_CHANGES));
      yield;
    }
  }

  #isRemoved(subscriber: number, device: number): boolean {
    // Stryker disable next-line ConditionalExpression,EqualityOperator: a short cut, without a text of the two
    return this.#removed.size > 0 && this.#removed.has(`${subscriber} ${device}`);
  }
}

/** One after the other. */
export class FilterSearches {
  readonly #deps: FilterSearchDeps;
  /** The first is under way. */
  readonly #searches: FilterSearch[] = [];

  constructor(deps: FilterSearchDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#searches.length;
  }

  /** Begins a search; runs a slice at once if no other search is in progress. */
  begin(sought: Sought): void {
    this.#searches.push(new FilterSearch({ ...this.#deps, ...sought }));
    if (this.size === 1) this.step();
  }

  /** One slice. @returns the slices done */
  step(): number {
    if (this.size === 0) return 0;
    if (this.#searches[0]!.step()) this.#searches.shift();
    return 1;
  }

  /** An operator has removed the pair's row: it is not created again. */
  passOver(subscriber: number, device: number): void {
    for (const search of this.#searches) search.passOver(subscriber, device);
  }
}

/** Whether the subscriber gets what the filter gains in pages; otherwise rows are created in the filter's state. */
export function isServed({ filters, subscribers }: Registry, slot: number, subscriber: number): boolean {
  return subscribers.rows.session[subscriber] !== NONE && filters.state(slot) === RowState.active;
}
