/**
 * Requests that name filters: searches the table, or the subscriber's rows, in slices, and answers with the number of
 * devices that each filter follows. Owner thread only.
 */
import { highWater } from '../memory/layout.ts';
import { NONE } from '../presence/columns.ts';
import { type Input, nextRowState, RowState } from '../presence/lifecycle.ts';
import { Refusal } from '../records/replies.ts';
import { type FilterTarget, type RequestJob, SLICE_CHANGES, SLICE_SLOTS } from './filter-jobs.ts';
import type { FilterPages } from './filter-pages.ts';
import { Unfinished } from './filter-table.ts';
import type { FiltersDeps } from './filters.ts';
import { SlotList } from './slot-list.ts';
import { isSubscribed, type Page } from './subscriptions.ts';

export class FilterRequests {
  readonly #deps: FiltersDeps;
  readonly #pages: FilterPages;

  constructor(deps: FiltersDeps, pages: FilterPages) {
    this.#deps = deps;
    this.#pages = pages;
  }

  /** @returns whether the request was answered */
  run(job: RequestJob): boolean {
    const { registry, requests } = this.#deps;
    if (job.target === undefined) {
      const filter = job.filters.shift();
      if (filter === undefined) {
        requests.answer(job.subscriber, job.request, job.results, job.refused);
        return true;
      }
      job.target = this.#begin(job, filter);
      return false;
    }
    const { target } = job;
    const isThrough = target.walk === undefined ? this.#scan(job, target) : this.#walk(job, target);
    if (!isThrough) return false;
    job.target = undefined;
    const { op, slice: sliceMax } = job.request;
    if (op === 'subscribe' && !this.#reserve(job, target)) return false;
    const isFollowed = op === 'subscribe' || op === 'resume';
    job.results.push({ filter: target.filter, value: isFollowed ? target.devices.length : RowState.none });
    if (isFollowed) {
      const { subscriber, session } = job;
      const { filter, slot, devices } = target;
      const about = { subscriber, session, slot, filter, input: op } as const;
      const pages = this.#pages.job({ ...about, devices, sliceMax });
      pages.reserved = target.missing;
      job.pages.push(pages);
      if (op === 'subscribe') registry.filters.begin(slot, Unfinished.pages);
      if (target.before !== undefined) registry.filters.begin(slot, Unfinished.resume);
      registry.reserve(subscriber, pages.reserved);
    }
    return false;
  }

  /** @returns undefined if the filter is refused */
  #begin(job: RequestJob, filter: string): FilterTarget | undefined {
    const { registry, scopes, walks, filtersMax } = this.#deps;
    const { filters } = registry;
    const { subscriber, request, refused } = job;
    const prefix = filter.slice(0, -1);
    const refuse = (why: Refusal): undefined => {
      refused.push({ device: filter, why });
      return undefined;
    };
    let slot = filters.find(subscriber, prefix);
    const before =
      slot < 0
        ? undefined
        : { state: filters.state(slot) as RowState, types: filters.slab.rows.types[slot]! };
    if (request.op === 'subscribe') {
      if (!scopes.coversSomeOf(subscriber, prefix)) return refuse(Refusal.notCovered);
      if (slot < 0 && filters.count(subscriber) >= filtersMax) return refuse(Refusal.tooManyFilters);
      if (slot < 0) slot = filters.create(subscriber, prefix, RowState.active, request.types);
      if (slot < 0) return refuse(Refusal.full);
      filters.setState(slot, RowState.active);
      filters.slab.rows.types[slot] = request.types;
    } else {
      if (slot < 0) return refuse(Refusal.notSubscribed);
      if (request.op === 'unsubscribe') filters.remove(slot);
      else filters.setState(slot, nextRowState(before!.state, request.op as Input, false));
    }
    const walk = request.op === 'subscribe' ? undefined : walks.start(subscriber);
    const reserved = job.pages.map((pages) => Buffer.from(pages.filter.slice(0, -1)));
    const found = { devices: new SlotList(), missing: 0, reserved, next: 0 };
    return { filter, prefix: Buffer.from(prefix), slot, before, ...found, walk };
  }

  /** Searches for devices that match. @returns whether all were visited */
  #scan({ subscriber }: RequestJob, target: FilterTarget): boolean {
    const { registry } = this.#deps;
    const end = highWater(registry.devices);
    const to = Math.min(end, target.next + SLICE_SLOTS);
    for (; target.next < to; target.next++)
      if (this.#pages.isMatchable(target.next)) this.find(subscriber, target, target.next);
    return to === end;
  }

  /** Checks whether the filter follows a device that is known, or is about to be. */
  find(subscriber: number, target: FilterTarget, device: number): void {
    const { registry } = this.#deps;
    if (!registry.idStartsWith(device, target.prefix)) return;
    const row = registry.findRow(device, subscriber);
    if (!this.#deps.subscriptions.mayFollow(subscriber, device, row)) return;
    target.devices.push(device);
    if (row >= 0 || target.reserved.some((prefix) => registry.idStartsWith(device, prefix))) return;
    target.missing += 1;
  }

  /**
   * Reserves rows for all devices that a filter matches, or for none. @returns false if there is no room: the filter is
   * refused
   */
  #reserve(job: RequestJob, target: FilterTarget): boolean {
    const { registry, rowsMax } = this.#deps;
    const isTooMany = registry.rowCount(job.subscriber) + target.missing > rowsMax;
    if (!isTooMany && target.missing <= registry.freeRows) return true;
    job.refused.push({ device: target.filter, why: isTooMany ? Refusal.tooMany : Refusal.full });
    this.undo(job.subscriber, target);
    return false;
  }

  /** The request will not be answered. */
  cancel(subscriber: number, target: FilterTarget): void {
    this.undo(subscriber, target);
    if (target.walk !== undefined) this.#deps.walks.cancel(target.walk);
  }

  /**
   * The request fails: restores its filter. A filter that was being removed is gone, and its slot may have been reused.
   */
  undo(subscriber: number, { filter, slot, before }: FilterTarget): void {
    const { filters } = this.#deps.registry;
    if (filters.find(subscriber, filter.slice(0, -1)) !== slot) return;
    if (before === undefined) filters.remove(slot);
    else {
      filters.setState(slot, before.state);
      filters.slab.rows.types[slot] = before.types;
    }
  }

  /**
   * Walks over the subscriber's rows to find what a filter gains or loses through ops other than `subscribe`. @returns
   * whether all were visited
   */
  #walk({ subscriber, request }: RequestJob, target: FilterTarget): boolean {
    const { registry, subscriptions, walks } = this.#deps;
    const page = subscriptions.begin();
    const isActive = registry.filters.state(target.slot) === RowState.active; // else it is held
    let changed = 0;
    walks.advance(target.walk!, SLICE_SLOTS, (row) => {
      if (changed === SLICE_CHANGES) return false;
      const device = registry.subscriptions.rows.device[row]!;
      if (!registry.idStartsWith(device, target.prefix)) return true;
      const state = registry.rowState(row) as RowState;
      const isFiltered = registry.isFiltered(row);
      if (!isSubscribed(state)) return true;
      if (request.op !== 'resume') changed += 1;
      if (request.op === 'unsubscribe') this.#loseFilter(subscriber, row, device, isFiltered, page);
      else subscriptions.filtersTurned(row);
      if (isFiltered && request.op === 'pause') {
        if (!this.#isElsewhereActive(subscriber, device))
          page.change(row, nextRowState(state, 'pause', false));
      } else if (isActive && this.#isFollowedAfter(device, state, isFiltered)) target.devices.push(device);
      return true;
    });
    subscriptions.end(page);
    return target.walk!.next === NONE;
  }

  /** Whether a resumed filter follows the device: a subscription by id keeps its own status. */
  #isFollowedAfter(device: number, state: RowState, isFiltered: boolean): boolean {
    if (!this.#pages.isMatchable(device)) return false;
    return (isFiltered ? nextRowState(state, 'resume', false) : state) === RowState.active;
  }

  #loseFilter(subscriber: number, row: number, device: number, isFiltered: boolean, page: Page): void {
    const { registry, subscriptions } = this.#deps;
    if (isFiltered && registry.filters.typesOf(subscriber, registry.deviceId(device)) === 0) {
      page.change(row, nextRowState(registry.rowState(row), 'unsubscribe', subscriptions.outlives(row)));
      return;
    }
    subscriptions.filtersTurned(row);
    const resting = isFiltered ? subscriptions.restingState(row) : undefined;
    if (resting !== undefined) page.change(row, resting);
  }

  /** Whether another active filter of the subscriber follows the device. */
  #isElsewhereActive(subscriber: number, device: number): boolean {
    const { filters } = this.#deps.registry;
    const id = this.#deps.registry.deviceId(device);
    return filters
      .ofSubscriber(subscriber)
      .some((slot) => filters.state(slot) === RowState.active && id.startsWith(filters.prefix(slot)));
  }
}
