/**
 * The device side of the owner: who is connected, each device's state, the numbering of its events and where they
 * go. Owner thread only.
 */

import type { Clock } from '../clock.ts';
import { closes } from '../codes.ts';
import type { HistoryLog } from '../history/log.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { Pulse } from '../memory/heartbeat.ts';
import { highWater } from '../memory/layout.ts';
import type { RecordViews } from '../memory/ring.ts';
import type { Wheel } from '../memory/wheel.ts';
import { NONE } from '../presence/columns.ts';
import {
  type DeviceInput,
  DeviceState,
  deviceStateNames,
  nextDeviceState,
  StateReason,
  type StateReasonName,
} from '../presence/lifecycle.ts';
import { EventField, EventFlag, eventBytes, privateViews, writeEventHead } from '../records/event.ts';
import type { Join } from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';
import { EventType, Priority } from '../wire/events.ts';
import type { EdgeLink } from './edge-link.ts';
import type { Registry } from './registry.ts';
import { SessionSlots } from './session-slots.ts';

export interface DeviceTimes {
  readonly deviceStaleAfterMs: number;
  readonly deviceLeaveGraceMs: number;
  readonly deviceRemoveAfterMs: number;
}

export interface DevicesDeps {
  readonly registry: Registry;
  /** By edge. */
  readonly links: readonly EdgeLink[];
  readonly history: HistoryLog;
  /** A timer per device slot: stale while connected, grace after a loss, removal once nobody follows it. */
  readonly wheel: Wheel;
  /** By edge. */
  readonly pulses: readonly Pulse[];
  readonly clock: Clock;
  readonly counters: Counters;
  readonly times: DeviceTimes;
  /** The device is there for the first time: filters may follow it. */
  readonly appeared: (slot: number) => void;
  /** Nothing but filters follows the device, and it leaves the table. */
  readonly gone: (slot: number) => void;
}

/** Room to build the hub's own events in: header and a short JSON text. */
const HUB_EVENT_BYTES = EventField.body + 512;

export class Devices {
  readonly #deps: DevicesDeps;
  /** Also for events that were sent before their edge knew the slot. */
  readonly #sessions = new SessionSlots();
  readonly #hubEvent = privateViews(HUB_EVENT_BYTES);

  constructor(deps: DevicesDeps) {
    this.#deps = deps;
  }

  /** The first listener came, or the last one went. */
  interestChanged(slot: number): void {
    const session = this.#deps.registry.devices.rows.session[slot]!;
    if (session !== NONE) this.#link(session).interest(session);
  }

  /** Takes over the rows that another owner left, and finishes what it had begun. */
  adopt(): void {
    const { registry, wheel, clock, times } = this.#deps;
    const { rows } = registry.devices;
    for (let slot = 0; slot < highWater(registry.devices); slot++) {
      const state = rows.deviceState[slot];
      if (state === DeviceState.free) continue;
      const session = rows.session[slot]!;
      if (session !== NONE) {
        this.#sessions.adopt(session, slot);
        wheel.set(slot, Number(Atomics.load(rows.lastSeen, slot)) + times.deviceStaleAfterMs);
      } else if (state === DeviceState.offline) this.unwatched(slot);
      else wheel.set(slot, clock.now() + times.deviceLeaveGraceMs);
    }
  }

  /** An edge says, after this owner took over, that it holds the device. */
  rejoin(join: Join): void {
    const { registry } = this.#deps;
    const { session, actor, again } = join;
    const slot = this.#sessions.get(session);
    const unconfirmed = this.#sessions.confirm(session);
    if (again) {
      if (slot !== undefined) return;
      // The owner before this one had replaced or terminated it, and the edge never heard.
      const known = registry.deviceOf(actor.id);
      const replaced = known >= 0 && registry.devices.rows.session[known] !== NONE;
      this.#link(session).close(session, replaced ? closes.replaced : closes.terminated);
    } else if (slot === undefined) {
      this.join(join);
    } else if (unconfirmed) {
      // It was let in, or half so, and nobody told it.
      this.#link(session).joined(session, slot);
      this.#input(slot, 'connect', 'connected');
      this.#armStale(slot);
    }
  }

  /** The edge has named all it holds: whoever else was connected to it is not any more. */
  dropUnconfirmed(edge: number): void {
    for (const session of this.#sessions.unconfirmedOf(edge)) this.leave(session, false);
  }

  /** The edge is gone, and every connection with it. */
  leaveAll(edge: number): void {
    for (const session of this.#sessions.ofEdge(edge)) this.leave(session, false);
  }

  /** A device connected; an older connection of the same id is replaced and nothing is broadcast for that. */
  join({ session, actor, connectedAt, interest }: Join): void {
    const { registry, clock } = this.#deps;
    const link = this.#link(session);
    const slot = registry.ensureDeviceOf(actor.id);
    if (slot < 0) {
      link.close(session, closes.overCapacity);
      return;
    }
    const { rows } = registry.devices;
    const older = rows.session[slot]!;
    if (older !== NONE) {
      this.#sessions.delete(older);
      this.#link(older).close(older, closes.replaced);
    }
    this.#sessions.set(session, slot);
    rows.connectedAt[slot] = connectedAt;
    rows.wantsInterest[slot] = interest ? 1 : 0;
    Atomics.store(rows.session, slot, session);
    Atomics.store(rows.lastSeen, slot, BigInt(Math.floor(clock.now())));
    link.joined(session, slot);
    this.#appear(slot);
    this.#input(slot, 'connect', 'connected');
    this.#armStale(slot);
  }

  /** @param clean whether the peer closed with 1000 or 1001, or without a code */
  leave(session: number, clean: boolean): void {
    const slot = this.#sessions.get(session);
    if (slot === undefined) return; // replaced, refused or terminated
    const { registry, wheel, clock, times } = this.#deps;
    this.#sessions.delete(session);
    Atomics.store(registry.devices.rows.session, slot, NONE);
    this.#input(slot, clean ? 'leave' : 'lose', 'closed');
    if (registry.devices.rows.deviceState[slot] === DeviceState.offline) this.unwatched(slot);
    else wheel.set(slot, clock.now() + times.deviceLeaveGraceMs);
  }

  /** A stale device was heard. */
  heard(session: number): void {
    const slot = this.#sessions.get(session);
    if (slot === undefined) return;
    this.#input(slot, 'activity', 'heard');
    this.#armStale(slot);
  }

  /** An event of a connected device: numbered and sent on, or skipped when nobody listens. */
  event(views: RecordViews, offset: number): void {
    const { registry } = this.#deps;
    const session = views.u32[(offset + EventField.session) >> 2]!;
    let slot = views.u32[(offset + EventField.device) >> 2]!;
    if (slot === NONE) slot = this.#sessions.get(session) ?? NONE;
    if (slot === NONE || registry.devices.rows.session[slot] !== session) return; // replaced or terminated
    const bytes = eventBytes(views, offset);
    const isHeard = this.#broadcast(slot, views, offset, bytes);
    if (!isHeard) this.#deps.counters.add(Counter.skipped); // not the hub's own: those were never received
    const ackBytes = views.u8[offset + EventField.ackBytes]!;
    if (ackBytes > 0) {
      const id = views.u8.subarray(offset + bytes, offset + bytes + ackBytes);
      this.#link(session).ack(session, registry.devices.rows.seq[slot]!, !isHeard, id);
    }
  }

  /**
   * Publishes as the device, on an operator's behalf.
   * @returns whether somebody listens; the event's seq, if it took one, is the device's
   */
  publish(
    slot: number,
    event: { type: number; priority: number; deviceStatus: string; payload: Uint8Array; at: number },
  ): boolean {
    this.#appear(slot);
    const status = Buffer.from(event.deviceStatus);
    const views = privateViews(EventField.body + status.length + event.payload.length);
    const flags = EventFlag.payloadIsJson;
    const bytes = this.#write(views, { ...event, flags, status, payload: event.payload });
    return this.#broadcast(slot, views, 0, bytes);
  }

  /** The device's timer has run out. */
  timer(slot: number): void {
    const { registry, clock, times, wheel, pulses } = this.#deps;
    const { rows } = registry.devices;
    const now = clock.now();
    const session = rows.session[slot]!;
    if (session !== NONE) {
      const pulse = pulses[edgeOf(session)]!;
      const lastSeen = Number(Atomics.load(rows.lastSeen, slot));
      const leftMs = times.deviceStaleAfterMs - pulse.silentMs(lastSeen, now);
      if (leftMs > 0) wheel.set(slot, now + leftMs);
      else this.#silence(slot, lastSeen);
      return;
    }
    // A wait that began before a stall of the hub's own begins anew: meanwhile no device could come back.
    const isOffline = rows.deviceState[slot] === DeviceState.offline;
    const waitMs = isOffline ? this.#removeAfterMs(slot) : times.deviceLeaveGraceMs;
    const pausedUntil = Math.max(...pulses.map((pulse) => pulse.lastPauseEndMs(now)));
    if (pausedUntil > 0 && now < pausedUntil + waitMs) wheel.set(slot, pausedUntil + waitMs);
    else if (rows.deviceState[slot] !== DeviceState.offline) {
      this.#input(slot, 'graceOver', 'lost');
      this.unwatched(slot);
    } else if (!registry.isHeld(slot)) {
      this.#deps.gone(slot);
      wheel.cancel(slot);
      registry.freeDevice(slot);
    }
  }

  /** Arms the removal of a device that is offline and that no subscription and no operator holds on to. */
  unwatched(slot: number): void {
    const { registry, wheel, clock } = this.#deps;
    const { rows } = registry.devices;
    if (rows.deviceState[slot] !== DeviceState.offline) return;
    if (registry.isHeld(slot)) wheel.cancel(slot);
    else wheel.set(slot, clock.now() + this.#removeAfterMs(slot));
  }

  /** An id that no device has used goes as soon as nobody follows it. */
  #removeAfterMs(slot: number): number {
    const { registry, times } = this.#deps;
    return registry.devices.rows.known[slot] === 0 ? 0 : times.deviceRemoveAfterMs;
  }

  /** Filters match the device from here on. */
  #appear(slot: number): void {
    const { registry, appeared } = this.#deps;
    if (registry.devices.rows.known[slot] === 1) return;
    registry.setKnown(slot);
    appeared(slot);
  }

  /** Closes the device's connection and frees its row; its subscriptions must be gone. */
  terminate(slot: number): void {
    const { registry, wheel } = this.#deps;
    const session = registry.devices.rows.session[slot]!;
    if (session !== NONE) {
      this.#sessions.delete(session);
      this.#link(session).close(session, closes.terminated);
    }
    wheel.cancel(slot);
    registry.freeDevice(slot);
  }

  #armStale(slot: number): void {
    const { wheel, clock, times } = this.#deps;
    wheel.set(slot, clock.now() + times.deviceStaleAfterMs);
  }

  /**
   * The edge stores last_seen, then looks whether the device is stale; this stores stale, then looks at last_seen: one
   * of the two notices when a frame comes in just now.
   */
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
    const { registry, clock } = this.#deps;
    const before = registry.devices.rows.deviceState[slot]! as DeviceState;
    const after = nextDeviceState(before, input);
    if (after === before) return;
    registry.setDeviceState(slot, after, StateReason[reason]);
    const flags = EventFlag.payloadIsJson | EventFlag.fromHub;
    const payload = Buffer.from(JSON.stringify({ state: deviceStateNames[after], reason }));
    const event = { type: EventType.status, priority: Priority.high, at: clock.wallNow(), flags, payload };
    const bytes = this.#write(this.#hubEvent, { ...event, status: NO_BYTES });
    this.#broadcast(slot, this.#hubEvent, 0, bytes);
  }

  /** Puts an event of the hub's own or an operator's together. @returns its length */
  #write(
    views: RecordViews,
    event: {
      readonly type: number;
      readonly priority: number;
      readonly flags: number;
      readonly at: number;
      readonly status: Uint8Array;
      readonly payload: Uint8Array;
    },
  ): number {
    const { status, payload } = event;
    const body = writeEventHead(views, 0, {
      ...event,
      received: this.#deps.clock.now(),
      device: NONE,
      session: NONE,
      statusBytes: status.length,
      payloadBytes: payload.length,
      ackBytes: 0,
    });
    views.u8.set(status, body);
    views.u8.set(payload, body + status.length);
    return body + status.length + payload.length;
  }

  /** The line to the edge that holds the session. */
  #link(session: number): EdgeLink {
    return this.#deps.links[edgeOf(session)]!;
  }

  /**
   * Remembers a status, numbers the event, keeps it, and copies it to each edge that has an active subscriber.
   * @returns whether somebody listens
   */
  #broadcast(slot: number, views: RecordViews, offset: number, bytes: number): boolean {
    const { registry, links, counters, history } = this.#deps;
    const { rows } = registry.devices;
    const statusBytes = views.u16[(offset + EventField.statusBytes) >> 1]!;
    const start = offset + EventField.body;
    if (statusBytes > 0 && !registry.setDeviceStatus(slot, views.u8, start, statusBytes))
      counters.add(Counter.refusedTexts);
    const isHeard = rows.active[slot] !== 0;
    if (!isHeard && !this.#takesNumber(slot, views.u8[offset + EventField.type]!)) return false;
    const seq = rows.seq[slot]! + 1;
    history.append(slot, seq, views, offset, bytes); // first: no number is taken that history knows nothing of
    rows.seq[slot] = seq;
    const { interest, edges } = registry;
    for (let edge = 0; isHeard && edge < edges; edge++) {
      if (interest[slot * edges + edge] === 0) continue;
      if (!links[edge]!.event(views, offset, bytes, slot, seq)) counters.add(Counter.droppedFanoutFull);
    }
    return isHeard;
  }

  /**
   * Whether an event that nobody listens to takes a number: with history, when it is kept; without, when a subscriber
   * may come back that is to see the hole.
   */
  #takesNumber(slot: number, type: number): boolean {
    const { registry, history } = this.#deps;
    if (history.isOn) return type !== EventType.pong;
    return registry.devices.rows.waiting[slot] !== 0;
  }
}

const NO_BYTES = new Uint8Array(0);
