/**
 * Subscribers, in a cluster: one place for each. A connection waits until it is known what another node keeps of it, at
 * most a second; then it has its subscriptions, filters and pauses back. Owner thread only.
 */
import { SurrenderReason } from '../../cluster/host.ts';
import { HomeKind } from '../../cluster/records.ts';
import {
  decodeKeptSubscriber,
  encodeKeptSubscriber,
  type KeptSubscriber,
} from '../../cluster/subscribers.ts';
import { closes } from '../../codes.ts';
import { highWater } from '../../memory/layout.ts';
import { NONE } from '../../presence/columns.ts';
import { RowState } from '../../presence/lifecycle.ts';
import { toLink } from '../../records/cluster.ts';
import { Notice } from '../../records/replies.ts';
import type { Join, Request } from '../../records/requests.ts';
import { edgeOf } from '../../records/sessions.ts';
import { ALL_TYPES } from '../../wire/events.ts';
import type { SubscriberHomes } from '../subscriber-homes.ts';
import { isSubscribed } from '../subscriptions.ts';
import type { ClusterContext } from './context.ts';

/** A connection whose claim is not settled. */
interface Arrival {
  readonly join: Join;
  /** Asked meanwhile. */
  readonly requests: Request[];
}

const SUBSCRIBER = HomeKind.subscriber;
/** What a subscriber may ask before its welcome; the edge sends no more of one at once. */
const REQUESTS_MAX = 64;

export class SubscriberMoves implements SubscriberHomes {
  readonly #context: ClusterContext;
  readonly #arrivals = new Map<string, Arrival>();
  /** Ids of sessions that wait. */
  readonly #bySession = new Map<number, string>();
  /** Ids with their home here. */
  readonly #here = new Set<string>();
  /** Ids of connections that do not want back by themselves what was kept: how they came. */
  readonly #reserved = new Map<string, Join>();

  constructor(context: ClusterContext) {
    this.#context = context;
    this.#takeOver();
  }

  /** What the owner before had here is here. */
  #takeOver(): void {
    const { registry } = this.#context;
    const { used, session } = registry.subscribers.rows;
    for (let slot = 0; slot < highWater(registry.subscribers); slot++) {
      if (used[slot] === 0) continue;
      if (session[slot] !== NONE || this.#isKept(slot)) this.#here.add(registry.subscriberId(slot));
    }
  }

  #isKept(slot: number): boolean {
    const { registry } = this.#context;
    let isKept = registry.filters.count(slot) > 0;
    registry.forEachOfSubscriber(slot, (row) => {
      isKept ||= isSubscribed(registry.rowState(row));
    });
    return isKept;
  }

  // What happens to subscribers here.

  admits(join: Join): boolean {
    const { links, link } = this.#context;
    const { actor, session, generated } = join;
    const { id } = actor;
    if (generated === true) return true;
    const older = this.#arrivals.get(id);
    if (older !== undefined) {
      links[edgeOf(older.join.session)]!.close(older.join.session, closes.replaced);
      this.#bySession.delete(older.join.session);
    } else link.tell(toLink.connected, { kind: SUBSCRIBER, id });
    if (this.#here.has(id)) {
      this.#reserve(join);
      return true;
    }
    this.#arrivals.set(id, { join, requests: [] });
    this.#bySession.set(session, id);
    return false;
  }

  asks(request: Request): boolean {
    const id = this.#bySession.get(request.session);
    const arrival = id === undefined ? undefined : this.#arrivals.get(id);
    if (arrival === undefined) return false;
    if (arrival.requests.length < REQUESTS_MAX) arrival.requests.push(request);
    return true;
  }

  leaves(session: number): boolean {
    const id = this.#bySession.get(session);
    if (id === undefined) return false;
    this.#bySession.delete(session);
    this.#arrivals.delete(id);
    this.#context.link.tell(toLink.disconnected, { kind: SUBSCRIBER, id });
    return true;
  }

  waitingOf(edge: number): number[] {
    return [...this.#bySession.keys()].filter((session) => edgeOf(session) === edge);
  }

  disconnected(slot: number): void {
    const id = this.#context.registry.subscriberId(slot);
    this.#reserved.delete(id);
    if (this.#here.has(id)) this.#context.link.tell(toLink.disconnected, { kind: SUBSCRIBER, id });
  }

  freed(slot: number): void {
    const id = this.#context.registry.subscriberId(slot);
    if (this.#here.delete(id)) this.#context.link.tell(toLink.forget, { kind: SUBSCRIBER, id });
  }

  /** What operators set for it may still hold its row. */
  kicked(id: string, number: number): void {
    const { link } = this.#context;
    link.tell(toLink.kicked, { id, number });
    if (this.#here.delete(id)) link.tell(toLink.forget, { kind: SUBSCRIBER, id });
  }

  /** The link has started anew: it is told of every subscriber here. */
  tellAll(): void {
    const { registry, link } = this.#context;
    for (const id of this.#arrivals.keys()) link.tell(toLink.connected, { kind: SUBSCRIBER, id });
    for (const id of this.#here) {
      const slot = registry.subscriberOf(id);
      const isConnected = slot >= 0 && registry.subscribers.rows.session[slot] !== NONE;
      if (isConnected) link.tell(toLink.connected, { kind: SUBSCRIBER, id });
      else link.tell(toLink.hold, { kind: SUBSCRIBER, id });
    }
  }

  /** The hub drains: what it keeps is left to other nodes. */
  leaveAll(): void {
    const { registry, link } = this.#context;
    for (const id of this.#here) {
      const slot = registry.subscriberOf(id);
      if (slot >= 0 && registry.subscribers.rows.session[slot] === NONE)
        link.tell(toLink.leave, { kind: SUBSCRIBER, id });
    }
  }

  // What the link says.

  /** This node is the subscriber's place. @param parts what other nodes kept */
  adopt(id: string, parts: readonly Uint8Array[] | undefined): void {
    this.#here.add(id);
    const kept = decodeKeptSubscriber(parts ?? []);
    if (kept.rows.length + kept.filters.length === 0) return;
    const reserved = this.#reserved.get(id);
    if (reserved?.fresh === true) return; // it wants nothing of it
    const slot = this.#keep(id, kept);
    if (slot < 0) return;
    const { registry, sweeps } = this.#context;
    const isWelcomed = registry.subscribers.rows.session[slot] !== NONE;
    if (!isWelcomed) this.#expire(slot, kept.awayMs);
    // One that was welcomed already gets them now, or asks for them by itself.
    else if (reserved === undefined) sweeps.input(slot, 'reconnect', Notice.resumed);
  }

  /** The connection that waited is let in. */
  release(id: string): void {
    const { subscribers, registry, link } = this.#context;
    const arrival = this.#arrivals.get(id);
    this.#arrivals.delete(id);
    if (arrival === undefined) {
      const slot = registry.subscriberOf(id);
      if (slot >= 0 && (registry.hasRowsOf(slot) || registry.filters.count(slot) > 0)) return;
      // It left again, and nothing is kept of it.
      if (slot >= 0) subscribers.freeIfIdle(slot);
      if (this.#here.delete(id)) link.tell(toLink.forget, { kind: SUBSCRIBER, id });
      return;
    }
    const { join } = arrival;
    this.#bySession.delete(join.session);
    this.#enter(join);
    for (const request of arrival.requests) subscribers.request(request);
    if (registry.subscriberOf(id) < 0 && this.#here.delete(id))
      link.tell(toLink.forget, { kind: SUBSCRIBER, id });
  }

  #enter(join: Join): void {
    const { subscribers, registry } = this.#context;
    subscribers.enter(join); // an older connection of the id ends with that
    if (registry.subscriberOf(join.actor.id) >= 0) this.#reserve(join); // else there was no room
  }

  /** What comes late of the subscriber is for this connection, whatever the one before it wanted. */
  #reserve(join: Join): void {
    if (join.hold || join.fresh === true) this.#reserved.set(join.actor.id, join);
    else this.#reserved.delete(join.actor.id);
  }

  /** Another node is its place now: the connection goes, and what is kept is handed over. */
  surrender(id: string, reason: SurrenderReason): void {
    const { registry, links, subscribers, link } = this.#context;
    const close = reason === SurrenderReason.conflict ? closes.drain : closes.replaced;
    const arrival = this.#arrivals.get(id);
    if (arrival !== undefined) {
      const { session } = arrival.join;
      links[edgeOf(session)]!.close(session, close);
      this.#bySession.delete(session);
      this.#arrivals.delete(id);
    }
    this.#reserved.delete(id);
    const slot = this.#here.delete(id) ? registry.subscriberOf(id) : -1;
    const kept = slot < 0 ? undefined : this.#keptOf(slot);
    if (slot >= 0) subscribers.surrender(slot, close);
    const isAny = kept !== undefined && kept.rows.length + kept.filters.length > 0;
    for (const part of isAny ? encodeKeptSubscriber(kept) : [])
      link.tell(toLink.surrenderPart, { kind: SUBSCRIBER, id, part });
    link.tell(toLink.surrendered, { kind: SUBSCRIBER, id, seq: 0 });
  }

  /** What the subscriber has here already stands. @returns its slot, -1 without room */
  #keep(id: string, { rows, filters }: KeptSubscriber): number {
    const { registry, devices } = this.#context;
    const slot = registry.ensureSubscriberOf(id);
    if (slot < 0) return -1;
    for (const { device, paused, types } of rows) {
      const deviceSlot = registry.ensureDeviceOf(device);
      if (deviceSlot < 0) continue;
      const found = registry.findRow(deviceSlot, slot);
      const state = paused ? RowState.paused : RowState.disconnected;
      const wanted = types === 0 ? ALL_TYPES : types >> 1;
      if (found < 0) registry.createRow(deviceSlot, slot, state, { types: wanted });
      else if (registry.rowState(found) === RowState.allow) registry.setRowState(found, state);
      devices.unwatched(deviceSlot);
    }
    for (const { filter, paused, types } of filters) {
      const prefix = filter.slice(0, -1);
      const state = paused ? RowState.paused : RowState.disconnected;
      if (registry.filters.find(slot, prefix) < 0)
        registry.filters.create(slot, prefix, state, types === 0 ? ALL_TYPES : types >> 1);
    }
    this.#context.filters.rescanOf(slot);
    return slot;
  }

  /** What is kept expires as if it had been here all the time, and with what was: that is newer. */
  #expire(slot: number, awayMs: number): void {
    const { registry, clock, subscriberWheel, settings } = this.#context;
    const { lastSeen } = registry.subscribers.rows;
    const lostAtMs = Math.max(Math.floor(clock.now() - awayMs), Number(Atomics.load(lastSeen, slot)));
    Atomics.store(lastSeen, slot, BigInt(lostAtMs));
    subscriberWheel.set(slot, lostAtMs + settings.subscriberRemoveAfterMs);
  }

  #keptOf(slot: number): KeptSubscriber {
    const { registry, clock } = this.#context;
    const rows: KeptSubscriber['rows'][number][] = [];
    const { ownTypes, device } = registry.subscriptions.rows;
    registry.forEachOfSubscriber(slot, (row) => {
      const state = registry.rowState(row);
      if (!isSubscribed(state) || registry.isFiltered(row)) return;
      const own = ownTypes[row]!;
      rows.push({
        device: registry.deviceId(device[row]!),
        paused: state === RowState.paused,
        types: own === ALL_TYPES || own === 0 ? 0 : own << 1,
      });
    });
    const list = registry.filters.ofSubscriber(slot).map((filter) => {
      const types = registry.filters.slab.rows.types[filter]!;
      return {
        filter: `${registry.filters.prefix(filter)}*`,
        paused: registry.filters.state(filter) === RowState.paused,
        types: types === ALL_TYPES ? 0 : types << 1,
      };
    });
    const { session, lastSeen } = registry.subscribers.rows;
    const awayMs = session[slot] === NONE ? clock.now() - Number(Atomics.load(lastSeen, slot)) : 0;
    return { rows, filters: list, awayMs: Math.max(0, awayMs) };
  }
}
