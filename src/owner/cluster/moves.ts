/**
 * Subscribers, in a cluster: each has one home. A connection waits, at most a second, until another node has handed
 * over what it keeps for the subscriber; then the subscriber has its subscriptions, filters and pauses back. These are
 * handed over in slices, and none is removed before all have been sent, so an owner that takes over midway still has
 * them. Owner thread only.
 */
import { SurrenderReason } from '../../cluster/host.ts';
import { HomeKind } from '../../cluster/records.ts';
import { closes } from '../../codes.ts';
import { highWater } from '../../memory/layout.ts';
import { NONE } from '../../presence/columns.ts';
import { toLink } from '../../records/cluster.ts';
import { Notice } from '../../records/replies.ts';
import type { Join, Request } from '../../records/requests.ts';
import { edgeOf } from '../../records/sessions.ts';
import type { SubscriberHomes } from '../subscriber-homes.ts';
import { isSubscribed } from '../subscriptions.ts';
import type { ClusterContext } from './context.ts';
import { KeptRows } from './kept-rows.ts';
import { SlicedWork, type Slices } from './sliced-work.ts';

/** A connection whose claim is not settled. */
interface Arrival {
  /** Hub clock, ms. */
  readonly sinceMs: number;
  readonly join: Join;
  /** Asked meanwhile. */
  readonly requests: Request[];
}

/** The link has asked for a subscriber, and has not been told yet that the hand-over is complete. */
interface Departure {
  readonly wasHere: boolean;
  /** Else it was away already. */
  readonly wasConnected: boolean;
}

const SUBSCRIBER = HomeKind.subscriber;
/** Requests that a subscriber may send before its welcome; the edge never forwards more for one subscriber. */
const REQUESTS_MAX = 64;

export class SubscriberMoves implements SubscriberHomes {
  readonly #context: ClusterContext;
  readonly #arrivals = new Map<string, Arrival>();
  /** Ids of sessions that wait. */
  readonly #bySession = new Map<number, string>();
  /** Ids with their home here. */
  readonly #here = new Set<string>();
  /** By id: the joins of connections that do not resume what was kept by themselves (`hold`, `fresh`). */
  readonly #reserved = new Map<string, Join>();
  readonly #departures = new Map<string, Departure>();
  readonly #work = new SlicedWork();
  readonly #rows: KeptRows;
  #kicks = 0;
  /** By id with work under way: the number of the last kick. */
  readonly #kicked = new Map<string, number>();

  constructor(context: ClusterContext) {
    this.#context = context;
    this.#rows = new KeptRows(context);
    this.#takeOver();
  }

  /** Whether a step has something to do. */
  get hasReady(): boolean {
    return this.#work.hasReady;
  }

  /** Goes on with what comes or goes in slices. */
  step(): void {
    this.#work.step();
    if (!this.#work.hasReady) this.#kicked.clear();
  }

  /** What the previous owner had here is still here. */
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
    if (generated === true) {
      this.#here.add(id);
      link.tell(toLink.owned, { kind: SUBSCRIBER, id });
      this.#enter(join);
      this.#forgetIfGone(id);
      return false;
    }
    const older = this.#arrivals.get(id);
    if (older?.join.session === session) return false; // named twice, as in `Devices.join`
    if (older !== undefined && join.ticket < older.join.ticket) {
      links[edgeOf(session)]!.close(session, closes.replaced); // rings are not read in the order of connections
      return false;
    }
    if (older !== undefined) {
      links[edgeOf(older.join.session)]!.close(older.join.session, closes.replaced);
      this.#bySession.delete(older.join.session);
      this.#arrivals.delete(id);
    } else if (!this.#departures.has(id)) {
      link.tell(toLink.connected, { kind: SUBSCRIBER, id }); // else when it is told that all is handed over
    }
    const isHere = this.#here.has(id);
    if (isHere && !this.#work.isBusy(id)) {
      this.#reserve(join);
      return true;
    }
    this.#arrivals.set(id, { sinceMs: this.#context.clock.now(), join, requests: [] });
    this.#bySession.set(session, id);
    if (isHere) this.#work.after(id, () => this.#enterHere(id, session));
    return false;
  }

  /** Everything that was kept elsewhere is here: admits the connection, since nothing else will. */
  #enterHere(id: string, session: number): void {
    if (this.#here.has(id) && this.#arrivals.get(id)?.join.session === session) this.#release(id);
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
    // Else an older connection, whose place it was to take, goes on.
    if (!this.#isConnected(id)) this.#context.link.tell(toLink.disconnected, { kind: SUBSCRIBER, id });
    return true;
  }

  waitingOf(edge: number): number[] {
    return [...this.#bySession.keys()].filter((session) => edgeOf(session) === edge);
  }

  disconnected(slot: number): void {
    const id = this.#context.registry.subscriberId(slot);
    this.#reserved.delete(id);
    if (this.#here.has(id) && !this.#arrivals.has(id))
      this.#context.link.tell(toLink.disconnected, { kind: SUBSCRIBER, id });
  }

  freed(slot: number): void {
    const id = this.#context.registry.subscriberId(slot);
    if (!this.#work.isBusy(id)) this.#forget(id); // else it may have come back: its row is made anew
  }

  /** @returns whether its place was here */
  #forget(id: string): boolean {
    const wasHere = this.#here.delete(id);
    if (wasHere) this.#context.link.tell(toLink.forget, { kind: SUBSCRIBER, id });
    return wasHere;
  }

  /** Forgets the subscriber if the slices have left nothing of it. */
  #forgetIfGone(id: string): void {
    if (this.#context.registry.subscriberOf(id) < 0 && !this.#arrivals.has(id)) this.#forget(id);
  }

  #isConnected(id: string): boolean {
    const { registry } = this.#context;
    const slot = registry.subscriberOf(id);
    return slot >= 0 && registry.subscribers.rows.session[slot] !== NONE;
  }

  /** The subscriber was kicked; what operators set for it may still keep its row. */
  kicked(id: string, number: number): void {
    const { link } = this.#context;
    this.#kicks += 1;
    if (this.#work.isBusy(id)) this.#kicked.set(id, this.#kicks);
    link.tell(toLink.kicked, { id, number });
    // A connection that waits for what is removed has nobody to let it in.
    if (this.#forget(id)) this.#turnAway(id, closes.kicked);
  }

  /** Closes the connection of the id that waits, if any. */
  #turnAway(id: string, close: (typeof closes)[keyof typeof closes]): void {
    const session = this.#arrivals.get(id)?.join.session;
    if (session === undefined) return;
    this.#context.links[edgeOf(session)]!.close(session, close);
    this.#bySession.delete(session);
    this.#arrivals.delete(id);
  }

  /** When the connection that has waited longest for admission came, hub clock, ms; infinity: none waits. */
  get waitingSinceMs(): number {
    for (const { sinceMs } of this.#arrivals.values()) return sinceMs;
    return Number.POSITIVE_INFINITY;
  }

  /** Connections that have waited for admission since this time or longer. */
  waitingFrom(atMs: number): string[] {
    const ids: string[] = [];
    for (const [id, { sinceMs }] of this.#arrivals) {
      if (sinceMs > atMs) break;
      ids.push(id);
    }
    return ids;
  }

  /** Hand-overs that were under way are cancelled: what is kept stays here. */
  linkGone(): void {
    for (const [id, { wasHere }] of this.#departures) if (wasHere) this.#here.add(id);
    this.#departures.clear();
  }

  /** The link has restarted: tells it of every subscriber here. */
  tellAll(): void {
    const { link } = this.#context;
    for (const id of this.#arrivals.keys()) link.tell(toLink.connected, { kind: SUBSCRIBER, id });
    for (const id of this.#here) {
      if (this.#isConnected(id)) link.tell(toLink.connected, { kind: SUBSCRIBER, id });
      else link.tell(toLink.hold, { kind: SUBSCRIBER, id });
    }
  }

  /** The hub drains: leaves what it keeps to other nodes. */
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
    if (parts === undefined || parts.length === 0) return;
    this.#work.begin(id, this.#adopt(id, parts, this.#kicks));
  }

  /** @param kicks a later one ends it */
  *#adopt(id: string, parts: readonly Uint8Array[], kicks: number): Slices {
    const { registry, subscribers, sweeps, filters } = this.#context;
    if (this.#reserved.get(id)?.fresh === true) return; // it wants nothing of it
    let awayMs = Number.POSITIVE_INFINITY; // of the part that was left last: what is older expires with it
    for (const part of parts) {
      if ((this.#kicked.get(id) ?? 0) > kicks) return;
      const added = this.#rows.add(id, part);
      awayMs = Math.min(awayMs, added?.awayMs ?? awayMs);
      yield added?.rows ?? 0;
    }
    const slot = registry.subscriberOf(id);
    if (slot < 0) this.#forgetIfGone(id);
    if (slot < 0 || awayMs === Number.POSITIVE_INFINITY) return;
    filters.rescanOf(slot);
    const isWelcomed = registry.subscribers.rows.session[slot] !== NONE;
    if (!isWelcomed) this.#expire(slot, awayMs);
    // One that was welcomed already gets them now, or asks for them by itself.
    else if (!this.#reserved.has(id)) sweeps.input(slot, 'reconnect', Notice.resumed);
    else subscribers.holdMore(slot, awayMs);
  }

  /** Admits the connection that waited. */
  release(id: string): void {
    this.#work.after(id, () => this.#release(id));
  }

  #release(id: string): void {
    const { subscribers, registry } = this.#context;
    const arrival = this.#arrivals.get(id);
    this.#arrivals.delete(id);
    if (arrival === undefined) {
      if (this.#isConnected(id)) return;
      const slot = registry.subscriberOf(id);
      if (slot >= 0 && (registry.hasRowsOf(slot) || registry.filters.count(slot) > 0)) return;
      // It left again, and nothing is kept of it.
      if (slot >= 0) subscribers.freeIfIdle(slot);
      this.#forget(id);
      return;
    }
    const { join } = arrival;
    this.#bySession.delete(join.session);
    this.#enter(join);
    for (const request of arrival.requests) subscribers.request(request);
    this.#forgetIfGone(id);
  }

  #enter(join: Join): void {
    const { subscribers, registry } = this.#context;
    subscribers.enter(join); // an older connection of the id ends with that
    if (registry.subscriberOf(join.actor.id) >= 0) this.#reserve(join); // else there was no room
  }

  /** Late parts of the hand-over are for this connection, whatever the previous one asked for. */
  #reserve(join: Join): void {
    if (join.hold || join.fresh === true) this.#reserved.set(join.actor.id, join);
    else this.#reserved.delete(join.actor.id);
  }

  /** Another node is its home now: closes the connection, and hands over what is kept. */
  surrender(id: string, reason: SurrenderReason): void {
    const { registry, subscribers } = this.#context;
    const close = reason === SurrenderReason.conflict ? closes.drain : closes.replaced;
    this.#turnAway(id, close);
    this.#reserved.delete(id);
    const departure = { wasHere: this.#here.delete(id), wasConnected: this.#isConnected(id) };
    this.#departures.set(id, departure);
    const slot = departure.wasHere ? registry.subscriberOf(id) : -1;
    if (slot >= 0) subscribers.dismiss(slot, close);
    this.#work.begin(id, this.#depart(id, departure));
  }

  *#depart(id: string, departure: Departure): Slices {
    const { link } = this.#context;
    const goesOn = (): boolean => this.#departures.get(id) === departure; // else the link has started anew
    if (departure.wasHere) yield* this.#rows.tell(id, departure.wasConnected, goesOn);
    if (!goesOn()) {
      if (departure.wasHere) this.#stay(id);
      return;
    }
    this.#departures.delete(id);
    link.tell(toLink.surrendered, { kind: SUBSCRIBER, id, seq: 0 });
    if (this.#arrivals.has(id)) link.tell(toLink.connected, { kind: SUBSCRIBER, id });
    if (departure.wasHere) yield* this.#rows.remove(id);
  }

  /** It was dismissed, but is not handed over: what is kept for it stays here, as after any lost connection. */
  #stay(id: string): void {
    const { registry, sweeps } = this.#context;
    const slot = registry.subscriberOf(id);
    if (slot >= 0 && registry.hasRowsOf(slot)) sweeps.input(slot, 'disconnect', undefined);
    this.#forgetIfGone(id);
  }

  /** What is kept expires as if it had always been here, together with what was here already, because that is newer. */
  #expire(slot: number, awayMs: number): void {
    const { registry, clock, subscriberWheel, settings } = this.#context;
    const { lastSeen } = registry.subscribers.rows;
    const lostAtMs = Math.max(Math.floor(clock.now() - awayMs), Number(Atomics.load(lastSeen, slot)));
    Atomics.store(lastSeen, slot, BigInt(lostAtMs));
    subscriberWheel.set(slot, lostAtMs + settings.subscriberRemoveAfterMs);
  }
}
