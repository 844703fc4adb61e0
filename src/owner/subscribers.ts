/**
 * Knows which subscriber is connected where, and carries out requests: the effects of `presence/lifecycle.ts`. Owner
 * thread only.
 */
import type { Actor } from '../access/actor.ts';
import { closes } from '../codes.ts';
import { highWater } from '../memory/layout.ts';
import { NONE, Vip } from '../presence/columns.ts';
import { nextRowState, RowState } from '../presence/lifecycle.ts';
import type { Estate } from '../records/estate.ts';
import { NO_BYTES, Notice } from '../records/replies.ts';
import { type Join, KEEP_AS_SET, type Request } from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';
import { isFilterPage } from './filter-pages.ts';
import { Unfinished } from './filter-table.ts';
import type { NamedRequest } from './requests.ts';
import { SessionSlots } from './session-slots.ts';
import { Silences } from './silences.ts';
import type { RequestWaits, SubscriberHomes } from './subscriber-homes.ts';
import { SubscriberTimes } from './subscriber-times.ts';
import type { SubscribersDeps } from './subscribers-deps.ts';

export class Subscribers {
  readonly #deps: SubscribersDeps;
  readonly #sessions: SessionSlots;
  readonly #times: SubscriberTimes;
  readonly #silences: Silences;
  #leaving = NONE; // whose connection is being ended: its row stays, for another may take over

  /** undefined: there is no cluster. */
  homes: SubscriberHomes | undefined;
  /** Subscribers that operators of a cluster have made vips, whether they are here or not. */
  vips: ReadonlySet<string> = new Set();
  /** undefined: there is no cluster. */
  waits: RequestWaits | undefined;

  constructor(deps: SubscribersDeps) {
    this.#deps = deps;
    this.#sessions = new SessionSlots(deps.registry.subscribers.capacity);
    this.#times = new SubscriberTimes(deps.settings);
    this.#silences = new Silences(deps, this.#times);
  }

  /** Takes over the rows that another owner left, and finishes what it had begun. */
  adopt(kept: Estate['clients']): void {
    const { registry, wheel, clock, sweeps, settings } = this.#deps;
    const { rows } = registry.subscribers;
    for (let slot = 0; slot < highWater(registry.subscribers); slot++) {
      if (rows.used[slot] === 0) continue;
      const session = rows.session[slot]!;
      const lastSeen = Number(Atomics.load(rows.lastSeen, slot));
      if (session === NONE) {
        const sinceMs = lastSeen === 0 ? clock.now() : lastSeen; // one that has never been here: from now on
        const untilMs = kept.get(registry.subscriberId(slot))?.untilMs;
        if (untilMs !== undefined) this.#keep(slot, untilMs);
        else wheel.set(slot, sinceMs + settings.subscriberRemoveAfterMs);
        // Without rows it may be a vip that waits for its subscriber: it goes in its time.
        if (!this.#isWaitingVip(slot)) sweeps.input(slot, 'disconnect', undefined);
      } else {
        wheel.set(slot, lastSeen + this.#times.firstMs);
        this.#sessions.adopt(session, slot);
        if (rows.silent[slot] === 1) sweeps.input(slot, 'silence', undefined);
      }
    }
  }

  /** An edge reports a connection whose row may have been taken over: it rejoins later. */
  named({ session, ticket }: Join): void {
    this.#sessions.named(session, ticket);
  }

  /** An edge reports, after this owner took over, that it holds the subscriber. */
  rejoin(join: Join): void {
    const { session, actor, again, ticket } = join;
    const slot = this.#sessions.get(session);
    const unconfirmed = this.#sessions.confirm(session, ticket);
    if (again) {
      if (slot === undefined) this.#closeStranger(session, actor);
      else if (unconfirmed) this.#confirm(slot, join);
    } else if (slot === undefined) {
      this.join(join);
    } else if (unconfirmed) {
      // It was let in, or half so, and nobody told it.
      this.#disconnect(slot);
      this.join(join);
    }
  }

  /** Sessions that rows name and that the edge has not named. */
  unconfirmedOf(edge: number): number[] {
    return this.#sessions.unconfirmedOf(edge);
  }

  /** The edge is gone, and every connection with it. */
  leaveAll(edge: number): void {
    const waiting = this.homes?.waitingOf(edge) ?? [];
    for (const session of [...this.#sessions.ofEdge(edge), ...waiting]) this.leave(session);
  }

  /** A subscriber connected; an older connection with the same id is replaced. */
  join(join: Join): void {
    if (this.#sessions.get(join.session) !== undefined) return; // named twice, as in `Devices.join`
    if (this.homes === undefined || this.homes.admits(join)) this.enter(join);
  }

  /** Admits the subscriber. */
  enter({ session, actor, hold, ticket, fresh = false, silenceMsMin = 0 }: Join): void {
    const { registry, links, clock, wheel, scopes, sweeps, filters } = this.#deps;
    const slot = registry.ensureSubscriberOf(actor.id);
    if (slot < 0 || this.#sessions.hasNewer(slot, ticket)) {
      links[edgeOf(session)]!.close(session, slot < 0 ? closes.overCapacity : closes.replaced);
      return;
    }
    const { rows } = registry.subscribers;
    const older = rows.session[slot]!;
    if (older !== NONE) {
      links[edgeOf(older)]!.close(older, closes.replaced);
      this.#disconnect(slot);
    }
    this.#sessions.set(session, slot, ticket);
    this.#times.connected(slot, silenceMsMin);
    this.#settleElsewhere(slot, edgeOf(session));
    Atomics.store(rows.session, slot, session);
    Atomics.store(rows.silent, slot, 0);
    const expiresAtMs = wheel.dueMs(slot);
    Atomics.store(rows.lastSeen, slot, BigInt(Math.floor(clock.now())));
    scopes.set(slot, actor);
    const byOperator = this.vips.has(actor.id) ? Vip.operator : rows.vip[slot]! & Vip.operator;
    Atomics.store(rows.vip, slot, byOperator | (actor.vip ? Vip.token : 0));
    wheel.set(slot, clock.now() + this.#times.firstMs);
    const lost = filters.removeUncovered(slot, actor);
    if (fresh) {
      scopes.useForFilters(slot);
      sweeps.joinFresh(slot, session);
    } else if (hold) this.#hold(slot, session, expiresAtMs);
    else sweeps.reconnect(slot, session);
    if (lost.length > 0) links[edgeOf(session)]!.notice(session, Notice.notCovered, NO_BYTES, false, lost);
  }

  /** What was kept waits until the subscriber asks for it, and expires as if it had not come back. */
  #hold(slot: number, session: number, untilMs: number): void {
    const { wheel, clock, sweeps } = this.#deps;
    this.#times.hold(slot, untilMs);
    sweeps.hold(slot, session);
    wheel.set(slot, Math.min(untilMs, clock.now() + this.#times.firstMs));
  }

  /**
   * Adds more to what the subscriber holds; it expires as if the subscriber had not come back. @param awayMs how long
   * it was away
   */
  holdMore(slot: number, awayMs: number): void {
    const { wheel, clock, settings } = this.#deps;
    if (this.#times.heldUntilMs(slot) !== Number.POSITIVE_INFINITY) return; // with what it holds already
    const untilMs = clock.now() + settings.subscriberRemoveAfterMs - awayMs;
    this.#times.hold(slot, untilMs);
    wheel.set(slot, Math.min(untilMs, wheel.dueMs(slot)));
  }

  /** @param session of a connection that is over @param keepMs see `Leave` */
  leave(session: number, keepMs = KEEP_AS_SET): void {
    const slot = this.#sessions.get(session);
    if (slot === undefined) {
      this.homes?.leaves(session); // else it was replaced, kicked or refused
      return;
    }
    this.homes?.disconnected(slot);
    const { registry, clock, sweeps } = this.#deps;
    const now = clock.now(); // what it has is kept from now on, however silent it was before
    Atomics.store(registry.subscribers.rows.lastSeen, slot, BigInt(Math.floor(now)));
    this.#disconnect(slot);
    if (keepMs > 0) this.#keep(slot, now + keepMs);
    else if (keepMs === 0) sweeps.drop(slot);
    this.freeIfIdle(slot);
  }

  #keep(slot: number, untilMs: number): void {
    this.#times.keep(slot, untilMs);
    this.#deps.wheel.set(slot, untilMs);
  }

  /** Removes what a lost connection of this subscriber left; does nothing while it is connected. */
  drop(subscriber: string): void {
    const { registry, sweeps } = this.#deps;
    const slot = registry.subscriberOf(subscriber);
    if (slot >= 0 && registry.subscribers.rows.session[slot] === NONE) sweeps.drop(slot);
  }

  /** A subscriber that was marked silent has shown a sign of life. */
  heard(session: number): void {
    const slot = this.#sessions.get(session);
    if (slot !== undefined) this.#silences.heard(slot);
  }

  /** The subscriber has sent a request. */
  request(request: Request): void {
    const slot = this.#sessions.get(request.session);
    if (slot === undefined) {
      this.homes?.asks(request);
      return;
    }
    this.#silences.heard(slot); // its edge may have said so before the silence was on record
    if (this.waits?.defers(slot, request) !== true) this.answer(slot, request);
  }

  /** Carries out and answers the request of the subscriber in this slot. */
  answer(slot: number, request: Request): void {
    if (request.filters.length > 0)
      this.#deps.filters.ask(slot, { ...request, devices: request.devices ?? [] });
    else if (request.devices === undefined) this.#deps.sweeps.ask(slot, request);
    else this.#deps.requests.answer(slot, request as NamedRequest);
  }

  /** The subscriber has read a page. @param request which the page belongs to; 0: a notice of the hub */
  more(session: number, request: number): void {
    const slot = this.#sessions.get(session);
    if (slot === undefined) return;
    if (isFilterPage(request)) this.#deps.filters.more(session, request);
    else this.#deps.sweeps.more(slot, session, request);
  }

  /** The subscriber's timer has run out. */
  timer(slot: number): void {
    this.#silences.timer(slot);
  }

  /**
   * Closes the subscriber's connection, if any, and removes its subscriptions. @param forget whether to remove what
   * operators set for it too
   */
  kick(slot: number, forget: boolean): void {
    const { registry, subscriptions, sweeps, wheel, clock, settings } = this.#deps;
    const { rows } = registry.subscribers;
    const session = rows.session[slot]!;
    if (session !== NONE) {
      subscriptions.link(session).close(session, closes.kicked);
      this.homes?.disconnected(slot);
      this.#disconnect(slot);
    }
    sweeps.forget(slot);
    for (const filter of registry.filters.ofSubscriber(slot)) registry.filters.remove(filter);
    const kept = (row: number): RowState =>
      forget ? RowState.none : nextRowState(registry.rowState(row), 'unsubscribe', registry.isGranted(row));
    registry.forEachOfSubscriber(slot, (row) => subscriptions.move(row, kept(row)));
    if (forget) this.setVip(slot, false);
    // A vip stays one for as long as a lost subscriber may come back, whichever owner there is then.
    if ((rows.vip[slot]! & Vip.operator) !== 0) {
      Atomics.store(rows.lastSeen, slot, BigInt(Math.floor(clock.now())));
      wheel.set(slot, clock.now() + settings.subscriberRemoveAfterMs);
    } else this.freeIfIdle(slot);
  }

  /** Another node has the subscriber now: closes its connection. What is kept waits to be handed over. */
  dismiss(slot: number, close: (typeof closes)[keyof typeof closes]): void {
    const { registry, subscriptions, sweeps } = this.#deps;
    const session = registry.subscribers.rows.session[slot]!;
    if (session !== NONE) {
      subscriptions.link(session).close(session, close);
      this.#disconnect(slot);
    }
    sweeps.forget(slot);
  }

  /** What was kept for a dismissed subscriber has been removed. */
  dismissed(slot: number): void {
    this.#deps.wheel.cancel(slot);
    this.freeIfIdle(slot);
  }

  /**
   * When what is kept for it expires, hub clock, ms, if it has its own retention time; undefined: the settings apply.
   */
  keptUntilMs(slot: number): number | undefined {
    return this.#times.keptUntilMs(slot);
  }

  /** Whether the subscriber's latest token lets it follow the device. */
  covers(subscriber: string, device: string): boolean {
    const slot = this.#deps.registry.subscriberOf(subscriber);
    return slot < 0 || this.#deps.scopes.covers(slot, device);
  }

  setVip(slot: number, vip: boolean): void {
    const { registry, subscriptions } = this.#deps;
    const { rows } = registry.subscribers;
    Atomics.store(rows.vip, slot, (rows.vip[slot]! & Vip.token) | (vip ? Vip.operator : 0));
    const session = rows.session[slot]!;
    if (session !== NONE) subscriptions.link(session).vip(session, rows.vip[slot] !== 0);
  }

  #isWaitingVip(slot: number): boolean {
    const { registry } = this.#deps;
    const { vip, rowCount } = registry.subscribers.rows;
    return (vip[slot]! & Vip.operator) !== 0 && rowCount[slot] === 0 && registry.filters.count(slot) === 0;
  }

  /** Frees the row of a subscriber that is neither connected nor has subscriptions. */
  freeIfIdle(slot: number): void {
    const { registry, wheel, scopes, sweeps } = this.#deps;
    const { rows } = registry.subscribers;
    if (rows.session[slot] !== NONE || rows.rowCount[slot] !== 0 || rows.used[slot] === 0) return;
    if (registry.filters.count(slot) > 0 || slot === this.#leaving) return;
    wheel.cancel(slot);
    this.#times.endKeep(slot);
    scopes.delete(slot);
    sweeps.forget(slot);
    this.homes?.freed(slot);
    registry.freeSubscriber(slot);
  }

  /**
   * The connection still exists: the subscriber gets what it got before. Completes a reconnect that was interrupted.
   */
  #confirm(slot: number, { actor, hold, silenceMsMin = 0 }: Join): void {
    const { registry, subscriptions, scopes, sweeps, filters, clock, settings } = this.#deps;
    const { session, vip, silent } = registry.subscribers.rows;
    scopes.set(slot, actor);
    scopes.useForFilters(slot);
    this.#times.connected(slot, silenceMsMin);
    subscriptions.link(session[slot]!).vip(session[slot]!, vip[slot] !== 0);
    let isPartial = filters.list(slot).some(({ value }) => value === RowState.disconnected);
    let isHeard = false;
    registry.forEachOfSubscriber(slot, (row) => {
      if (registry.rowState(row) === RowState.active) {
        if (subscriptions.mayDeliver(row)) subscriptions.attach(row);
        else subscriptions.move(row, RowState.disconnected); // the owner before this one was about to take it away
      }
      const state = registry.rowState(row);
      if (state === RowState.disconnected) isPartial = true;
      if (state === RowState.silent) isHeard = silent[slot] === 0; // not all its rows had seen that
    });
    if (isPartial && hold) this.#times.hold(slot, clock.now() + settings.subscriberRemoveAfterMs);
    if (isPartial && !hold) sweeps.input(slot, 'reconnect', Notice.resumed);
    else if (isHeard) sweeps.input(slot, 'activity', Notice.heard);
    filters.recover(slot, session[slot]!);
  }

  /** Closes a connection that the previous owner had replaced or kicked without its edge learning of it. */
  #closeStranger(session: number, actor: Actor): void {
    const slot = this.#deps.registry.subscriberOf(actor.id);
    const replaced = slot >= 0 && this.#deps.registry.subscribers.rows.session[slot] !== NONE;
    this.#deps.links[edgeOf(session)]!.close(session, replaced ? closes.replaced : closes.kicked);
  }

  /** Rows that still count as active are counted for the edge that holds the subscriber. */
  #settleElsewhere(slot: number, edge: number): void {
    const { registry, sweeps } = this.#deps;
    if (registry.subscribers.rows.edge[slot] === edge) return;
    const hasActive = sweeps.isBusy(slot); // its disconnect is still on its way through the rows
    registry.moveToEdge(slot, edge, hasActive);
  }

  /**
   * Its connection ends: the filters that it asked for follow its token. Filters that it has not asked for follow the
   * token of an earlier connection; if there are none of these, the missing devices are searched for when the filters
   * are active again.
   */
  #settleFilters(slot: number): void {
    const { registry, scopes } = this.#deps;
    const { filters } = registry;
    const all = filters.ofSubscriber(slot);
    const asked = all.filter((filter) => filters.state(filter) !== RowState.disconnected);
    if (asked.length === all.length) scopes.useForFilters(slot);
    else if (scopes.isOtherForFilters(slot))
      for (const filter of asked) filters.begin(filter, Unfinished.pages);
  }

  #disconnect(slot: number): void {
    const { registry, wheel, settings, sweeps, filters } = this.#deps;
    const { rows } = registry.subscribers;
    const session = rows.session[slot]!;
    this.#sessions.delete(session);
    this.#times.disconnected(slot);
    Atomics.store(rows.session, slot, NONE); // the connection is gone: nothing needs to be detached
    Atomics.store(rows.silent, slot, 0);
    wheel.set(slot, Number(Atomics.load(rows.lastSeen, slot)) + settings.subscriberRemoveAfterMs);
    this.waits?.sessionOver(session);
    // Else what it kept is still on its way to it.
    if (!sweeps.isReconnecting(slot)) this.#settleFilters(slot);
    sweeps.sessionOver(session);
    filters.sessionOver(session);
    this.#leaving = slot;
    sweeps.input(slot, 'disconnect', undefined);
    this.#leaving = NONE;
  }
}
