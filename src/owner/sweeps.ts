/**
 * Changes all rows of a subscriber in slices, so that a subscriber with 100,000 rows delays nobody. The peer is told in
 * pages of at most 1000 devices. The next page, and the changes that go with it, wait until the edge reports that the
 * peer has read (`More`). Owner thread only.
 *
 * The hub's own sweeps (reconnect, silence, activity, disconnect, expiry) replace each other: the newest input applies
 * to every row that has not been visited, and a visited row is in a state to which the newer input can be applied. Held
 * rows are separate: silence and activity do not affect them, so their expiry neither replaces those sweeps nor is
 * replaced by them; the later one waits for the earlier. Rows to be dropped are removed before anything else happens to
 * the remaining rows. A request's sweep (list, pause, resume) runs in parallel.
 */
import { DEVICES_PER_PAGE } from '../limits.ts';
import { NONE } from '../presence/columns.ts';
import { type Input, nextRowState, RowState, statusOf } from '../presence/lifecycle.ts';
import { type FilterEntry, Notice } from '../records/replies.ts';
import type { Request } from '../records/requests.ts';
import { BySlot } from './by-slot.ts';
import type { Filters } from './filters.ts';
import type { Registry } from './registry.ts';
import type { RowWalks } from './row-walks.ts';
import { isSubscribed, type Page, type Subscriptions } from './subscriptions.ts';
import { type Begun, isApart, restarting, type Sweep, waitsFor } from './sweep.ts';

/** Rows visited in one slice: about half a millisecond, and enough for a page. */
const SLICE_ROWS = 1024;
/** The fixed cost of a slice, in rows. */
const SLICE_COST = 16;
/** Rows visited between two steps, and in a step; further sweeps wait for a later step. */
export const ROWS_PER_STEP = 2048;

export interface SweepsDeps {
  readonly registry: Registry;
  readonly subscriptions: Subscriptions;
  readonly walks: RowWalks;
  readonly filters: Filters;
  /** A page ends at this many bytes, even if it names fewer than 1000 devices. */
  readonly pageBytes: number;
  /** A hub's own sweep of the subscriber has visited every row. */
  readonly swept: (subscriber: number) => void;
}

export class Sweeps {
  readonly #deps: SweepsDeps;
  /** The hub's own, by subscriber slot. */
  readonly #own = new BySlot<Sweep>();
  /** Requests', by session. */
  readonly #asked = new Map<number, Sweep>();
  /** Sweeps that continue in the next step by themselves. */
  readonly #ready = new Set<Sweep>();
  /** Rows that may still be visited before others get their turn. */
  #rowsLeft = ROWS_PER_STEP;

  constructor(deps: SweepsDeps) {
    this.#deps = deps;
  }

  /** Whether a step has something to do. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** Rows that may be visited before the next step; negative: too many were visited. */
  get rowsLeft(): number {
    return this.#rowsLeft;
  }

  /** Whether pages of what the subscriber kept are still on their way to it. */
  isReconnecting(subscriber: number): boolean {
    const own = this.#own.get(subscriber);
    const input = own?.next?.input ?? own?.input;
    return input === 'reconnect' || input === 'hold';
  }

  /** Whether it is not known yet what the subscriber holds, because rows are still being disconnected or dropped. */
  isSettling(subscriber: number): boolean {
    const own = this.#own.get(subscriber);
    if (own?.next?.input === 'hold') return true;
    return own?.beside !== undefined && own.beside.walk.next !== NONE;
  }

  /** Whether one of the hub's own sweeps still has rows of the subscriber to visit. */
  isBusy(subscriber: number): boolean {
    return this.#own.get(subscriber) !== undefined;
  }

  /** The subscriber's session was admitted: its `Joined` names what is kept, and the rest follows in notices. */
  reconnect(subscriber: number, session: number): void {
    this.#begin({ subscriber, session, input: 'reconnect', notice: Notice.resumed, joins: true });
  }

  /** As `reconnect`, but what is kept waits until the subscriber asks for it. */
  hold(subscriber: number, session: number): void {
    this.#begin({ subscriber, session, input: 'hold', notice: Notice.resumed, joins: true });
  }

  /** The session was admitted and starts fresh: its `Joined` comes once everything that was kept has been removed. */
  joinFresh(subscriber: number, session: number): void {
    this.#begin({ subscriber, session, input: 'drop', notice: undefined, joins: true });
  }

  /** Removes the subscriber's subscriptions without notice. */
  drop(subscriber: number): void {
    this.#begin({ subscriber, session: NONE, input: 'drop', notice: undefined, joins: false });
  }

  /** An operator activates a row: if it has not been named as held yet, it is no longer held. */
  passOver(subscriber: number, row: number): void {
    const sweep = this.#own.get(subscriber);
    if (sweep?.input !== 'hold') return;
    sweep.passedOver ??= new Set();
    if (sweep.passedOver.has(row)) return;
    sweep.passedOver.add(row);
    const { registry, subscriptions } = this.#deps;
    const wasOlders = this.isSettling(subscriber) && registry.rowState(row) === RowState.active;
    if (wasOlders) subscriptions.move(row, RowState.disconnected); // the new session gets nothing of it yet
    if (sweep.beside !== undefined) sweep.beside.passedOver = sweep.passedOver;
  }

  /** Removes what was held and not asked for. */
  expireHeld(subscriber: number): void {
    const session = this.#deps.registry.subscribers.rows.session[subscriber]!;
    const notice = Notice.inactiveTooLong;
    this.#begin({ subscriber, session, input: 'expireHeld', notice, joins: false });
  }

  /** Applies an input to all rows. @param notice what a connected subscriber is told about the rows that change */
  input(subscriber: number, input: Input, notice: Notice | undefined): void {
    const session = notice === undefined ? NONE : this.#deps.registry.subscribers.rows.session[subscriber]!;
    this.#begin({ subscriber, session, input, notice, joins: false });
  }

  /** A request that names no devices. */
  ask(subscriber: number, request: Request): void {
    const { session, op: input } = request;
    const sweep = this.#start({ subscriber, session, input, request, notice: undefined, joins: false });
    this.#asked.set(session, sweep);
    this.#goOn(sweep);
  }

  #start(about: Begun & Pick<Sweep, 'request'>): Sweep {
    const { subscriber, input } = about;
    const walk = this.#deps.walks.start(subscriber);
    const filters = this.#filtersOf(subscriber, input);
    const counted = input === 'resume' ? filters : [];
    const matches = counted.map(({ filter }) => ({ prefix: Buffer.from(filter.slice(0, -1)), count: 0 }));
    const turnsFilters = filters.length > 0 && (input === 'pause' || input === 'resume');
    const state = { turnsFilters, promised: false, waits: false, namesFilters: filters.length > 0, matches };
    return { ...about, walk, filters, ...state, next: undefined, beside: undefined, passedOver: undefined };
  }

  #filtersOf(subscriber: number, input: Sweep['input']): FilterEntry[] {
    const { filters } = this.#deps;
    if (input === 'list') return filters.list(subscriber);
    if (input === 'hold') return filters.held(subscriber);
    if (input === 'expireHeld') return filters.expireHeld(subscriber);
    if (input === 'drop') {
      filters.removeAll(subscriber);
      return [];
    }
    return filters.input(subscriber, input);
  }

  /** The session's peer has read a page. @param request 0: of the hub's own */
  more(subscriber: number, session: number, request: number): void {
    const sweep = request === 0 ? this.#own.get(subscriber) : this.#asked.get(session);
    if (sweep === undefined || sweep.session !== session || !sweep.waits) return;
    if (request !== (sweep.request?.request ?? 0)) return;
    sweep.waits = false;
    this.#goOn(sweep);
  }

  /** The session has ended: nobody reads its answers. */
  sessionOver(session: number): void {
    const sweep = this.#asked.get(session);
    if (sweep !== undefined) this.#end(sweep);
  }

  /** Ends the hub's own sweep of the subscriber. */
  forget(subscriber: number): void {
    const sweep = this.#own.get(subscriber);
    if (sweep !== undefined) this.#end(sweep);
  }

  /** Runs slices of the sweeps that can continue, in turn, as long as there are rows left. @returns the slices done */
  step(): number {
    let done = 0;
    this.#rowsLeft = ROWS_PER_STEP;
    const { subscriptions } = this.#deps;
    for (const sweep of this.#ready) {
      if (this.#rowsLeft <= 0) break;
      if (sweep.session !== NONE && subscriptions.link(sweep.session).holdsBack()) continue;
      this.#ready.delete(sweep); // to the end of the line, if it goes on
      this.#slice(sweep);
      done += 1;
    }
    this.#rowsLeft = ROWS_PER_STEP;
    return done;
  }

  /** Continues a sweep now, or in a later step. A page that goes out with a session's `Joined` comes first. */
  #goOn(sweep: Sweep): void {
    if (sweep.joins || this.#rowsLeft > 0) this.#slice(sweep);
    else this.#ready.add(sweep);
  }

  #begin(begun: Begun): void {
    const { subscriber, input } = begun;
    const older = this.#own.get(subscriber);
    if (older !== undefined && waitsFor(input, older.input)) {
      if (begun.session !== older.session) older.joins = false; // the session that it was to let in is over
      older.next = begun;
      return;
    }
    const sweep = this.#start({ ...begun, request: undefined });
    if (older?.next !== undefined && isApart(older.next.input, input)) sweep.next = older.next;
    if (older?.input === 'disconnect' && input === 'hold') sweep.beside = older;
    else if (older !== undefined) this.#replace(older);
    this.#own.set(subscriber, sweep);
    this.#goOn(sweep);
  }

  /** A promised page that will not come is sent empty. */
  #replace(sweep: Sweep): void {
    const { registry, subscriptions } = this.#deps;
    const isConnected = registry.subscribers.rows.session[sweep.subscriber] === sweep.session;
    if (sweep.promised && isConnected) this.#send(sweep, subscriptions.begin(), false);
    this.#end(sweep);
  }

  #end(sweep: Sweep): void {
    this.#deps.walks.cancel(sweep.walk);
    this.#ready.delete(sweep);
    if (sweep.beside !== undefined) this.#end(sweep.beside);
    if (sweep.request !== undefined) this.#asked.delete(sweep.session);
    else if (this.#own.get(sweep.subscriber) === sweep) this.#own.delete(sweep.subscriber);
  }

  /** Visits rows until a page is full, sends it, and changes the rows that were visited. */
  #slice(sweep: Sweep): void {
    const { subscriptions, walks, pageBytes } = this.#deps;
    const page = subscriptions.begin();
    const { entries } = page;
    const lost: number[] = [];
    const visited = walks.advance(sweep.walk, SLICE_ROWS, (row) => {
      // A notice of its own names those that are lost.
      if (Math.max(entries.count, lost.length) >= DEVICES_PER_PAGE || entries.byteLength >= pageBytes)
        return false;
      this.#visit(sweep, page, row, lost);
      return true;
    });
    this.#rowsLeft -= visited + SLICE_COST;
    const isOver = sweep.walk.next === NONE;
    const isOwed = isOver && (sweep.request !== undefined || sweep.promised);
    sweep.waits = false;
    const joinsNow = sweep.joins && (isOver || sweep.input !== 'drop');
    const isFull = lost.length >= DEVICES_PER_PAGE; // what names them is to be read before the next
    if (entries.count > 0 || joinsNow || isOwed || sweep.namesFilters || isFull)
      this.#send(sweep, page, !isOver);
    subscriptions.end(page);
    if (lost.length > 0) this.#drop(sweep.subscriber, lost);
    if (isOver) {
      this.#end(sweep);
      if (restarting.has(sweep.input)) {
        const { subscriber, session, filters, input } = sweep;
        this.#deps.filters.restart(subscriber, session, filters, input as Input);
      }
      if (sweep.next !== undefined) this.#begin(sweep.next);
      else if (sweep.request === undefined) this.#deps.swept(sweep.subscriber);
    } else if (!sweep.waits) this.#ready.add(sweep);
  }

  #visit(sweep: Sweep, page: Page, row: number, lost: number[]): void {
    const { registry, subscriptions } = this.#deps;
    const { input, request, session } = sweep;
    const before = registry.rowState(row) as RowState;
    const device = registry.subscriptions.rows.device[row]!;
    if (!isSubscribed(before) || sweep.passedOver?.has(row)) return;
    if (input === 'list') {
      subscriptions.describe(page, device, before);
      return;
    }
    if (input === 'hold' || input === 'expireHeld') {
      this.#visitHeld(sweep, page, row, before);
      return;
    }
    if (input === 'drop') {
      page.change(row, nextRowState(before, 'unsubscribe', subscriptions.outlives(row)));
      return;
    }
    this.#countMatches(sweep, device, before);
    if (sweep.turnsFilters) subscriptions.filtersTurned(row);
    const isNamedByFilter = session !== NONE && this.#isNamedByFilter(sweep, row, device);
    // What filters follow comes back in their pages.
    if (isNamedByFilter && restarting.has(input)) {
      if (input === 'reconnect' && !this.#deps.filters.follow(sweep.subscriber, device)) lost.push(row);
      return;
    }
    const after = nextRowState(before, input, subscriptions.outlives(row));
    const asks = input === 'reconnect' || (after === RowState.active && after !== before);
    if (asks && !subscriptions.mayDeliver(row)) {
      lost.push(row);
      return;
    }
    // What was held in the last connection has kept filters from counting.
    if (input === 'reconnect' && sweep.filters.length > 0) subscriptions.filtersBack(row);
    // A row whose disconnect was still to come is active already, and new to the session all the same.
    const isResumed = input === 'reconnect' && after === RowState.active;
    const isChanged = statusOf(after) !== statusOf(before);
    const isNamed = request !== undefined || isResumed || isChanged;
    if (session !== NONE && isNamed && !isNamedByFilter) subscriptions.describe(page, device, after);
    if (isResumed || after !== before) page.change(row, after);
  }

  #countMatches({ matches }: Sweep, device: number, before: RowState): void {
    const { registry } = this.#deps;
    // Stryker disable next-line ConditionalExpression: where none is counted, it comes to nothing
    if (matches.length === 0 || registry.devices.rows.known[device] === 0) return;
    if (nextRowState(before, 'resume', false) !== RowState.active) return;
    for (const match of matches) if (registry.idStartsWith(device, match.prefix)) match.count += 1;
  }

  /** Visits rows that wait until their subscriber asks for them. */
  #visitHeld(sweep: Sweep, page: Page, row: number, before: RowState): void {
    const { registry, subscriptions, filters } = this.#deps;
    const { input } = sweep;
    const waiting = nextRowState(before, 'disconnect', false);
    if (waiting !== RowState.disconnected || (input === 'expireHeld' && before !== waiting)) return;
    const device = registry.subscriptions.rows.device[row]!;
    const isFiltered = input === 'expireHeld' && registry.isFiltered(row);
    if (isFiltered && filters.follow(sweep.subscriber, device) && subscriptions.mayDeliver(row)) {
      page.change(row, subscriptions.restingState(row) ?? RowState.active); // by filters that were not held
      return;
    }
    const after = input === 'hold' ? waiting : nextRowState(before, 'expire', subscriptions.outlives(row));
    if (!this.#isNamedByFilter(sweep, row, device)) subscriptions.describe(page, device, after);
    page.change(row, after);
  }

  /**
   * Whether a filter is named instead of the row. A paused filter is named only if the subscriber pauses everything;
   * what the hub changes under it had been resumed individually, so the row is named.
   */
  #isNamedByFilter({ subscriber, input }: Sweep, row: number, device: number): boolean {
    const { registry } = this.#deps;
    if (!registry.isFiltered(row)) return false;
    const state = registry.filters.strongestState(subscriber, registry.deviceId(device));
    return state !== RowState.paused || input === 'pause';
  }

  #send(sweep: Sweep, page: Page, more: boolean): void {
    const { registry, subscriptions } = this.#deps;
    const { session, subscriber, request, notice } = sweep;
    const entries = page.entries.take();
    const filters = this.#filtersToName(sweep, more);
    if (session === NONE) return;
    const link = subscriptions.link(session);
    if (request !== undefined) link.answer(request, entries, [], more, filters);
    else if (sweep.joins) {
      link.joined(
        session,
        subscriber,
        registry.subscribers.rows.vip[subscriber] !== 0,
        entries,
        more,
        filters,
      );
    } else link.notice(session, notice!, entries, more, filters);
    sweep.joins = false;
    sweep.promised = more;
    sweep.waits = more;
  }

  #filtersToName(sweep: Sweep, more: boolean): readonly FilterEntry[] {
    const { matches, filters } = sweep;
    const isCounting = more && matches.length > 0;
    if (!sweep.namesFilters || isCounting) return [];
    sweep.namesFilters = false;
    return matches.length === 0
      ? filters
      : filters.map(({ filter }, index) => ({ filter, value: matches[index]!.count }));
  }

  /** Removes rows that the subscriber may no longer follow. */
  #drop(subscriber: number, lost: readonly number[]): void {
    const { registry, subscriptions } = this.#deps;
    const page = subscriptions.begin();
    for (const row of lost) {
      const after = nextRowState(registry.rowState(row), 'unsubscribe', subscriptions.outlives(row));
      subscriptions.describe(page, registry.subscriptions.rows.device[row]!, after);
      page.change(row, after);
    }
    const session = registry.subscribers.rows.session[subscriber]!;
    const entries = page.entries.take();
    if (session !== NONE) subscriptions.link(session).notice(session, Notice.notCovered, entries, false);
    subscriptions.end(page);
  }
}
