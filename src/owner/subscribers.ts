/**
 * The subscriber side of the owner: who is connected where, silence and expiry, and what operators do to
 * subscriptions. Owner thread only. The rules are in `presence/lifecycle.ts`; this carries out their effects.
 */
import type { Actor } from '../access/actor.ts';
import type { Clock } from '../clock.ts';
import { closes } from '../codes.ts';
import type { Pulse } from '../memory/heartbeat.ts';
import { highWater } from '../memory/layout.ts';
import type { Wheel } from '../memory/wheel.ts';
import { NONE, Vip } from '../presence/columns.ts';
import { type Input, nextRowState, RowState } from '../presence/lifecycle.ts';
import { NO_BYTES, Notice } from '../records/replies.ts';
import type { Join, Request } from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';
import type { EdgeLink } from './edge-link.ts';
import { isFilterPage } from './filter-pages.ts';
import type { Filters } from './filters.ts';
import type { Registry } from './registry.ts';
import type { NamedRequest, Requests } from './requests.ts';
import type { TokenScopes } from './scopes.ts';
import { SessionSlots } from './session-slots.ts';
import { isSubscribed, type Subscriptions } from './subscriptions.ts';
import type { Sweeps } from './sweeps.ts';

export interface SubscriberSettings {
  readonly subscriberInactiveAfterMs: number;
  readonly subscriberRemoveAfterMs: number;
}

export interface SubscribersDeps {
  readonly registry: Registry;
  readonly subscriptions: Subscriptions;
  readonly scopes: TokenScopes;
  readonly requests: Requests;
  readonly sweeps: Sweeps;
  readonly filters: Filters;
  /** By edge. */
  readonly links: readonly EdgeLink[];
  /** A timer per subscriber slot: silence, then removal. */
  readonly wheel: Wheel;
  /** By edge. */
  readonly pulses: readonly Pulse[];
  readonly clock: Clock;
  readonly settings: SubscriberSettings;
}

export class Subscribers {
  readonly #deps: SubscribersDeps;
  readonly #sessions = new SessionSlots();
  /** By subscriber that holds what it kept: hub clock, ms, when that expires. */
  readonly #heldUntilMs = new Map<number, number>();

  constructor(deps: SubscribersDeps) {
    this.#deps = deps;
  }

  /** Takes over the rows that another owner left, and finishes what it had begun. */
  adopt(): void {
    const { registry, wheel, sweeps } = this.#deps;
    const { rows } = registry.subscribers;
    for (let slot = 0; slot < highWater(registry.subscribers); slot++) {
      if (rows.used[slot] === 0) continue;
      const session = rows.session[slot]!;
      wheel.set(slot, Number(Atomics.load(rows.lastSeen, slot)) + this.#firstTimerMs);
      if (session === NONE) {
        sweeps.input(slot, 'disconnect', undefined);
      } else {
        this.#sessions.adopt(session, slot);
        if (rows.silent[slot] === 1) sweeps.input(slot, 'silence', undefined);
      }
    }
  }

  /** An edge says, after this owner took over, that it holds the subscriber. */
  rejoin(join: Join): void {
    const { session, actor, again } = join;
    const slot = this.#sessions.get(session);
    const unconfirmed = this.#sessions.confirm(session);
    if (again) {
      if (slot === undefined) this.#closeStranger(session, actor);
      else this.#confirm(slot, join);
    } else if (slot === undefined) {
      this.join(join);
    } else if (unconfirmed) {
      // It was let in, or half so, and nobody told it.
      this.#disconnect(slot);
      this.join(join);
    }
  }

  /** The edge has named all it holds: whoever else was connected to it is not any more. */
  dropUnconfirmed(edge: number): void {
    for (const session of this.#sessions.unconfirmedOf(edge)) this.leave(session);
  }

  /** The edge is gone, and every connection with it. */
  leaveAll(edge: number): void {
    for (const session of this.#sessions.ofEdge(edge)) this.leave(session);
  }

  /** Where removal is set to come before inactive, rows go without having been inactive. */
  get #firstTimerMs(): number {
    const { subscriberInactiveAfterMs, subscriberRemoveAfterMs } = this.#deps.settings;
    return Math.min(subscriberInactiveAfterMs, subscriberRemoveAfterMs);
  }

  /** A subscriber connected; an older connection of the same id is replaced. */
  join({ session, actor, hold }: Join): void {
    const { registry, links, clock, wheel, scopes, sweeps, filters } = this.#deps;
    const slot = registry.ensureSubscriberOf(actor.id);
    if (slot < 0) {
      links[edgeOf(session)]!.close(session, closes.overCapacity);
      return;
    }
    const { rows } = registry.subscribers;
    if (rows.session[slot] !== NONE) {
      this.#close(slot, closes.replaced);
      this.#disconnect(slot);
    }
    this.#sessions.set(session, slot);
    this.#settleElsewhere(slot, edgeOf(session));
    Atomics.store(rows.session, slot, session);
    Atomics.store(rows.silent, slot, 0);
    const lostAtMs = Number(Atomics.load(rows.lastSeen, slot));
    Atomics.store(rows.lastSeen, slot, BigInt(Math.floor(clock.now())));
    scopes.set(slot, actor);
    Atomics.store(rows.vip, slot, (rows.vip[slot]! & Vip.operator) | (actor.vip ? Vip.token : 0));
    wheel.set(slot, clock.now() + this.#firstTimerMs);
    const lost = filters.removeUncovered(slot, actor);
    if (hold) this.#hold(slot, session, lostAtMs);
    else sweeps.reconnect(slot, session);
    if (lost.length > 0) links[edgeOf(session)]!.notice(session, Notice.notCovered, NO_BYTES, false, lost);
  }

  /** What it kept waits until it asks for it, and expires as if it had not come back. */
  #hold(slot: number, session: number, lostAtMs: number): void {
    const { wheel, clock, settings, sweeps } = this.#deps;
    const untilMs = lostAtMs + settings.subscriberRemoveAfterMs;
    this.#heldUntilMs.set(slot, untilMs);
    sweeps.hold(slot, session);
    wheel.set(slot, Math.min(untilMs, clock.now() + this.#firstTimerMs));
  }

  /** @returns whether the timer was one of what is held */
  #expireHeld(slot: number, now: number): boolean {
    const untilMs = this.#heldUntilMs.get(slot);
    if (untilMs === undefined) return false;
    const { wheel, sweeps } = this.#deps;
    if (now >= untilMs) {
      this.#heldUntilMs.delete(slot);
      sweeps.expireHeld(slot);
      wheel.set(slot, now + 1);
      return true;
    }
    return false;
  }

  /** @param session of a connection that is over */
  leave(session: number): void {
    const slot = this.#sessions.get(session);
    if (slot === undefined) return; // replaced, kicked or refused
    this.#disconnect(slot);
    this.freeIfIdle(slot);
  }

  /** A subscriber whose silence is on record was heard. */
  heard(session: number): void {
    const slot = this.#sessions.get(session);
    if (slot !== undefined) this.#heard(slot);
  }

  /** The subscriber asks for something. */
  request(request: Request): void {
    const slot = this.#sessions.get(request.session);
    if (slot === undefined) return;
    if (request.filters.length > 0)
      this.#deps.filters.ask(slot, { ...request, devices: request.devices ?? [] });
    else if (request.devices === undefined) this.#deps.sweeps.ask(slot, request);
    else this.#deps.requests.answer(slot, request as NamedRequest);
  }

  /** The subscriber has read a page. @param request which it belongs to; 0: what the hub told unasked */
  more(session: number, request: number): void {
    const slot = this.#sessions.get(session);
    if (slot === undefined) return;
    if (isFilterPage(request)) this.#deps.filters.more(session, request);
    else this.#deps.sweeps.more(slot, session, request);
  }

  /** The subscriber's timer has run out. */
  timer(slot: number): void {
    const { registry, clock, settings, wheel, pulses, sweeps } = this.#deps;
    const { rows } = registry.subscribers;
    const lastSeen = Number(Atomics.load(rows.lastSeen, slot));
    const now = clock.now();
    const silentMs = pulses[rows.edge[slot]!]!.silentMs(lastSeen, now);
    const connected = rows.session[slot] !== NONE;
    if (connected && this.#expireHeld(slot, now)) return;
    if (connected && sweeps.isReconnecting(slot)) {
      // It reads what it kept, page by page, and has nothing to say yet.
      wheel.set(slot, now + this.#firstTimerMs);
      return;
    }
    if (silentMs >= settings.subscriberRemoveAfterMs) {
      this.#expire(slot);
      return;
    }
    if (connected && rows.silent[slot] === 0) {
      if (silentMs < settings.subscriberInactiveAfterMs) {
        const untilMs = this.#heldUntilMs.get(slot) ?? Number.POSITIVE_INFINITY;
        wheel.set(slot, Math.min(untilMs, now + this.#firstTimerMs - silentMs));
        return;
      }
      this.#silence(slot, lastSeen);
      if (rows.silent[slot] === 0) return;
    }
    wheel.set(slot, now + settings.subscriberRemoveAfterMs - silentMs);
  }

  /** Applies an operator's input to one row and tells the subscriber. @returns the row, or -1 when it is gone */
  operatorInput(row: number, input: Input): number {
    const { registry, subscriptions, filters, wheel, clock, settings } = this.#deps;
    const { rows } = registry.subscriptions;
    const device = rows.device[row]!;
    const subscriber = rows.subscriber[row]!;
    const before = registry.rowState(row);
    const connected = registry.subscribers.rows.session[subscriber] !== NONE;
    let after = nextRowState(before, input, false);
    if (after === RowState.active && !connected) after = nextRowState(after, 'disconnect', false);
    const notice = after === before ? undefined : noticeOf(before, after, input);
    if (notice !== undefined) subscriptions.tell(subscriber, notice, device, after);
    if (after === RowState.deny || after === RowState.allow) registry.setHeld(row);
    subscriptions.move(row, after);
    const isLifted = before === RowState.deny && (after === RowState.none || after === RowState.allow);
    if (isLifted) filters.rematch(subscriber, device);
    if (after === RowState.none) return -1;
    if (!connected && !wheel.isSet(subscriber))
      wheel.set(subscriber, clock.now() + settings.subscriberRemoveAfterMs);
    return row;
  }

  /** Makes a pair's row in the state to which an operator's input leads. @returns the row, or -1 when the table is full */
  makeRow(device: number, subscriber: number, input: Input, granted: boolean): number {
    const { registry, subscriptions, wheel, clock, settings } = this.#deps;
    const connected = registry.subscribers.rows.session[subscriber] !== NONE;
    let state = nextRowState(RowState.none, input, false);
    if (state === RowState.active && !connected) state = nextRowState(state, 'disconnect', false);
    const row = registry.createRow(device, subscriber, state, { granted });
    if (row < 0) return row;
    const notice = noticeOf(RowState.none, state, input);
    if (notice !== undefined) subscriptions.tell(subscriber, notice, device, state);
    if (state === RowState.active) subscriptions.attach(row);
    if (!connected && !wheel.isSet(subscriber))
      wheel.set(subscriber, clock.now() + settings.subscriberRemoveAfterMs);
    return row;
  }

  /**
   * Closes the subscriber's connection, if any, and removes its subscriptions.
   * @param forget what operators set for it goes too
   */
  kick(slot: number, forget: boolean): void {
    const { registry, subscriptions, sweeps, wheel, clock, settings } = this.#deps;
    const { rows } = registry.subscribers;
    if (rows.session[slot] !== NONE) {
      this.#close(slot, closes.kicked);
      this.#disconnect(slot);
    }
    sweeps.forget(slot);
    for (const filter of registry.filters.ofSubscriber(slot)) registry.filters.remove(filter);
    const kept = (row: number): RowState =>
      forget ? RowState.none : nextRowState(registry.rowState(row), 'unsubscribe', registry.isGranted(row));
    registry.forEachOfSubscriber(slot, (row) => subscriptions.move(row, kept(row)));
    if (forget) this.setVip(slot, false);
    // A vip stays one for as long as a lost subscriber may come back.
    if ((rows.vip[slot]! & Vip.operator) !== 0)
      wheel.set(slot, clock.now() + settings.subscriberRemoveAfterMs);
    else this.freeIfIdle(slot);
  }

  /** Whether the token that the subscriber last came with lets it follow the device. */
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

  /** Frees the row of a subscriber that is neither connected nor has subscriptions. */
  freeIfIdle(slot: number): void {
    const { registry, wheel, scopes, sweeps } = this.#deps;
    const { rows } = registry.subscribers;
    if (rows.session[slot] !== NONE || rows.rowCount[slot] !== 0 || rows.used[slot] === 0) return;
    if (registry.filters.count(slot) > 0) return;
    wheel.cancel(slot);
    scopes.delete(slot);
    sweeps.forget(slot);
    registry.freeSubscriber(slot);
  }

  /** Its connection is there: it gets what it got before. What an interrupted reconnect left behind goes on. */
  #confirm(slot: number, { actor, hold }: Join): void {
    const { registry, subscriptions, scopes, sweeps, filters } = this.#deps;
    const { session, vip } = registry.subscribers.rows;
    scopes.set(slot, actor);
    subscriptions.link(session[slot]!).vip(session[slot]!, vip[slot] !== 0);
    let isPartial = false;
    registry.forEachOfSubscriber(slot, (row) => {
      const state = registry.rowState(row);
      if (state === RowState.active) subscriptions.attach(row);
      if (state === RowState.disconnected) isPartial = true;
    });
    if (isPartial && !hold) sweeps.input(slot, 'reconnect', Notice.resumed);
    filters.recover(slot, session[slot]!);
  }

  /** The owner before this one had replaced or kicked it, and its edge never heard. */
  #closeStranger(session: number, actor: Actor): void {
    const { registry, links } = this.#deps;
    const slot = registry.subscriberOf(actor.id);
    const replaced = slot >= 0 && registry.subscribers.rows.session[slot] !== NONE;
    links[edgeOf(session)]!.close(session, replaced ? closes.replaced : closes.kicked);
  }

  /** Rows that still count as active count for the edge that holds the subscriber. */
  #settleElsewhere(slot: number, edge: number): void {
    const { registry, sweeps } = this.#deps;
    if (registry.subscribers.rows.edge[slot] === edge) return;
    const hasActive = sweeps.forget(slot); // its disconnect was still on its way through the rows
    registry.moveToEdge(slot, edge, hasActive);
  }

  #disconnect(slot: number): void {
    const { registry, wheel, settings, sweeps, filters } = this.#deps;
    const { rows } = registry.subscribers;
    const session = rows.session[slot]!;
    this.#sessions.delete(session);
    this.#heldUntilMs.delete(slot);
    Atomics.store(rows.session, slot, NONE); // the connection is gone: nothing needs to be detached
    Atomics.store(rows.silent, slot, 0);
    wheel.set(slot, Number(Atomics.load(rows.lastSeen, slot)) + settings.subscriberRemoveAfterMs);
    sweeps.sessionOver(session);
    filters.sessionOver(session);
    sweeps.input(slot, 'disconnect', undefined);
  }

  /**
   * The edge stores last_seen, then looks whether the subscriber is silent; this stores silent, then looks at
   * last_seen: one of the two notices when a frame comes in just now.
   */
  #silence(slot: number, lastSeen: number): void {
    const { registry, sweeps } = this.#deps;
    const { rows } = registry.subscribers;
    Atomics.store(rows.silent, slot, 1);
    if (Number(Atomics.load(rows.lastSeen, slot)) !== lastSeen) this.#heard(slot);
    else sweeps.input(slot, 'silence', Notice.silent);
  }

  #heard(slot: number): void {
    const { registry, wheel, clock, sweeps } = this.#deps;
    Atomics.store(registry.subscribers.rows.silent, slot, 0);
    const untilMs = this.#heldUntilMs.get(slot) ?? Number.POSITIVE_INFINITY;
    wheel.set(slot, Math.min(untilMs, clock.now() + this.#firstTimerMs));
    sweeps.input(slot, 'activity', Notice.heard);
  }

  #expire(slot: number): void {
    const { registry, sweeps } = this.#deps;
    // Still connected: the next frame counts as activity and arms the timer again.
    const isConnected = registry.subscribers.rows.session[slot] !== NONE;
    if (isConnected) Atomics.store(registry.subscribers.rows.silent, slot, 1);
    sweeps.input(slot, 'expire', isConnected ? Notice.inactiveTooLong : undefined);
  }

  #close(subscriber: number, close: (typeof closes)[keyof typeof closes]): void {
    const session = this.#deps.registry.subscribers.rows.session[subscriber]!;
    this.#deps.subscriptions.link(session).close(session, close);
  }
}

/** What the subscriber is told of an operator's change; undefined: nothing. */
function noticeOf(before: number, after: RowState, input: Input): Notice | undefined {
  if (isSubscribed(after)) return after === RowState.active ? Notice.operatorActive : Notice.operatorInactive;
  if (!isSubscribed(before)) return undefined;
  return input === 'operatorDeny' ? Notice.deniedByOperator : Notice.removedByOperator;
}
