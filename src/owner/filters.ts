/**
 * Follows made by filters: a prefix makes ordinary subscription rows, for all matching devices at once in slices, and for
 * a new device at the moment when it appears. So every rule of the state machine holds without knowing of filters. Owner
 * thread only.
 *
 * A request that names filters is a job: it looks through the table in slices, is answered with the number of devices
 * that each filter follows, and then the devices come in pages. A page's rows are active from the moment the page is
 * written (see `subscriptions.ts`), and the next page waits until the peer has read.
 */
import type { Actor } from '../access/actor.ts';
import { DEVICES_PER_PAGE } from '../limits.ts';
import { highWater } from '../memory/layout.ts';
import { NONE } from '../presence/columns.ts';
import { DeviceState, type Input, nextRowState, RowState } from '../presence/lifecycle.ts';
import { EntryWriter, type FilterEntry, Notice, Refusal, type RefusedDevice } from '../records/replies.ts';
import type { AccessControl } from './access.ts';
import type { Registry } from './registry.ts';
import type { NamedRequest, Requests } from './requests.ts';
import type { RowWalk, RowWalks } from './row-walks.ts';
import type { TokenScopes } from './scopes.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface FiltersDeps {
  readonly registry: Registry;
  readonly subscriptions: Subscriptions;
  readonly requests: Requests;
  readonly walks: RowWalks;
  readonly scopes: TokenScopes;
  readonly access: AccessControl;
  /** Filters and subscriptions that one subscriber may have. */
  readonly filtersMax: number;
  readonly rowsMax: number;
  /** A page ends at this many bytes, though it names less than 1000 devices. */
  readonly pageBytes: number;
}

/** Devices or rows looked at in one slice: about half a millisecond. */
const SLICE_SLOTS = 8192;
/** Slices in one poll, however many jobs there are. */
const SLICES_PER_STEP = 4;
/** Names of pages start here, above those of requests. */
const FIRST_PAGE = 2 ** 31 + 1;

/** Whether `More` names a page of a filter. */
export function isFilterPage(page: number): boolean {
  return page >= FIRST_PAGE;
}

/** What is being done for one filter of a request. */
interface Target {
  readonly filter: string;
  readonly prefix: Uint8Array;
  /** Slot of the filter; -1: refused. */
  readonly slot: number;
  /** As it was before, to be put back when the request fails; undefined: the filter is new. */
  readonly before: { readonly state: RowState; readonly types: number } | undefined;
  /** Devices found. */
  readonly devices: number[];
  /** Rows that have to be made for them. */
  missing: number;
  /** Where a scan of the table goes on. */
  next: number;
  /** Of the subscriber's rows, where they are what is looked through. */
  readonly walk: RowWalk | undefined;
}

interface RequestJob {
  readonly kind: 'request';
  readonly subscriber: number;
  readonly session: number;
  readonly request: NamedRequest;
  /** Still to be done, the first is under way. */
  readonly filters: string[];
  target: Target | undefined;
  readonly results: FilterEntry[];
  readonly refused: RefusedDevice[];
  /** Whose devices come once the request was answered. */
  readonly pages: PageJob[];
}

interface PageJob {
  readonly kind: 'pages';
  readonly subscriber: number;
  readonly session: number;
  readonly slot: number;
  readonly filter: string;
  /** What its rows go through. */
  readonly input: Input;
  /** Names its pages for `More`. */
  readonly page: number;
  readonly devices: number[];
  at: number;
  reserved: number;
  /** Of the subscriber's rows, while the devices are still being gathered. */
  walk: RowWalk | undefined;
  waits: boolean;
}

type Job = RequestJob | PageJob;

export class Filters {
  readonly #deps: FiltersDeps;
  /** By session, in order; the first is under way. */
  readonly #jobs = new Map<number, Job[]>();
  /** Sessions whose first job goes on with the next step. */
  readonly #ready = new Set<number>();
  /** By subscriber: devices that only filters followed and that have left the table. */
  readonly #gone = new Map<number, string[]>();
  #nextPage = FIRST_PAGE;

  constructor(deps: FiltersDeps) {
    this.#deps = deps;
  }

  /** Whether a step has something to do. */
  get hasReady(): boolean {
    return this.#ready.size > 0 || this.#gone.size > 0;
  }

  /** A request that names filters, beside devices or not. */
  ask(subscriber: number, request: NamedRequest): void {
    this.#enqueue({
      kind: 'request',
      subscriber,
      session: request.session,
      request,
      filters: [...new Set(request.filters)],
      target: undefined,
      results: [],
      refused: [],
      pages: [],
    });
  }

  /**
   * An input to all of a subscriber's rows concerns its filters too.
   * @returns those that it changes, with the state that they have now
   */
  input(subscriber: number, input: Input): FilterEntry[] {
    const { filters } = this.#deps.registry;
    const changed: FilterEntry[] = [];
    if (filters.count(subscriber) === 0) return changed;
    for (const slot of filters.ofSubscriber(subscriber)) {
      const before = filters.state(slot);
      const after = nextRowState(before, input, false);
      if (after === before) continue;
      changed.push({ filter: this.#name(slot), value: after });
      if (after === RowState.none) filters.remove(slot);
      else filters.setState(slot, after);
    }
    return changed;
  }

  /** Whether a filter of the subscriber matches the device. */
  follow(subscriber: number, device: number): boolean {
    const { registry } = this.#deps;
    return registry.filters.typesOf(subscriber, registry.deviceId(device)) !== 0;
  }

  /** Filters of a subscriber, each with its state. */
  list(subscriber: number): FilterEntry[] {
    const { filters } = this.#deps.registry;
    return filters
      .ofSubscriber(subscriber)
      .map((slot) => ({ filter: this.#name(slot), value: filters.state(slot) }));
  }

  /** Filters that wait for their subscriber to ask for them: their disconnect may still be on its way. */
  held(subscriber: number): FilterEntry[] {
    this.input(subscriber, 'disconnect');
    return this.list(subscriber).filter(({ value }) => value === RowState.disconnected);
  }

  /** Those that were not asked for go. */
  expireHeld(subscriber: number): FilterEntry[] {
    const { filters } = this.#deps.registry;
    const waiting = this.list(subscriber).filter(({ value }) => value === RowState.disconnected);
    for (const { filter } of waiting) filters.remove(filters.find(subscriber, filter.slice(0, -1)));
    return waiting;
  }

  /** Filters that a token does not let match anything any more go. @returns them */
  removeUncovered(subscriber: number, actor: Actor): FilterEntry[] {
    const { registry, scopes } = this.#deps;
    if (registry.filters.count(subscriber) === 0 || actor.devices === undefined) return [];
    const lost = registry.filters
      .ofSubscriber(subscriber)
      .filter((slot) => !scopes.coversSomeOf(subscriber, registry.filters.prefix(slot)));
    return lost.map((slot) => {
      const entry = { filter: this.#name(slot), value: RowState.none };
      registry.filters.remove(slot);
      return entry;
    });
  }

  /** Filters are active again: their devices come as pages. @param input what their rows go through */
  restart(subscriber: number, session: number, changed: readonly FilterEntry[], input: Input): void {
    const { registry, walks } = this.#deps;
    for (const { filter, value } of changed) {
      const slot = registry.filters.find(subscriber, filter.slice(0, -1));
      if (value !== RowState.active || slot < 0) continue;
      this.#enqueue(
        this.#pageJob({ subscriber, session, slot, filter, input, walk: walks.start(subscriber) }),
      );
    }
  }

  /** A device that filters match is there: it has connected for the first time, or an operator publishes for it. */
  appeared(device: number): void {
    const { registry } = this.#deps;
    const id = registry.deviceId(device);
    registry.filters.forEachMatching(id, (slot, subscriber) => this.#gain(slot, subscriber, device, id));
  }

  /** The pair was denied and is not any more: the subscriber's filters may follow the device. */
  rematch(subscriber: number, device: number): void {
    const { registry } = this.#deps;
    if (registry.filters.count(subscriber) === 0 || registry.devices.rows.known[device] === 0) return;
    const id = registry.deviceId(device);
    for (const slot of registry.filters.ofSubscriber(subscriber)) {
      if (id.startsWith(registry.filters.prefix(slot))) this.#gain(slot, subscriber, device, id);
    }
  }

  /** Other access rules are in force: what they do not deny any more is followed. */
  rescan(): void {
    const { registry } = this.#deps;
    const { subscriber, state } = registry.filters.slab.rows;
    for (let slot = 0; slot < highWater(registry.filters.slab); slot++) {
      if (state[slot] === RowState.none) continue;
      const session = registry.subscribers.rows.session[subscriber[slot]!]!;
      this.#rescanFilter(slot, subscriber[slot]!, session);
    }
  }

  /** Another owner has taken over: what the one before was about to do for the subscriber's filters is done. */
  recover(subscriber: number, session: number): void {
    const { registry, walks } = this.#deps;
    for (const slot of registry.filters.ofSubscriber(subscriber)) {
      if (registry.filters.state(slot) !== RowState.active) continue;
      this.#rescanFilter(slot, subscriber, session);
      const filter = this.#name(slot);
      const walk = walks.start(subscriber);
      const isPartial = (row: number): boolean => registry.rowState(row) === RowState.disconnected;
      const job = this.#pageJob({ subscriber, session, slot, filter, input: 'reconnect', walk });
      if (this.#gather(job, isPartial) && job.devices.length > 0) this.#enqueue({ ...job, walk: undefined });
    }
  }

  /** Only filters follow the device, and it leaves the table. */
  deviceGone(device: number): void {
    const { registry, subscriptions } = this.#deps;
    if (!registry.hasRows(device)) return;
    const id = registry.deviceId(device);
    registry.forEachOfDevice(device, (row, subscriber) => {
      if (registry.subscribers.rows.session[subscriber] !== NONE) {
        const gone = this.#gone.get(subscriber);
        if (gone === undefined) this.#gone.set(subscriber, [id]);
        else gone.push(id);
      }
      subscriptions.move(row, RowState.none);
    });
  }

  /** The session's peer has read a page. */
  more(session: number, page: number): void {
    const [job] = this.#jobs.get(session) ?? [];
    if (job?.kind !== 'pages' || job.page !== page || !job.waits) return;
    job.waits = false;
    this.#run(session, job);
  }

  /** The session is over: what it asked for is not done any more. */
  sessionOver(session: number): void {
    const jobs = this.#jobs.get(session);
    if (jobs === undefined) return;
    this.#jobs.delete(session);
    this.#ready.delete(session);
    for (const job of jobs) {
      if (job.kind === 'pages') this.#drop(job);
      else {
        if (job.target !== undefined) this.#undo(job.target);
        for (const pages of job.pages) this.#drop(pages);
      }
    }
  }

  /** @returns the slices done, and notices sent */
  step(): number {
    let done = this.#tellGone();
    for (const session of [...this.#ready].slice(0, SLICES_PER_STEP)) {
      this.#ready.delete(session);
      const [job] = this.#jobs.get(session) ?? [];
      if (job !== undefined) this.#run(session, job);
      done += 1;
    }
    return done;
  }

  #enqueue(job: Job): void {
    const jobs = this.#jobs.get(job.session);
    if (jobs !== undefined) jobs.push(job);
    else {
      this.#jobs.set(job.session, [job]);
      this.#run(job.session, job);
    }
  }

  /** One slice of a session's first job; the next begins when it is done. */
  #run(session: number, job: Job): void {
    const isDone = job.kind === 'pages' ? this.#runPages(job) : this.#runRequest(job);
    if (!isDone) {
      if (job.kind === 'request' || !job.waits) this.#ready.add(session);
      return;
    }
    const jobs = this.#jobs.get(session)!;
    jobs.shift();
    if (job.kind === 'request') jobs.unshift(...job.pages);
    if (jobs.length > 0) this.#ready.add(session);
    else this.#jobs.delete(session);
  }

  // Requests

  /** @returns whether the request was answered */
  #runRequest(job: RequestJob): boolean {
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
    const { op } = job.request;
    if (op === 'subscribe' && !this.#reserve(job, target)) return false;
    const isFollowed = op === 'subscribe' || op === 'resume';
    job.results.push({ filter: target.filter, value: isFollowed ? target.devices.length : RowState.none });
    if (isFollowed) {
      const { subscriber, session } = job;
      const { filter, slot, devices } = target;
      const pages = this.#pageJob({ subscriber, session, slot, filter, input: op, devices });
      pages.reserved = op === 'subscribe' ? target.missing : 0;
      job.pages.push(pages);
      registry.reservedRows += pages.reserved;
    }
    return false;
  }

  /** @returns undefined when the filter is refused */
  #begin(job: RequestJob, filter: string): Target | undefined {
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
      else filters.setState(slot, request.op === 'pause' ? RowState.paused : RowState.active);
    }
    const walk = request.op === 'subscribe' ? undefined : walks.start(subscriber);
    return { filter, prefix: Buffer.from(prefix), slot, before, devices: [], missing: 0, next: 0, walk };
  }

  /** Looks for devices that match. @returns whether all were looked at */
  #scan({ subscriber }: RequestJob, target: Target): boolean {
    const { registry } = this.#deps;
    const end = highWater(registry.devices);
    const to = Math.min(end, target.next + SLICE_SLOTS);
    for (; target.next < to; target.next++) this.#find(subscriber, target, target.next);
    return to === end;
  }

  #find(subscriber: number, target: Target, device: number): void {
    const { registry } = this.#deps;
    const { known, deviceState } = registry.devices.rows;
    if (known[device] === 0 || deviceState[device] === DeviceState.free) return;
    if (!registry.idStartsWith(device, target.prefix)) return;
    const row = registry.findRow(device, subscriber);
    if (!this.#mayFollow(subscriber, device, row)) return;
    target.devices.push(device);
    if (row < 0) target.missing += 1;
  }

  /** Rows for all that a filter matches, or none. @returns false when there is no room: the filter is refused */
  #reserve(job: RequestJob, target: Target): boolean {
    const { registry, rowsMax } = this.#deps;
    const rowCount = registry.subscribers.rows.rowCount[job.subscriber]!;
    const isTooMany = rowCount + target.missing > rowsMax;
    if (!isTooMany && target.missing <= registry.freeRows) return true;
    job.refused.push({ device: target.filter, why: isTooMany ? Refusal.tooMany : Refusal.full });
    this.#undo(target);
    return false;
  }

  #undo({ slot, before }: Target): void {
    const { filters } = this.#deps.registry;
    if (filters.state(slot) === RowState.none) return;
    if (before === undefined) filters.remove(slot);
    else {
      filters.setState(slot, before.state);
      filters.slab.rows.types[slot] = before.types;
    }
  }

  /** Goes through the subscriber's rows: what a filter gains or loses by another op. @returns whether all were seen */
  #walk({ subscriber, request }: RequestJob, target: Target): boolean {
    const { registry, subscriptions, walks } = this.#deps;
    const page = subscriptions.begin();
    walks.advance(target.walk!, SLICE_SLOTS, (row) => {
      const device = registry.subscriptions.rows.device[row]!;
      if (!registry.idStartsWith(device, target.prefix)) return true;
      const state = registry.rowState(row) as RowState;
      const isFiltered = registry.isFiltered(row);
      if (request.op === 'unsubscribe') this.#loseFilter(subscriber, row, device, isFiltered, page);
      else if (isFiltered && request.op === 'pause') {
        if (!this.#isElsewhereActive(subscriber, device))
          page.change(row, nextRowState(state, 'pause', false));
      } else if (isFiltered && nextRowState(state, 'resume', false) === RowState.active) {
        target.devices.push(device);
      }
      return true;
    });
    subscriptions.end(page);
    return target.walk!.next === NONE;
  }

  #loseFilter(
    subscriber: number,
    row: number,
    device: number,
    isFiltered: boolean,
    page: ReturnType<Subscriptions['begin']>,
  ): void {
    const { registry, subscriptions } = this.#deps;
    const left = registry.filters.typesOf(subscriber, registry.deviceId(device));
    if (isFiltered && left === 0) page.change(row, RowState.none);
    else subscriptions.setTypes(row, registry.subscriptions.rows.ownTypes[row]!, left);
  }

  /** Whether another filter of the subscriber that is active follows the device. */
  #isElsewhereActive(subscriber: number, device: number): boolean {
    const { filters } = this.#deps.registry;
    const id = this.#deps.registry.deviceId(device);
    return filters
      .ofSubscriber(subscriber)
      .some((slot) => filters.state(slot) === RowState.active && id.startsWith(filters.prefix(slot)));
  }

  // Pages

  #pageJob(options: {
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
    return { kind: 'pages', ...rest, page, devices, walk, at: 0, reserved: 0, waits: false };
  }

  /** @returns whether its last page was sent */
  #runPages(job: PageJob): boolean {
    const { registry, subscriptions, pageBytes } = this.#deps;
    const { filters } = registry;
    if (job.walk !== undefined) {
      if (!this.#gather(job)) return false;
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
    if (!more) this.#drop(job);
    return !more;
  }

  /** Takes down which of the subscriber's rows become active again. @returns whether all were seen */
  #gather(job: PageJob, passes: (row: number) => boolean = () => true): boolean {
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
    const { registry, subscriptions } = this.#deps;
    const { subscriber, input } = job;
    const { known, deviceState } = registry.devices.rows;
    if (known[device] === 0 || deviceState[device] === DeviceState.free) return;
    const id = registry.deviceId(device);
    if (!id.startsWith(job.filter.slice(0, -1))) return;
    const row = registry.findRow(device, subscriber);
    if (!this.#mayFollow(subscriber, device, row)) {
      if (row >= 0 && registry.isFiltered(row)) page.change(row, RowState.none);
      return;
    }
    const filterTypes = registry.filters.typesOf(subscriber, id);
    if (row < 0) {
      if (input !== 'subscribe') return; // an operator has removed it
      const options = { types: filterTypes, ownTypes: 0, reserved: job.reserved > 0 };
      if (options.reserved) job.reserved -= 1;
      const made = registry.createRow(device, subscriber, RowState.active, options);
      if (made < 0) return;
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

  #drop(job: PageJob): void {
    const { registry, walks } = this.#deps;
    registry.reservedRows -= job.reserved;
    job.reserved = 0;
    if (job.walk !== undefined) walks.cancel(job.walk);
  }

  // New devices

  /** The filter follows one more device. */
  #gain(slot: number, subscriber: number, device: number, id: string): void {
    const { registry, subscriptions, rowsMax } = this.#deps;
    const session = registry.subscribers.rows.session[subscriber]!;
    if (session !== NONE && this.#joinsJob(session, slot, subscriber, device)) return;
    const row = registry.findRow(device, subscriber);
    const state = registry.filters.state(slot) as RowState;
    if (row >= 0 && registry.rowState(row) !== RowState.allow) {
      const types = registry.filters.typesOf(subscriber, id);
      subscriptions.setTypes(row, registry.subscriptions.rows.ownTypes[row]!, types);
      return;
    }
    if (!this.#mayFollow(subscriber, device, row)) return;
    const isFull = registry.subscribers.rows.rowCount[subscriber]! >= rowsMax;
    const types = registry.filters.typesOf(subscriber, id);
    const made =
      row >= 0 ? row : isFull ? -1 : registry.createRow(device, subscriber, state, { types, ownTypes: 0 });
    const isTold = session !== NONE && state === RowState.active;
    const filter = this.#name(slot);
    if (made < 0) {
      const full = [{ filter, value: RowState.none }];
      if (isTold) subscriptions.link(session).notice(session, Notice.filterFull, NO_ENTRIES, false, full);
      return;
    }
    if (!isTold) {
      if (row >= 0) subscriptions.move(row, state);
      return;
    }
    const page = subscriptions.begin();
    subscriptions.describe(page, device, RowState.active);
    page.change(made, RowState.active);
    subscriptions.link(session).filterPage(session, filter, page.entries.take(), 0, false);
    subscriptions.end(page);
  }

  /** Where the filter's devices are still on their way to the subscriber, one more is one of them. */
  #joinsJob(session: number, slot: number, subscriber: number, device: number): boolean {
    for (const job of this.#jobs.get(session) ?? []) {
      if (job.kind === 'pages') {
        if (job.slot !== slot) continue;
        job.devices.push(device);
        return true;
      }
      const waiting = job.pages.find((pages) => pages.slot === slot);
      if (waiting !== undefined) {
        waiting.devices.push(device);
        return true;
      }
      const { target } = job;
      if (target?.slot !== slot || target.walk !== undefined) continue;
      if (device < target.next) this.#find(subscriber, target, device);
      return true;
    }
    return false;
  }

  /** One that is not connected gets rows in the filter's state; one that is gets pages. */
  #rescanFilter(slot: number, subscriber: number, session: number): void {
    const { registry } = this.#deps;
    const prefix = Buffer.from(registry.filters.prefix(slot));
    const { known, deviceState } = registry.devices.rows;
    const devices: number[] = [];
    for (let device = 0; device < highWater(registry.devices); device++) {
      if (known[device] === 0 || deviceState[device] === DeviceState.free) continue;
      if (!registry.idStartsWith(device, prefix) || registry.findRow(device, subscriber) >= 0) continue;
      if (this.#mayFollow(subscriber, device, -1)) devices.push(device);
    }
    if (devices.length === 0) return;
    if (session === NONE || registry.filters.state(slot) !== RowState.active) {
      for (const device of devices) this.#gain(slot, subscriber, device, registry.deviceId(device));
      return;
    }
    const filter = this.#name(slot);
    this.#enqueue(this.#pageJob({ subscriber, session, slot, filter, input: 'subscribe', devices }));
  }

  #mayFollow(subscriber: number, device: number, row: number): boolean {
    const { registry, subscriptions, scopes, access } = this.#deps;
    if (row >= 0) {
      const state = registry.rowState(row);
      if (state === RowState.deny) return false;
      return state === RowState.allow || subscriptions.mayDeliver(row);
    }
    if (scopes.coversAll(subscriber) && access.isUniform) return access.default === 'allow';
    const id = registry.deviceId(device);
    if (!scopes.covers(subscriber, id)) return false;
    return access.decide(id, registry.subscriberId(subscriber)) === 'allow';
  }

  /** Tells subscribers of devices that have left the table, at most 1000 in a notice. */
  #tellGone(): number {
    if (this.#gone.size === 0) return 0;
    const { registry, subscriptions } = this.#deps;
    const writer = new EntryWriter();
    for (const [subscriber, ids] of this.#gone) {
      const session = registry.subscribers.rows.session[subscriber]!;
      for (let at = 0; session !== NONE && at < ids.length; at += DEVICES_PER_PAGE) {
        for (const id of ids.slice(at, at + DEVICES_PER_PAGE)) {
          const text = Buffer.from(id);
          writer.add(NO_STATE, text, 0, text.length, 0, 0);
        }
        subscriptions.link(session).notice(session, Notice.gone, writer.take(), false);
      }
    }
    const told = this.#gone.size;
    this.#gone.clear();
    return told;
  }

  #name(slot: number): string {
    return `${this.#deps.registry.filters.prefix(slot)}*`;
  }
}

const NO_ENTRIES = new Uint8Array(0);
const NO_STATE = { deviceSlot: NONE, rowState: RowState.none, deviceState: 0, lastSeen: 0, seq: 0 } as const;
