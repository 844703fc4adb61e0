/**
 * Subscriptions made by filters: a prefix makes ordinary subscription rows, in slices for matching devices that exist,
 * and for each new device. Owner thread only. A request that names filters is a job: it searches the table in slices,
 * is answered with the number of devices that each filter follows, and then sends the devices in pages.
 */
import type { Actor } from '../access/actor.ts';
import type { AccessRules } from '../access/rules.ts';
import { NONE } from '../presence/columns.ts';
import { type Input, nextRowState, RowState } from '../presence/lifecycle.ts';
import type { FilterEntry } from '../records/replies.ts';
import type { AccessControl } from './access.ts';
import { FilterGains } from './filter-gains.ts';
import { type Job, type PageJob, type Search, SLICES_PER_STEP } from './filter-jobs.ts';
import { FilterPages } from './filter-pages.ts';
import { FilterRequests } from './filter-requests.ts';
import { FilterSearches, isServed } from './filter-search.ts';
import { Unfinished } from './filter-table.ts';
import { GoneDevices } from './gone-devices.ts';
import type { Registry } from './registry.ts';
import type { NamedRequest, Requests } from './requests.ts';
import type { RowWalks } from './row-walks.ts';
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
  /** A page ends at this many bytes, even if it names fewer than 1000 devices. */
  readonly pageBytes: number;
}

export class Filters {
  readonly #deps: FiltersDeps;
  /** By session, in order; the first is under way. */
  readonly #jobs = new Map<number, Job[]>();
  /** Sessions whose first job continues in the next step. */
  readonly #ready = new Set<number>();
  readonly #gone: GoneDevices;
  readonly #gains: FilterGains;
  readonly #pages: FilterPages;
  readonly #requests: FilterRequests;
  readonly #searches: FilterSearches;
  /** How many changes of rules have begun to remove rows, and which of them have been completed. */
  #rulesChanges = 0;
  #rulesObeyed = 0;

  /** Filters may now follow a device that they could not follow before; undefined: any device. */
  allowed: (device: number | undefined) => void = () => {};

  constructor(deps: FiltersDeps) {
    this.#deps = deps;
    this.#gone = new GoneDevices(deps.subscriptions);
    this.#gains = new FilterGains(deps, (...at) => this.#joinsJob(...at));
    this.#pages = new FilterPages(deps);
    const gain = (...found: Parameters<FilterGains['by']>): void => this.#gains.by(...found);
    const bring = (slot: number, subscriber: number, devices: number[]): void =>
      this.#bring(slot, subscriber, { devices });
    this.#searches = new FilterSearches({ registry: deps.registry, pages: this.#pages, gain, bring });
    this.#requests = new FilterRequests(deps, this.#pages);
  }

  /** Whether a step has something to do. */
  get hasReady(): boolean {
    return this.#ready.size + this.#searches.size > 0 || this.#gone.size > 0;
  }

  /** Whether devices are on their way to the session, or to any. */
  isBusy(session?: number): boolean {
    return session === undefined ? this.#jobs.size + this.#searches.size > 0 : this.#jobs.has(session);
  }

  /** A request that names filters, with or without devices. */
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
   * Applies an input for all of a subscriber's rows to its filters. @returns the filters concerned, with their new
   * state
   */
  input(subscriber: number, input: Input): FilterEntry[] {
    const { filters } = this.#deps.registry;
    const changed: FilterEntry[] = [];
    for (const slot of filters.ofSubscriber(subscriber)) {
      const before = filters.state(slot);
      const after = nextRowState(before, input, false);
      // Beneath a filter, devices may have been paused or resumed one by one.
      const isAsked = input === 'resume' ? after === RowState.active : input === 'pause';
      if (after === before && !isAsked) continue;
      changed.push({ filter: filters.nameOf(slot), value: after });
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
      .map((slot) => ({ filter: filters.nameOf(slot), value: filters.state(slot) }));
  }

  /** Filters that wait until their subscriber asks for them; their disconnect may still be in progress. */
  held(subscriber: number): FilterEntry[] {
    this.input(subscriber, 'disconnect');
    return this.list(subscriber).filter(({ value }) => value === RowState.disconnected);
  }

  /** Removes held filters that were not asked for. */
  expireHeld(subscriber: number): FilterEntry[] {
    const { filters } = this.#deps.registry;
    const waiting = this.list(subscriber).filter(({ value }) => value === RowState.disconnected);
    for (const { filter } of waiting) filters.remove(filters.find(subscriber, filter.slice(0, -1)));
    return waiting;
  }

  /** Removes all of the subscriber's filters. */
  removeAll(subscriber: number): void {
    const { filters } = this.#deps.registry;
    for (const slot of filters.ofSubscriber(subscriber)) filters.remove(slot);
  }

  /** Removes filters that can no longer match anything under the token. @returns the removed filters */
  removeUncovered(subscriber: number, actor: Actor): FilterEntry[] {
    const { registry, scopes } = this.#deps;
    // Stryker disable next-line ConditionalExpression: a short cut
    if (actor.devices === undefined) return [];
    const lost = registry.filters
      .ofSubscriber(subscriber)
      .filter((slot) => !scopes.coversSomeOf(subscriber, registry.filters.prefix(slot)));
    return lost.map((slot) => {
      const entry = { filter: registry.filters.nameOf(slot), value: RowState.none };
      registry.filters.remove(slot);
      return entry;
    });
  }

  /** Filters are active again: their devices come in pages. @param input the input that their rows get */
  restart(subscriber: number, session: number, changed: readonly FilterEntry[], input: Input): void {
    const hasPages = (slot: number): boolean => this.#hasPages(session, slot);
    const about = { subscriber, session, input };
    for (const job of this.#pages.ofRestarted(about, changed, hasPages)) {
      if (job.search !== undefined && job.search.before === undefined) this.#looksForAll(job.slot);
      this.#enqueue(job);
    }
  }

  /** Whether the filter must search for all that it lacks, including what an owner left that died during new rules. */
  #looksForAll(slot: number): void {
    if (this.#rulesObeyed === this.#rulesChanges) this.#deps.registry.filters.finish(slot, Unfinished.rules);
  }

  /** A device that filters match exists now: it has connected for the first time, or an operator publishes for it. */
  appeared(device: number): void {
    this.#gains.byAll(device);
  }

  /** The pair is no longer denied: the subscriber's filters may follow the device. */
  rematch(subscriber: number, device: number): void {
    this.allowed(device);
    if (this.#deps.registry.devices.rows.known[device] === 1) this.#gains.byFiltersOf(subscriber, device);
  }

  /** An operator has removed the pair's row: pages on their way do not bring it back. */
  removed(subscriber: number, device: number): void {
    this.#searches.passOver(subscriber, device);
    const session = this.#deps.registry.subscribers.rows.session[subscriber]!;
    for (const job of this.#jobs.get(session) ?? [])
      for (const pages of job.kind === 'pages' ? [job] : job.pages) this.#pages.passOver(pages, device);
  }

  /** New access rules are about to remove rows. If this owner dies before the end, the next one rescans. */
  rulesChange(): void {
    // Stryker disable next-line AssignmentOperator: one change is only to differ from another
    this.#rulesChanges += 1;
    this.#deps.registry.filters.beginAll(Unfinished.rules);
  }

  /** Filters that another node kept: they follow what they match, in their state. */
  rescanOf(subscriber: number): void {
    const { registry } = this.#deps;
    const { filters } = registry;
    const isSilent = (slot: number): boolean =>
      filters.subscriber(slot) === subscriber && !isServed(registry, slot, subscriber);
    const silent = new Set<number>();
    for (const slot of filters.ofSubscriber(subscriber)) {
      if (isSilent(slot)) silent.add(slot);
      else this.#bring(slot, subscriber, { search: { next: 0 } });
    }
    if (silent.size === 0) return;
    for (const slot of silent) filters.begin(slot, Unfinished.pages);
    // One that is active by now looks for itself, as it was not finished.
    function* stillSilent(): Generator<number> {
      for (const slot of silent) {
        if (isSilent(slot)) yield slot;
        else silent.delete(slot);
      }
    }
    this.#searches.begin({
      filtersOf: stillSilent,
      isSought: () => true,
      over: () => {
        for (const slot of stillSilent()) filters.finish(slot, Unfinished.pages);
      },
    });
  }

  /**
   * New access rules are in force: filters follow what is no longer denied. If a pair was not denied before and has no
   * row, an operator has removed the row.
   */
  rescan(before: AccessRules): void {
    const { registry, access } = this.#deps;
    const { filters } = registry;
    this.allowed(undefined);
    const change = this.#rulesChanges;
    const over = (): void => {
      if (change !== this.#rulesChanges) return; // others are removing rows already
      this.#rulesObeyed = change;
      filters.finishAll(Unfinished.rules);
    };
    if (before.isEmpty && access.default === 'allow') {
      over(); // nothing was denied
      return;
    }
    this.#searches.begin({
      filtersOf: (id) => filters.matching(id),
      isSought: (subscriber, id) => access.decide(id, registry.subscriberId(subscriber), before) === 'deny',
      over,
    });
  }

  /** Another owner has taken over: completes what the previous one was doing for the subscriber's filters. */
  recover(subscriber: number, session: number): void {
    const { registry } = this.#deps;
    this.#endLeftovers(subscriber);
    for (const slot of registry.filters.ofSubscriber(subscriber)) {
      if (registry.filters.state(slot) !== RowState.active) continue;
      const isUnfinished = registry.filters.isUnfinished(slot);
      // First: the filter counts as resumed until what is on its way has come.
      const job = this.#pages.ofTakenOver(subscriber, session, slot);
      if (job !== undefined) this.#enqueue(job);
      if (!isUnfinished) continue;
      this.#looksForAll(slot);
      this.#bring(slot, subscriber, { search: { next: 0 } });
    }
  }

  /** Removes rows of filters that no longer exist: the previous owner had begun to unsubscribe from them. */
  #endLeftovers(subscriber: number): void {
    const { registry, subscriptions } = this.#deps;
    registry.forEachOfSubscriber(subscriber, (row, device) => {
      if (!registry.isFiltered(row) || this.follow(subscriber, device)) return;
      const after = nextRowState(registry.rowState(row), 'unsubscribe', subscriptions.outlives(row));
      subscriptions.move(row, after);
    });
  }

  /** A device that only filters follow leaves the table. */
  deviceGone(device: number): void {
    const { registry, subscriptions } = this.#deps;
    // Stryker disable next-line ConditionalExpression: a short cut
    if (!registry.hasRows(device)) return;
    const id = registry.deviceId(device);
    registry.forEachOfDevice(device, (row, subscriber) => {
      const session = registry.subscribers.rows.session[subscriber]!;
      if (session !== NONE) this.#gone.add(session, id);
      subscriptions.move(row, RowState.none);
    });
  }

  /** The session's peer has read a page. */
  more(session: number, page: number): void {
    const job = this.#jobs.get(session)?.[0];
    if (job?.kind === 'pages' && job.page === page && job.waits) this.#run(session, job);
  }

  /** The session has ended: drops its jobs. */
  sessionOver(session: number): void {
    this.#gone.forget(session);
    const jobs = this.#jobs.get(session);
    if (jobs === undefined) return;
    this.#jobs.delete(session);
    this.#ready.delete(session);
    for (const job of jobs) {
      if (job.kind === 'pages') this.#pages.drop(job);
      else {
        if (job.target !== undefined) this.#requests.cancel(job.subscriber, job.target);
        for (const pages of job.pages) this.#pages.drop(pages);
      }
    }
  }

  /** @returns the slices done, and notices sent */
  step(): number {
    const done = this.#gone.tell();
    let left = SLICES_PER_STEP - this.#searches.step();
    for (const session of this.#ready) {
      if (left === 0) break;
      if (this.#deps.subscriptions.link(session).holdsBack()) continue;
      this.#ready.delete(session); // to the end of the line, if it goes on
      this.#run(session, this.#jobs.get(session)![0]!);
      left -= 1;
    }
    return done + SLICES_PER_STEP - left;
  }

  #enqueue(job: Job): void {
    const jobs = this.#jobs.get(job.session);
    if (jobs !== undefined) {
      jobs.push(job);
      // It may wait for pages, and these for their reader: the edge must have room to ask for the next one.
      if (job.kind === 'request') this.#deps.subscriptions.defer(job.request);
    } else {
      this.#jobs.set(job.session, [job]);
      this.#run(job.session, job);
    }
  }

  /** Runs one slice of a session's first job; the next job begins when it is done. */
  #run(session: number, job: Job): void {
    const isDone = job.kind === 'pages' ? this.#pages.run(job) : this.#requests.run(job);
    if (!isDone) {
      // Stryker disable next-line ConditionalExpression,StringLiteral: a request never waits for a reader
      if (job.kind === 'request' || !job.waits) this.#ready.add(session);
      return;
    }
    const jobs = this.#jobs.get(session)!;
    jobs.shift();
    if (job.kind === 'request') jobs.unshift(...job.pages);
    else if (!this.#hasPages(session, job.slot) && this.#pages.isThere(job))
      this.#deps.registry.filters.finish(job.slot, Unfinished.pages | Unfinished.resume);
    if (jobs.length > 0) this.#ready.add(session);
    else this.#jobs.delete(session);
  }

  /** If the filter's devices are still on their way to the subscriber, adds the new device to them. */
  #joinsJob(session: number, slot: number, subscriber: number, device: number): boolean {
    for (const job of this.#jobs.get(session) ?? []) {
      if (job.kind === 'pages' && job.slot !== slot) continue;
      if (job.kind === 'pages') return this.#join(job, device);
      const waiting = job.pages.find((pages) => pages.slot === slot);
      if (waiting !== undefined) return this.#join(waiting, device);
      const { target } = job;
      if (target?.slot !== slot || target.walk !== undefined) continue;
      if (device < target.next) this.#requests.find(subscriber, target, device);
      return true;
    }
    return false;
  }

  #join(job: PageJob, device: number): true {
    job.devices.push(device);
    job.gained.add(device);
    job.removed.delete(device);
    this.#deps.registry.filters.begin(job.slot, Unfinished.pages);
    return true;
  }

  /** Whether pages of the filter are on their way to the session. */
  #hasPages(session: number, slot: number): boolean {
    // Stryker disable next-line ConditionalExpression: a request has no slot
    return this.#jobs.get(session)?.some((job) => job.kind === 'pages' && job.slot === slot) === true;
  }

  /** Sends devices that the filter gains in pages; if there are none, nothing is sent. */
  #bring(slot: number, subscriber: number, what: { devices: number[] } | { search: Search }): void {
    const { registry } = this.#deps;
    const session = registry.subscribers.rows.session[subscriber]!;
    const filter = registry.filters.nameOf(slot);
    registry.filters.begin(slot, Unfinished.pages);
    const about = { subscriber, session, slot, filter, input: 'subscribe', isUnasked: true } as const;
    this.#enqueue(this.#pages.job({ ...about, ...what }));
  }
}
