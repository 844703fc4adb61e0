/**
 * The devices of a filter, page by page. A page's rows are active from the moment the page is written, and the next one
 * waits until the peer has read. Owner thread only.
 */
import { type Actor, authorize } from '../access/actor.ts';
import type { AccessRules } from '../access/rules.ts';
import { DEVICES_PER_PAGE, DEVICES_PER_SLICE } from '../limits.ts';
import { highWater } from '../memory/layout.ts';
import { NONE } from '../presence/columns.ts';
import { DeviceState, type Input, nextRowState, RowState } from '../presence/lifecycle.ts';
import { type FilterEntry, NO_BYTES, Notice } from '../records/replies.ts';
import { type PageJob, type Scan, SLICE_SLOTS } from './filter-jobs.ts';
import { Unfinished } from './filter-table.ts';
import type { FiltersDeps } from './filters.ts';
import type { RowWalk } from './row-walks.ts';
import { isSubscribed, type Page } from './subscriptions.ts';

/** Names of pages start here, above those of requests. */
const FIRST_PAGE = 2 ** 31 + 1;

/** Whether `More` names a page of a filter. */
export function isFilterPage(page: number): boolean {
  return page >= FIRST_PAGE;
}

export class FilterPages {
  readonly #deps: FiltersDeps;
  #nextPage = FIRST_PAGE;

  constructor(deps: FiltersDeps) {
    this.#deps = deps;
  }

  job(options: {
    subscriber: number;
    session: number;
    slot: number;
    filter: string;
    input: Input;
    devices?: number[];
    /** Those of the devices that the filter has come to follow since its rows were made. */
    gained?: Set<number>;
    walk?: RowWalk;
    /** Whose token the filter went by until now; undefined: one that covered no less. */
    before?: Actor | undefined;
    isPaused?: boolean;
  }): PageJob {
    const page = this.#nextPage;
    this.#nextPage = page === 2 ** 32 - 1 ? FIRST_PAGE : page + 1;
    const { devices = [], gained = new Set(), walk, before, isPaused = false, ...rest } = options;
    const scan = before && { next: 0, before };
    const state = { at: 0, unreadDevices: 0, unreadBytes: 0, reserved: 0, waits: false, isFull: false };
    return { kind: 'pages', ...rest, page, devices, gained, walk, scan, isPaused, ...state };
  }

  /**
   * Filters are active again.
   * @param input what their rows go through @param hasPages whether pages of a filter are on their way
   * @returns their pages, and what paused filters gain by another token
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
    const active = changed.filter(({ value }) => value === RowState.active).map(({ filter }) => filter);
    const jobs = active.flatMap((filter) => {
      const slot = filters.find(subscriber, filter.slice(0, -1));
      if (slot < 0) return [];
      // What the pages before the connection was lost did not come to is in these: they are one answer.
      const devices = filters.isUnfinished(slot) && !hasPages(slot) ? this.missing(subscriber, slot) : [];
      const walk = walks.start(subscriber);
      return this.job({ ...about, slot, filter, devices, gained: new Set(devices), walk, before });
    });
    if (before === undefined) return jobs;
    for (const slot of filters.ofSubscriber(subscriber)) {
      const filter = `${filters.prefix(slot)}*`;
      if (filters.state(slot) === RowState.paused)
        jobs.push(this.job({ ...about, slot, filter, before, isPaused: true }));
    }
    for (const { slot } of jobs) filters.begin(slot, Unfinished.pages);
    return jobs;
  }

  /** One slice: a page, unless the devices are still being gathered. @returns whether its last page was sent */
  run(job: PageJob): boolean {
    const { subscriptions, pageBytes } = this.#deps;
    if (!this.#isGathered(job)) return false;
    const isThere = this.isThere(job);
    const page = subscriptions.begin();
    const { entries } = page;
    const { devices } = job;
    const end = Math.min(devices.length, job.at + SLICE_SLOTS);
    while (isThere && job.at < end && entries.count < DEVICES_PER_SLICE && entries.byteLength < pageBytes) {
      this.#follow(job, devices[job.at++]!, page);
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

  /** One slice of what has to be looked through first. @returns whether the job's devices are known */
  #isGathered(job: PageJob): boolean {
    if (job.walk !== undefined) {
      if (!this.gather(job)) return false;
      job.walk = undefined;
    }
    if (job.scan !== undefined) {
      if (!this.#scan(job, job.scan)) return false;
      job.scan = undefined;
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

  /**
   * Devices that the filter matches and the subscriber may follow, but has no row of.
   * @param before rules that denied them; undefined: whatever those were
   */
  missing(subscriber: number, slot: number, before?: AccessRules): number[] {
    const { registry, access } = this.#deps;
    const id = registry.subscriberId(subscriber);
    const prefix = Buffer.from(registry.filters.prefix(slot));
    const devices: number[] = [];
    for (let device = 0; device < highWater(registry.devices); device++) {
      if (!this.#isMissing(subscriber, prefix, device)) continue;
      if (before === undefined || access.decide(registry.deviceId(device), id, before) === 'deny')
        devices.push(device);
    }
    return devices;
  }

  #isMissing(subscriber: number, prefix: Uint8Array, device: number): boolean {
    const { registry, subscriptions } = this.#deps;
    const { known, deviceState } = registry.devices.rows;
    if (known[device] === 0 || deviceState[device] === DeviceState.free) return false;
    if (!registry.idStartsWith(device, prefix) || registry.findRow(device, subscriber) >= 0) return false;
    return subscriptions.mayFollow(subscriber, device, -1);
  }

  /** Adds what is missing because the token of before did not cover it. @returns whether all was looked through */
  #scan({ subscriber, filter, devices, gained }: PageJob, scan: Scan): boolean {
    const { registry } = this.#deps;
    const prefix = Buffer.from(filter.slice(0, -1));
    const end = highWater(registry.devices);
    const to = Math.min(end, scan.next + SLICE_SLOTS);
    for (; scan.next < to; scan.next++) {
      const device = scan.next;
      if (gained.has(device) || !this.#isMissing(subscriber, prefix, device)) continue;
      const wasCovered = authorize(scan.before, { kind: 'follow', device: registry.deviceId(device) });
      if (wasCovered === 'allowed') continue; // then an operator has removed it
      devices.push(device);
      gained.add(device);
    }
    return to === end;
  }

  /** Whether the filter whose devices they are still exists. */
  isThere({ subscriber, slot, filter }: PageJob): boolean {
    return this.#deps.registry.filters.find(subscriber, filter.slice(0, -1)) === slot;
  }

  /** Takes down which of the subscriber's rows become active again. @returns whether all were seen */
  gather(job: PageJob, passes: (row: number) => boolean = () => true): boolean {
    const { registry, walks } = this.#deps;
    const prefix = Buffer.from(job.filter.slice(0, -1));
    walks.advance(job.walk!, SLICE_SLOTS, (row) => {
      const device = registry.subscriptions.rows.device[row]!;
      const matches = registry.isFiltered(row) && registry.idStartsWith(device, prefix);
      if (matches && passes(row)) job.devices.push(device);
      return true;
    });
    return job.walk!.next === NONE;
  }

  /** One device of a page. Between being found and now it may have gone, or have been denied. */
  #follow(job: PageJob, device: number, page: Page): void {
    const { registry, subscriptions } = this.#deps;
    const { subscriber } = job;
    const { known, deviceState } = registry.devices.rows;
    if (known[device] === 0 || deviceState[device] === DeviceState.free) return;
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
      if (isGained || job.input === 'subscribe')
        this.#makeRow(job, device, state, registry.filters.typesOf(subscriber, id), page);
      return;
    }
    const before = registry.rowState(row) as RowState;
    const input = isGained && !isSubscribed(before) ? 'subscribe' : job.input;
    const after = nextRowState(before, input, false);
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
    const isFull = !reserved && registry.subscribers.rows.rowCount[subscriber]! >= rowsMax;
    const row = isFull ? -1 : registry.createRow(device, subscriber, state, { types, ownTypes: 0, reserved });
    if (row < 0) job.isFull = true;
    if (row < 0 || state !== RowState.active) return;
    subscriptions.describe(page, device, state);
    page.change(row, state); // attaches it once the page is written
  }

  drop(job: PageJob): void {
    const { registry, walks } = this.#deps;
    registry.reservedRows -= job.reserved;
    job.reserved = 0;
    if (job.walk !== undefined) walks.cancel(job.walk);
  }
}
