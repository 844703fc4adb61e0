/**
 * The devices of a filter, page by page. A page's rows are active from the moment the page is written, and the next one
 * waits until the peer has read. Owner thread only.
 */
import { DEVICES_PER_PAGE } from '../limits.ts';
import { NONE } from '../presence/columns.ts';
import { DeviceState, type Input, nextRowState, RowState } from '../presence/lifecycle.ts';
import { NO_BYTES, Notice } from '../records/replies.ts';
import { type PageJob, SLICE_SLOTS } from './filter-jobs.ts';
import type { FiltersDeps } from './filters.ts';
import type { RowWalk } from './row-walks.ts';
import type { Subscriptions } from './subscriptions.ts';

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
    walk?: RowWalk;
  }): PageJob {
    const page = this.#nextPage;
    this.#nextPage = page === 2 ** 32 - 1 ? FIRST_PAGE : page + 1;
    const { devices = [], walk, ...rest } = options;
    return { kind: 'pages', ...rest, page, devices, walk, at: 0, reserved: 0, waits: false, isFull: false };
  }

  /** @returns whether its last page was sent */
  run(job: PageJob): boolean {
    const { registry, subscriptions, pageBytes } = this.#deps;
    const { filters } = registry;
    if (job.walk !== undefined) {
      if (!this.gather(job)) return false;
      job.walk = undefined;
    }
    const isThere =
      filters.state(job.slot) !== RowState.none &&
      filters.find(job.subscriber, job.filter.slice(0, -1)) === job.slot;
    const page = subscriptions.begin();
    const { entries } = page;
    const { devices } = job;
    while (
      isThere &&
      job.at < devices.length &&
      entries.count < DEVICES_PER_PAGE &&
      entries.byteLength < pageBytes
    ) {
      this.#follow(job, devices[job.at++]!, page);
    }
    const more = isThere && job.at < devices.length;
    job.waits = more;
    subscriptions.link(job.session).filterPage(job.session, job.filter, entries.take(), job.page, more);
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
  #follow(job: PageJob, device: number, page: ReturnType<Subscriptions['begin']>): void {
    const { registry, subscriptions, rowsMax } = this.#deps;
    const { subscriber, input } = job;
    const { known, deviceState } = registry.devices.rows;
    if (known[device] === 0 || deviceState[device] === DeviceState.free) return;
    const id = registry.deviceId(device);
    if (!id.startsWith(job.filter.slice(0, -1))) return;
    const row = registry.findRow(device, subscriber);
    if (!subscriptions.mayFollow(subscriber, device, row)) {
      if (row >= 0 && registry.isFiltered(row)) page.change(row, RowState.none);
      return;
    }
    const filterTypes = registry.filters.typesOf(subscriber, id);
    if (row < 0) {
      if (input !== 'subscribe') return; // an operator has removed it
      const options = { types: filterTypes, ownTypes: 0, reserved: job.reserved > 0 };
      if (options.reserved) job.reserved -= 1;
      const isFull = !options.reserved && registry.subscribers.rows.rowCount[subscriber]! >= rowsMax;
      const made = isFull ? -1 : registry.createRow(device, subscriber, RowState.active, options);
      if (made < 0) {
        job.isFull = true;
        return;
      }
      subscriptions.describe(page, device, RowState.active);
      page.change(made, RowState.active); // attaches it once the page is written
      return;
    }
    const before = registry.rowState(row) as RowState;
    const after = nextRowState(before, input, false);
    subscriptions.setTypes(row, registry.subscriptions.rows.ownTypes[row]!, filterTypes);
    if (after !== RowState.active) return;
    subscriptions.describe(page, device, after);
    page.change(row, after);
  }

  drop(job: PageJob): void {
    const { registry, walks } = this.#deps;
    registry.reservedRows -= job.reserved;
    job.reserved = 0;
    if (job.walk !== undefined) walks.cancel(job.walk);
  }
}
