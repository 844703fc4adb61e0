/**
 * Sends the devices of a filter, page by page. A page's rows are active from the moment the page is written. The next
 * page waits until the peer has read. Owner thread only.
 */
import { authorize } from '../access/actor.ts';
import { DEVICES_PER_PAGE, DEVICES_PER_SLICE } from '../limits.ts';
import { highWater } from '../memory/layout.ts';
import { NONE } from '../presence/columns.ts';
import { DeviceState, type Input, nextRowState, RowState } from '../presence/lifecycle.ts';
import { type FilterEntry, NO_BYTES, Notice } from '../records/replies.ts';
import { type PageJob, type Search, SLICE_SLOTS } from './filter-jobs.ts';
import { Unfinished } from './filter-table.ts';
import type { FiltersDeps } from './filters.ts';
import type { RowWalk } from './row-walks.ts';
import { SlotList } from './slot-list.ts';
import { isSubscribed, type Page } from './subscriptions.ts';

/** Names of pages start here, above those of requests. */
const FIRST_PAGE = 2 ** 31 + 1;

/** Whether `More` names a page of a filter. */
export function isFilterPage(page: number): boolean {
  return page >= FIRST_PAGE;
}

export class FilterPages {
  readonly #deps: FiltersDeps;
  #nextPage: number;

  /** @param firstPage names the first page */
  constructor(deps: FiltersDeps, firstPage = FIRST_PAGE) {
    this.#deps = deps;
    this.#nextPage = firstPage;
  }

  job(options: {
    subscriber: number;
    session: number;
    slot: number;
    filter: string;
    input: Input;
    devices?: SlotList | readonly number[];
    walk?: RowWalk;
    search?: Search | undefined;
    isUnasked?: boolean;
    isPaused?: boolean;
    sliceMax?: number | undefined;
  }): PageJob {
    const page = this.#nextPage;
    this.#nextPage = page === 2 ** 32 - 1 ? FIRST_PAGE : page + 1;
    const {
      devices: found = [],
      walk,
      search,
      isUnasked = false,
      isPaused = false,
      sliceMax = DEVICES_PER_SLICE,
      ...about
    } = options;
    const state = { at: 0, unreadDevices: 0, unreadBytes: 0, reserved: 0, waits: false, isFull: false };
    const sets = { gained: new Set<number>(), removed: new Set<number>() };
    const how = { isUnasked, isPaused, sliceMax };
    const devices = found instanceof SlotList ? found : SlotList.of(found);
    const rest = devices[Symbol.iterator]();
    return { kind: 'pages', ...about, page, devices, rest, ...sets, walk, search, ...how, ...state };
  }

  /** An operator has removed the device's row: no page creates another, unless the filter gains the device again. */
  passOver(job: PageJob, device: number): void {
    job.gained.delete(device);
    job.removed.add(device);
  }

  /**
   * Filters are active again. @param input the input that their rows get @param hasPages whether pages of a filter are
   * on their way @returns their pages, and what paused filters gain through another token
   */
  ofRestarted(
    about: { readonly subscriber: number; readonly session: number; readonly input: Input },
    changed: readonly FilterEntry[],
    hasPages: (slot: number) => boolean,
  ): PageJob[] {
    const { registry, walks, scopes } = this.#deps;
    const { filters } = registry;
    const { subscriber } = about;
    const before = scopes.useForFilters(subscriber);
    const jobs: PageJob[] = [];
    for (const { filter, value } of changed) {
      const slot = filters.find(subscriber, filter.slice(0, -1));
      if (value !== RowState.active || slot < 0) continue;
      // What the pages before the connection was lost did not come to is in these: they are one answer.
      if (about.input === 'resume') filters.begin(slot, Unfinished.resume);
      const isLeft = filters.isUnfinished(slot) && !hasPages(slot);
      const search = isLeft ? { next: 0 } : before && { next: 0, before };
      jobs.push(this.job({ ...about, slot, filter, walk: walks.start(subscriber), search }));
    }
    if (before === undefined) return jobs;
    for (const slot of filters.ofSubscriber(subscriber)) {
      if (filters.state(slot) !== RowState.paused) continue;
      const filter = filters.nameOf(slot);
      jobs.push(this.job({ ...about, slot, filter, search: { next: 0, before }, isPaused: true }));
    }
    for (const { slot } of jobs) filters.begin(slot, Unfinished.pages);
    return jobs;
  }

  /**
   * Another owner has taken over. The previous one was activating rows of the filter, which is itself active. @returns
   * their pages; undefined if there are none
   */
  ofTakenOver(subscriber: number, session: number, slot: number): PageJob | undefined {
    const { registry, walks } = this.#deps;
    const { filters } = registry;
    const isLeft = (row: number): boolean => {
      if (!registry.isFiltered(row)) return false;
      const state = registry.rowState(row);
      // Of one whose silence is on record, every filter is silent too.
      if (state === RowState.paused) return filters.isResuming(slot);
      return state === RowState.disconnected || state === RowState.silent;
    };
    const filter = filters.nameOf(slot);
    const job = this.job({
      subscriber,
      session,
      slot,
      filter,
      input: 'reconnect',
      walk: walks.start(subscriber),
    });
    while (!this.gather(job, isLeft)); // in one go, as all that a takeover does
    job.walk = undefined;
    return job.devices.length > 0 ? job : undefined;
  }

  /**
   * Runs one slice: sends a page, unless the devices are still being gathered. @returns whether the last page was sent
   */
  run(job: PageJob): boolean {
    const { subscriptions, pageBytes } = this.#deps;
    if (!this.#isGathered(job)) return false;
    if (job.isUnasked && job.devices.length === 0) return true;
    const isThere = this.isThere(job);
    const page = subscriptions.begin();
    const { entries } = page;
    const { devices } = job;
    const end = Math.min(devices.length, job.at + SLICE_SLOTS);
    while (isThere && job.at < end && entries.count < job.sliceMax && entries.byteLength < pageBytes) {
      job.at += 1;
      this.#follow(job, job.rest.next().value!, page);
    }
    const more = isThere && job.at < devices.length;
    this.#send(job, page, more);
    subscriptions.end(page);
    if (job.isFull) {
      // A device that appeared after the answer, for which no row was reserved.
      const full = [{ filter: job.filter, value: RowState.none }];
      subscriptions.link(job.session).notice(job.session, Notice.filterFull, NO_BYTES, false, full);
      job.isFull = false;
    }
    if (!more) this.drop(job);
    return !more;
  }

  /** Runs one slice of the searches that come first. @returns whether the job's devices are known */
  #isGathered(job: PageJob): boolean {
    if (job.walk !== undefined) {
      if (!this.gather(job)) return false;
      job.walk = undefined;
    }
    if (job.search !== undefined) {
      if (!this.#search(job, job.search)) return false;
      job.search = undefined;
    }
    return true;
  }

  #send(job: PageJob, { entries }: Page, more: boolean): void {
    const { subscriptions, pageBytes } = this.#deps;
    const { session, filter } = job;
    const link = subscriptions.link(session);
    if (job.isPaused) {
      // It has been resumed meanwhile, together with all else: what is named stands alone.
      if (entries.count > 0) link.filterPage(session, filter, entries.take(), 0, false);
      return;
    }
    job.unreadDevices += entries.count;
    job.unreadBytes += entries.byteLength;
    job.waits = more && (job.unreadDevices >= DEVICES_PER_PAGE || job.unreadBytes >= pageBytes);
    link.filterPage(session, filter, entries.take(), job.page, more, job.waits);
    if (job.waits) job.unreadDevices = job.unreadBytes = 0;
  }

  /** Whether filters that match the device follow it. */
  isMatchable(device: number): boolean {
    const { known, deviceState } = this.#deps.registry.devices.rows;
    return known[device] === 1 && deviceState[device] !== DeviceState.free;
  }

  /** Whether the subscriber may follow the matchable device through a filter, and has no row for it. */
  lacks(subscriber: number, device: number): boolean {
    const { registry, subscriptions } = this.#deps;
    return registry.findRow(device, subscriber) < 0 && subscriptions.mayFollow(subscriber, device, -1);
  }

  /**
   * Runs one slice of the search, and adds the devices that it finds to the job. @returns whether the search has ended
   */
  #search({ subscriber, filter, devices, gained, removed }: PageJob, search: Search): boolean {
    const { registry } = this.#deps;
    const prefix = Buffer.from(filter.slice(0, -1));
    const end = highWater(registry.devices);
    const to = Math.min(end, search.next + SLICE_SLOTS);
    // Stryker disable next-line EqualityOperator: one device more is looked at now, and not with the next slice
    for (; search.next < to; search.next++) {
      const device = search.next;
      if (!this.isMatchable(device) || !registry.idStartsWith(device, prefix)) continue;
      if (!this.lacks(subscriber, device)) continue;
      if (gained.has(device) || removed.has(device)) continue; // since the search began
      const { before } = search;
      // What that token covered, and has no row, an operator has removed.
      if (
        before !== undefined &&
        authorize(before, { kind: 'follow', device: registry.deviceId(device) }) === 'allowed'
      )
        continue;
      devices.push(device);
      gained.add(device);
    }
    return to === end;
  }

  /** Whether the filter of these devices still exists. */
  isThere({ subscriber, slot, filter }: PageJob): boolean {
    return this.#deps.registry.filters.find(subscriber, filter.slice(0, -1)) === slot;
  }

  /**
   * Collects the subscriber's rows that match, those that are followed by id, too, included. @returns whether all rows
   * were visited
   */
  gather(job: PageJob, passes: (row: number) => boolean = () => true): boolean {
    const { registry, walks } = this.#deps;
    const prefix = Buffer.from(job.filter.slice(0, -1));
    walks.advance(job.walk!, SLICE_SLOTS, (row) => {
      const device = registry.subscriptions.rows.device[row]!;
      const matches = isSubscribed(registry.rowState(row)) && registry.idStartsWith(device, prefix);
      if (matches && passes(row)) job.devices.push(device);
      return true;
    });
    return job.walk!.next === NONE;
  }

  /** Adds one device to a page. It may have left, or been denied, since it was found. */
  #follow(job: PageJob, device: number, page: Page): void {
    const { registry, subscriptions } = this.#deps;
    const { subscriber } = job;
    if (!this.isMatchable(device)) return;
    const id = registry.deviceId(device);
    if (!id.startsWith(job.filter.slice(0, -1))) return;
    const row = registry.findRow(device, subscriber);
    if (!subscriptions.mayFollow(subscriber, device, row)) {
      // Stryker disable next-line ConditionalExpression: where no row is, there is none of a filter
      if (row >= 0 && registry.isFiltered(row))
        page.change(row, nextRowState(registry.rowState(row), 'unsubscribe', subscriptions.outlives(row)));
      return;
    }
    // Since the pages began, the filter may have been paused, or its subscriber been silent.
    const state = registry.filters.state(job.slot) as RowState;
    const isGained = job.gained.has(device);
    if (row < 0) {
      // Else an operator has removed it.
      if ((isGained || job.input === 'subscribe') && !job.removed.has(device))
        this.#makeRow(job, device, state, registry.filters.typesOf(subscriber, id), page);
      return;
    }
    const before = registry.rowState(row) as RowState;
    const isKnown = isSubscribed(before);
    const input = isGained && !isKnown ? 'subscribe' : job.input;
    // A subscription by id has a status of its own, which its filters' pauses and resumes leave alone.
    const isOwn = isKnown && !registry.isFiltered(row) && job.input !== 'subscribe';
    // Nobody has asked for what is paused meanwhile to be active.
    const isKept = isOwn || (isKnown && job.isUnasked);
    // Stryker disable next-line BooleanLiteral: a grant counts for no input of a page
    let after = isKept ? before : nextRowState(before, input, false);
    // The pages of a resume did not all come: these are another connection's, or another owner's.
    if (!isOwn && !job.isUnasked && registry.filters.isResuming(job.slot))
      after = nextRowState(after, 'resume', false);
    // A row that an operator merely allowed is not followed by id.
    const ownTypes = before === RowState.allow ? 0 : registry.subscriptions.rows.ownTypes[row]!;
    subscriptions.setTypes(row, ownTypes, registry.filters.typesOf(subscriber, id, ownTypes));
    if (after !== RowState.active) return;
    if (state !== RowState.active) {
      if (before === RowState.allow) page.change(row, state);
      return;
    }
    subscriptions.describe(page, device, after);
    page.change(row, after);
  }

  #makeRow(job: PageJob, device: number, state: RowState, types: number, page: Page): void {
    const { registry, subscriptions, rowsMax } = this.#deps;
    const { subscriber } = job;
    const reserved = job.reserved > 0;
    if (reserved) job.reserved -= 1;
    const isFull = !reserved && registry.rowCount(subscriber) >= rowsMax;
    const row = isFull ? -1 : registry.createRow(device, subscriber, state, { types, ownTypes: 0, reserved });
    if (row < 0) job.isFull = true;
    if (row < 0 || state !== RowState.active) return;
    subscriptions.describe(page, device, state);
    page.change(row, state); // attaches it once the page is written
  }

  drop(job: PageJob): void {
    const { registry, walks } = this.#deps;
    registry.reserve(job.subscriber, -job.reserved);
    job.reserved = 0;
    if (job.walk !== undefined) walks.cancel(job.walk);
  }
}
