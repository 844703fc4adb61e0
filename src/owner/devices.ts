/**
 * The device side of the owner: who is connected, each device's state, and whose events are accepted; `broadcasts.ts`
 * distributes them. Owner thread only.
 */
import { type CloseEntry, closes } from '../codes.ts';
import { Counter } from '../memory/counters.ts';
import { highWater } from '../memory/layout.ts';
import type { RecordViews } from '../memory/ring.ts';
import { NONE, Numbering } from '../presence/columns.ts';
import {
  type DeviceInput,
  DeviceState,
  nextDeviceState,
  StateReason,
  type StateReasonName,
} from '../presence/lifecycle.ts';
import type { Estate } from '../records/estate.ts';
import { EventField, EventFlag, eventBytes, eventOf } from '../records/event.ts';
import type { Join, Will } from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';
import { Broadcasts } from './broadcasts.ts';
import type { DeviceHomes } from './device-homes.ts';
import { DeviceTerms } from './device-terms.ts';
import type { DevicesDeps } from './devices-deps.ts';
import type { EdgeLink } from './edge-link.ts';
import { Handovers } from './handovers.ts';
import { HubEvents } from './hub-events.ts';
import { SessionSlots } from './session-slots.ts';

export class Devices {
  readonly #deps: DevicesDeps;
  /** Also for events that were sent before their edge knew the slot. */
  readonly #sessions: SessionSlots;
  readonly #handovers: Handovers;
  readonly #events: HubEvents;
  readonly #broadcasts: Broadcasts;
  readonly #terms: DeviceTerms;
  /** undefined: there is no cluster. */
  homes: DeviceHomes | undefined;

  constructor(deps: DevicesDeps) {
    this.#deps = deps;
    this.#sessions = new SessionSlots(deps.registry.devices.capacity);
    this.#handovers = new Handovers(deps.held);
    this.#events = new HubEvents(deps.clock);
    this.#broadcasts = new Broadcasts(deps);
    this.#terms = new DeviceTerms(deps);
  }

  /** The first listener came, or the last one left. */
  interestChanged(slot: number): void {
    const session = this.#deps.registry.devices.rows.session[slot]!;
    if (session !== NONE) this.#link(session).interest(session);
  }

  /** Takes over the rows and wills that another owner left, and finishes what it had begun. */
  adopt(wills: Estate['wills']): void {
    const { registry, wheel, clock, times } = this.#deps;
    const { rows } = registry.devices;
    this.#terms.inherit(wills);
    for (let slot = 0; slot < highWater(registry.devices); slot++) {
      const state = rows.deviceState[slot];
      if (state === DeviceState.free) continue;
      const session = rows.session[slot]!;
      if (session !== NONE) {
        this.#sessions.adopt(session, slot);
        wheel.set(slot, Number(Atomics.load(rows.lastSeen, slot)) + times.deviceStaleAfterMs);
      } else if (state === DeviceState.offline) this.unwatched(slot);
      else wheel.set(slot, clock.now() + this.#terms.graceMs(slot));
    }
  }

  /** An edge reports a connection whose row may have been taken over: it rejoins later. */
  named({ session, ticket }: Join): void {
    this.#sessions.named(session, ticket);
  }

  /** An edge reports, after this owner took over, that it holds the device. */
  rejoin(join: Join): void {
    const { registry } = this.#deps;
    const { session, actor, again, ticket } = join;
    const slot = this.#sessions.get(session);
    const unconfirmed = this.#sessions.confirm(session, ticket);
    if (slot !== undefined) {
      this.#terms.confirmed(slot, join.silenceMsMin);
      if (again || !unconfirmed) return;
      // It was let in, or half so, and nobody told it.
      registry.setGateway(slot, join.gateway);
      this.#letIn(session, slot);
    } else if (again) {
      // The owner before this one had replaced or terminated it, and the edge never heard.
      const known = registry.deviceOf(actor.id);
      const replaced = known >= 0 && registry.devices.rows.session[known] !== NONE;
      this.#link(session).close(session, replaced ? closes.replaced : closes.terminated);
    } else this.join(join, true);
  }

  /** Sessions that rows name and that the edge has not named. */
  unconfirmedOf(edge: number): number[] {
    return this.#sessions.unconfirmedOf(edge);
  }

  /** All sessions of the edge, including those that wait. */
  sessionsOf(edge: number): number[] {
    return [...this.#handovers.ofEdge(edge), ...this.#sessions.ofEdge(edge)];
  }

  /**
   * A device connected. An older connection with the same id is replaced, without a broadcast. The device waits until
   * an older connection on another edge has been released. @param waits also for one on its own edge, whose events are
   * still to be processed
   */
  join(join: Join, waits = false): void {
    const { session, actor, connectedAt, interest, gateway, silenceMsMin, ticket } = join;
    const { registry, clock } = this.#deps;
    const link = this.#link(session);
    // Named twice: an edge that starts anew during a takeover answers what the one before it was asked.
    if (this.#sessions.get(session) !== undefined || this.#handovers.isWaiting(session)) return;
    const slot = registry.ensureDeviceOf(actor.id);
    if (slot < 0 || this.#sessions.hasNewer(slot, ticket)) {
      this.#terms.gaveUp(session);
      link.close(session, slot < 0 ? closes.overCapacity : closes.replaced);
      return;
    }
    const { rows } = registry.devices;
    const older = rows.session[slot]!;
    const isElsewhere = edgeOf(older) !== edgeOf(session);
    if (older !== NONE && (waits || isElsewhere || this.#handovers.isAwaited(older))) {
      if (this.#handovers.wait(older, join)) this.#link(older).release(older);
      return;
    }
    if (older !== NONE) {
      this.#sessions.delete(older);
      this.#link(older).close(older, closes.replaced);
    }
    this.#sessions.set(session, slot, ticket);
    this.#terms.joined(session, slot, silenceMsMin);
    rows.connectedAt[slot] = connectedAt;
    rows.wantsInterest[slot] = interest ? 1 : 0;
    registry.setGateway(slot, gateway);
    Atomics.store(rows.session, slot, session);
    Atomics.store(rows.lastSeen, slot, BigInt(Math.floor(clock.now())));
    this.#letIn(session, slot);
  }

  #letIn(session: number, slot: number): void {
    this.#link(session).joined(session, slot);
    if (this.homes === undefined || this.homes.connected(slot)) this.settle(slot);
  }

  /** The connected device's events are numbered here from now on. */
  settle(slot: number): void {
    this.#appear(slot);
    this.#input(slot, 'connect', 'connected');
    this.#armStale(slot);
  }

  /** The device has a will. If there is no room for it, the connection ends, because the device would rely on it. */
  will(will: Will): void {
    const slot = this.#sessions.get(will.session);
    if (slot === undefined && !this.#handovers.isWaiting(will.session)) return;
    if (!this.#terms.setWill(slot, will)) this.#link(will.session).close(will.session, closes.overCapacity);
  }

  /** @param clean whether the peer closed with 1000 or 1001, or without a code @param confirm see `SessionEnd` */
  leave(session: number, clean: boolean, confirm = false): void {
    if (this.#handovers.leave(session, { clean, confirm })) return;
    this.#left(session, clean);
    if (confirm) this.#link(session).left(session);
    for (const { join, events, left } of this.#handovers.take(session)) {
      this.join(join);
      this.#deps.held.passOn(events, (event) => this.event(event, 0));
      if (left !== undefined) this.leave(join.session, left.clean, left.confirm);
    }
  }

  #left(session: number, clean: boolean): void {
    const slot = this.#sessions.get(session);
    if (slot === undefined) return; // replaced, refused or terminated
    const { registry } = this.#deps;
    this.#sessions.delete(session);
    this.#terms.left(slot, clean);
    Atomics.store(registry.devices.rows.session, slot, NONE);
    registry.setGateway(slot, '');
    if (this.homes === undefined || this.homes.disconnected(slot, clean)) this.disconnected(slot, clean);
  }

  /** Handles the end of the device's connection. */
  disconnected(slot: number, clean: boolean): void {
    const { registry, wheel, clock } = this.#deps;
    this.#input(slot, clean ? 'leave' : 'lose', 'closed');
    if (registry.devices.rows.deviceState[slot] === DeviceState.offline) this.unwatched(slot);
    else wheel.set(slot, clock.now() + this.#terms.graceMs(slot));
  }

  /** A stale device has shown a sign of life. */
  heard(session: number): void {
    const slot = this.#sessions.get(session);
    // Stryker disable next-line ConditionalExpression: what has no slot has no home here
    if (slot === undefined || this.#deps.registry.devices.rows.home[slot] !== Numbering.here) return;
    this.#input(slot, 'activity', 'heard');
    this.#armStale(slot);
  }

  /** Numbers an event of a connected device and sends it on, or skips it if nobody listens. */
  event(views: RecordViews, offset: number): void {
    const { registry } = this.#deps;
    const session = views.u32[(offset + EventField.session) >> 2]!;
    let slot = views.u32[(offset + EventField.device) >> 2]!;
    const { rows } = registry.devices;
    // Stryker disable next-line ConditionalExpression: a short cut
    if (slot === NONE) {
      if (this.#holdsBack(session, views, offset)) return;
      slot = this.#sessions.get(session) ?? NONE;
    }
    // Stryker disable next-line ConditionalExpression: a short cut, as none has that slot
    if (slot === NONE || rows.session[slot] !== session) {
      this.#deps.counters.add(Counter.droppedReplaced); // or terminated
      return;
    }
    if (rows.home[slot] === Numbering.claimed || this.homes?.holds(slot) === true) {
      this.homes?.hold(slot, views, offset);
      return;
    }
    this.take(slot, views, offset);
  }

  /** Numbers an event of the device and sends it on, or skips it. */
  take(slot: number, views: RecordViews, offset: number): void {
    const { registry, counters } = this.#deps;
    const bytes = eventBytes(views, offset);
    const isHeard = this.#broadcasts.send(slot, views, offset, bytes);
    const ackBytes = views.u8[offset + EventField.ackBytes]!;
    if (!isHeard) counters.add(Counter.skipped); // not the hub's own: those were never received
    if (!isHeard && ackBytes === 0) counters.add(Counter.unheard);
    if (ackBytes === 0) return;
    const session = views.u32[(offset + EventField.session) >> 2]!;
    const id = views.u8.subarray(offset + bytes, offset + bytes + ackBytes);
    this.#link(session).ack(session, registry.devices.rows.seq[slot]!, !isHeard, id);
  }

  /** Whether the event is of a session that waits until another edge has released its device. */
  #holdsBack(session: number, views: RecordViews, offset: number): boolean {
    if (!this.#handovers.isWaiting(session)) return false;
    if (!this.#handovers.hold(session, views, offset)) this.#deps.counters.add(Counter.droppedIngestFull);
    return true;
  }

  /**
   * Publishes as the device, for an operator. @returns whether somebody listens; the event's seq, if it took one, is
   * the device's. Undefined if it is not settled who numbers the device's events
   */
  publish(
    slot: number,
    event: { type: number; priority: number; deviceStatus: string; payload: Uint8Array; at: number },
  ): boolean | undefined {
    if (this.homes?.claim(slot) === false) return undefined;
    this.#appear(slot);
    const status = Buffer.from(event.deviceStatus);
    const received = this.#deps.clock.now();
    const views = eventOf({ ...event, flags: EventFlag.payloadIsJson, received, status });
    return this.#broadcasts.send(slot, views, 0, eventBytes(views, 0));
  }

  /** The device's timer has run out. */
  timer(slot: number): void {
    const { registry, clock, wheel, pulses } = this.#deps;
    const { rows } = registry.devices;
    if (rows.home[slot] !== Numbering.here) {
      this.homes?.timer(slot);
      return;
    }
    const now = clock.now();
    const session = rows.session[slot]!;
    if (session !== NONE) {
      const pulse = pulses[edgeOf(session)]!;
      const lastSeen = Number(Atomics.load(rows.lastSeen, slot));
      const leftMs = this.#terms.staleAfterMs(slot) - pulse.silentMs(lastSeen, now);
      if (leftMs === Number.POSITIVE_INFINITY) this.#armStale(slot);
      else if (leftMs > 0) wheel.set(slot, now + leftMs);
      else this.#silence(slot, lastSeen);
      return;
    }
    // After a stall of the hub itself, devices get time to come back, because none could meanwhile. No more than the
    // grace: an offline device must be removed in the end, however often a thread stalls.
    const isOffline = rows.deviceState[slot] === DeviceState.offline;
    const graceMs = this.#terms.graceMs(slot);
    const backMs = isOffline ? Math.min(graceMs, this.#removeAfterMs(slot)) : graceMs;
    const pausedUntil = Math.max(...pulses.map((pulse) => pulse.lastPauseEndMs(now)));
    if (now < pausedUntil + backMs) wheel.set(slot, pausedUntil + backMs);
    else if (!isOffline) {
      const will = this.#terms.takeWill(slot, clock.wallNow(), now);
      if (will !== undefined) this.#broadcasts.send(slot, will, 0, eventBytes(will, 0));
      this.#input(slot, 'graceOver', 'lost');
      this.unwatched(slot);
    } else if (!registry.isHeld(slot)) {
      this.#deps.gone(slot);
      wheel.cancel(slot);
      registry.freeDevice(slot);
    }
  }

  /** Schedules the removal of a device that is offline and that no subscription and no operator keeps. */
  unwatched(slot: number): void {
    const { registry, wheel, clock } = this.#deps;
    const { rows } = registry.devices;
    if (rows.home[slot] !== Numbering.here) {
      this.homes?.unwatched(slot);
      return;
    }
    if (rows.deviceState[slot] !== DeviceState.offline) return;
    if (registry.isHeld(slot)) wheel.cancel(slot);
    else wheel.set(slot, clock.now() + this.#removeAfterMs(slot));
  }

  /** An id that no device has used is removed as soon as nobody follows it. */
  #removeAfterMs(slot: number): number {
    const { registry, times } = this.#deps;
    return registry.devices.rows.known[slot] === 0 ? 0 : times.deviceRemoveAfterMs;
  }

  /** From now on filters match the device. */
  #appear(slot: number): void {
    const { registry, appeared } = this.#deps;
    if (registry.devices.rows.known[slot] === 1) return;
    appeared(slot);
    registry.setKnown(slot); // last: until here another owner would do it all again
  }

  /** Closes the device's connection and frees its row; its subscriptions must be gone. */
  terminate(slot: number): void {
    const { registry, wheel } = this.#deps;
    const session = registry.devices.rows.session[slot]!;
    if (session !== NONE) {
      this.#sessions.delete(session);
      this.#link(session).close(session, closes.terminated);
      for (const { join, events, left } of this.#handovers.take(session)) {
        this.#deps.held.drop(events);
        this.#terms.gaveUp(join.session);
        this.#link(join.session).close(join.session, closes.terminated);
        if (left?.confirm) this.#link(join.session).left(join.session);
      }
    }
    wheel.cancel(slot);
    this.homes?.terminated(slot);
    this.#terms.left(slot, true);
    registry.freeDevice(slot);
  }

  /** Closes the connection without a broadcast: the device now belongs to another node. */
  surrender(slot: number, close: CloseEntry): void {
    const { registry, wheel } = this.#deps;
    const session = registry.devices.rows.session[slot]!;
    wheel.cancel(slot);
    this.#terms.left(slot, true);
    registry.setGateway(slot, '');
    if (session === NONE) return;
    this.#sessions.delete(session);
    this.#link(session).close(session, close);
    Atomics.store(registry.devices.rows.session, slot, NONE);
  }

  #armStale(slot: number): void {
    const { wheel, clock, times } = this.#deps;
    wheel.set(slot, clock.now() + times.deviceStaleAfterMs);
  }

  /** The edge stores last_seen, then reads stale; this stores stale, then reads last_seen: one notices the other. */
  #silence(slot: number, lastSeen: number): void {
    const { registry } = this.#deps;
    const { rows } = registry.devices;
    this.#input(slot, 'silence', 'silent');
    if (Number(Atomics.load(rows.lastSeen, slot)) === lastSeen) return;
    this.#input(slot, 'activity', 'heard');
    this.#armStale(slot);
  }

  /** Applies the rules and broadcasts the change, if there is one. */
  #input(slot: number, input: DeviceInput, reason: StateReasonName): void {
    const { registry } = this.#deps;
    const before = registry.devices.rows.deviceState[slot]! as DeviceState;
    const after = nextDeviceState(before, input);
    if (after === before) return;
    registry.setDeviceState(slot, after, StateReason[reason]);
    const bytes = this.#events.state(after as Exclude<DeviceState, 0>, reason);
    this.#broadcasts.send(slot, this.#events.views, 0, bytes);
  }

  /** The link to the edge that holds the session. */
  #link(session: number): EdgeLink {
    return this.#deps.links[edgeOf(session)]!;
  }
}
