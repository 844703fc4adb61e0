/**
 * The device side of the owner: who is connected, each device's state, the numbering of its events and where they
 * go. Owner thread only.
 */

import type { Clock } from '../clock.ts';
import { closes } from '../codes.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import { highWater } from '../memory/layout.ts';
import type { RecordViews } from '../memory/ring.ts';
import type { Wheel } from '../memory/wheel.ts';
import { NONE } from '../presence/columns.ts';
import { type DeviceInput, DeviceState, deviceStateNames, nextDeviceState } from '../presence/lifecycle.ts';
import { EventType, Priority } from '../protocol/events.ts';
import type { Pulse } from '../threads/heartbeat.ts';
import { EventField, EventFlag, eventBytes } from '../threads/records.ts';
import type { FanoutLink, IngestLink } from './links.ts';
import type { Registry } from './registry.ts';

export interface DeviceTimes {
  readonly deviceStaleAfterMs: number;
  readonly deviceLeaveGraceMs: number;
  readonly deviceRemoveAfterMs: number;
}

export interface DevicesDeps {
  readonly registry: Registry;
  readonly ingest: IngestLink;
  readonly fanout: readonly FanoutLink[];
  /** A timer per device slot: stale while connected, grace after a loss, removal once nobody follows it. */
  readonly wheel: Wheel;
  /** Of the thread that holds the devices' sockets. */
  readonly pulse: Pulse;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly times: DeviceTimes;
}

/** Room to build the hub's own events in: header and a short JSON text. */
const HUB_EVENT_BYTES = EventField.body + 512;

export class Devices {
  readonly #deps: DevicesDeps;
  /** Ingest session → device slot, for events that were sent before ingest knew the slot. */
  readonly #sessions = new Map<number, number>();
  /** Sessions of rows that were taken over and that ingest has not confirmed yet. */
  readonly #unconfirmed = new Set<number>();
  #hubEvent = viewsOver(HUB_EVENT_BYTES);

  constructor(deps: DevicesDeps) {
    this.#deps = deps;
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
        this.#sessions.set(session, slot);
        this.#unconfirmed.add(session);
        wheel.set(slot, Number(Atomics.load(rows.lastSeen, slot)) + times.deviceStaleAfterMs);
      } else if (state === DeviceState.offline) this.unwatched(slot);
      else wheel.set(slot, clock.now() + times.deviceLeaveGraceMs);
    }
  }

  /** Ingest says, after this owner took over, that it holds the device. */
  rejoin(session: number, id: Uint8Array, start: number, length: number, again: boolean): void {
    const { registry, ingest } = this.#deps;
    const slot = this.#sessions.get(session);
    const unconfirmed = this.#unconfirmed.delete(session);
    if (again) {
      if (slot !== undefined) return;
      // The owner before this one had replaced or terminated it, and ingest never heard.
      const known = registry.findDevice(id, start, length);
      const replaced = known >= 0 && registry.devices.rows.session[known] !== NONE;
      ingest.close(session, replaced ? closes.replaced : closes.terminated);
    } else if (slot === undefined) {
      this.join(session, id, start, length);
    } else if (unconfirmed) {
      // It was let in, or half so, and nobody told it.
      ingest.joined(session, slot);
      this.#input(slot, 'connect', 'connected');
      this.#armStale(slot);
    }
  }

  /** Ingest has named all it holds: whoever else was connected is not any more. */
  dropUnconfirmed(): void {
    for (const session of this.#unconfirmed) this.leave(session, false);
    this.#unconfirmed.clear();
  }

  /** A device connected; an older connection of the same id is replaced and nothing is broadcast for that. */
  join(session: number, id: Uint8Array, start: number, length: number): void {
    const { registry, ingest, clock } = this.#deps;
    const slot = registry.ensureDevice(id, start, length);
    if (slot < 0) {
      ingest.close(session, closes.overCapacity);
      return;
    }
    const { rows } = registry.devices;
    const older = rows.session[slot]!;
    if (older !== NONE) {
      this.#sessions.delete(older);
      ingest.close(older, closes.replaced);
    }
    this.#sessions.set(session, slot);
    Atomics.store(rows.session, slot, session);
    Atomics.store(rows.lastSeen, slot, BigInt(Math.floor(clock.now())));
    ingest.joined(session, slot);
    this.#input(slot, 'connect', 'connected');
    this.#armStale(slot);
  }

  /** @param clean whether the peer closed with 1000 or 1001, or without a code */
  leave(session: number, clean: boolean): void {
    const slot = this.#sessions.get(session);
    if (slot === undefined) return; // replaced, refused or terminated
    const { registry, wheel, clock, times } = this.#deps;
    this.#sessions.delete(session);
    this.#unconfirmed.delete(session);
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
    const { registry, ingest } = this.#deps;
    const session = views.u32[(offset + EventField.session) >> 2]!;
    let slot = views.u32[(offset + EventField.device) >> 2]!;
    if (slot === NONE) slot = this.#sessions.get(session) ?? NONE;
    if (slot === NONE || registry.devices.rows.session[slot] !== session) return; // replaced or terminated
    const bytes = eventBytes(views, offset);
    const seq = this.#broadcast(slot, views, offset, bytes);
    if (seq < 0) this.#deps.counters.add(Counter.skipped); // not the hub's own: those were never received
    const ackBytes = views.u8[offset + EventField.ackBytes]!;
    if (ackBytes > 0) {
      const ackId = { source: views.u8, start: offset + bytes, length: ackBytes };
      ingest.ack(session, registry.devices.rows.seq[slot]!, seq < 0, ackId);
    }
  }

  /**
   * Publishes as the device, on an operator's behalf.
   * @returns the event's seq, or -1 when nobody listens
   */
  publish(
    slot: number,
    event: { type: number; priority: number; deviceStatus: string; payload: Uint8Array; at: number },
  ): number {
    const status = Buffer.from(event.deviceStatus);
    const views = viewsOver(EventField.body + status.length + event.payload.length);
    this.#head(views, event.type, event.priority, EventFlag.payloadIsJson, event.at);
    this.#body(views, status, event.payload);
    return this.#broadcast(slot, views, 0, EventField.body + status.length + event.payload.length);
  }

  /** The device's timer has run out. */
  timer(slot: number): void {
    const { registry, clock, times, wheel, pulse } = this.#deps;
    const { rows } = registry.devices;
    const now = clock.now();
    if (rows.session[slot] !== NONE) {
      const lastSeen = Number(Atomics.load(rows.lastSeen, slot));
      const leftMs = times.deviceStaleAfterMs - pulse.silentMs(lastSeen, now);
      if (leftMs > 0) wheel.set(slot, now + leftMs);
      else this.#silence(slot, lastSeen);
      return;
    }
    // A wait that began before a stall of the hub's own begins anew: meanwhile no device could come back.
    const isOffline = rows.deviceState[slot] === DeviceState.offline;
    const waitMs = isOffline ? times.deviceRemoveAfterMs : times.deviceLeaveGraceMs;
    const pausedUntil = pulse.lastPauseEndMs(now);
    if (pausedUntil > 0 && now < pausedUntil + waitMs) wheel.set(slot, pausedUntil + waitMs);
    else if (rows.deviceState[slot] !== DeviceState.offline) {
      this.#input(slot, 'graceOver', 'lost');
      this.unwatched(slot);
    } else if (!registry.hasRows(slot)) {
      registry.freeDevice(slot);
    }
  }

  /** Arms the removal of a device that is offline and that no subscription and no operator holds on to. */
  unwatched(slot: number): void {
    const { registry, wheel, clock, times } = this.#deps;
    const { rows } = registry.devices;
    if (rows.deviceState[slot] !== DeviceState.offline) return;
    if (registry.hasRows(slot)) wheel.cancel(slot);
    else wheel.set(slot, clock.now() + times.deviceRemoveAfterMs);
  }

  /** Closes the device's connection and frees its row; its subscriptions must be gone. */
  terminate(slot: number): void {
    const { registry, ingest, wheel } = this.#deps;
    const session = registry.devices.rows.session[slot]!;
    if (session !== NONE) {
      this.#sessions.delete(session);
      ingest.close(session, closes.terminated);
    }
    wheel.cancel(slot);
    registry.freeDevice(slot);
  }

  #armStale(slot: number): void {
    const { wheel, clock, times } = this.#deps;
    wheel.set(slot, clock.now() + times.deviceStaleAfterMs);
  }

  /**
   * Ingest stores last_seen, then looks whether the device is stale; this stores stale, then looks at last_seen: one
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
  #input(slot: number, input: DeviceInput, reason: string): void {
    const { registry, clock } = this.#deps;
    const before = registry.devices.rows.deviceState[slot]! as DeviceState;
    const after = nextDeviceState(before, input);
    if (after === before) return;
    registry.setDeviceState(slot, after);
    const views = this.#hubEvent;
    const flags = EventFlag.payloadIsJson | EventFlag.fromHub;
    this.#head(views, EventType.status, Priority.high, flags, clock.wallNow());
    const payload = Buffer.from(JSON.stringify({ state: deviceStateNames[after], reason }));
    this.#body(views, NO_BYTES, payload);
    this.#broadcast(slot, views, 0, EventField.body + payload.length);
  }

  #head(views: RecordViews, type: number, priority: number, flags: number, at: number): void {
    views.f64[EventField.at >> 3] = at;
    views.f64[EventField.received >> 3] = this.#deps.clock.now();
    views.u8[EventField.type] = type;
    views.u8[EventField.priority] = priority;
    views.u8[EventField.flags] = flags;
  }

  #body(views: RecordViews, status: Uint8Array, payload: Uint8Array): void {
    views.u16[EventField.statusBytes >> 1] = status.length;
    views.u32[EventField.payloadBytes >> 2] = payload.length;
    views.u8.set(status, EventField.body);
    views.u8.set(payload, EventField.body + status.length);
  }

  /**
   * Remembers a status, numbers the event and copies it to each worker that has an active subscriber.
   * @returns its seq, or -1 when nobody listens
   */
  #broadcast(slot: number, views: RecordViews, offset: number, bytes: number): number {
    const { registry, fanout, counters } = this.#deps;
    const { rows } = registry.devices;
    const statusBytes = views.u16[(offset + EventField.statusBytes) >> 1]!;
    const start = offset + EventField.body;
    if (statusBytes > 0 && !registry.setDeviceStatus(slot, views.u8, start, statusBytes))
      counters.add(Counter.refusedTexts);
    if (rows.active[slot] === 0) return -1;
    const seq = rows.seq[slot]! + 1;
    rows.seq[slot] = seq;
    const { interest, workers } = registry;
    for (let worker = 0; worker < workers; worker++) {
      if (interest[slot * workers + worker] === 0) continue;
      if (!fanout[worker]!.event(views, offset, bytes, slot, seq)) counters.add(Counter.droppedFanoutFull);
    }
    return seq;
  }
}

const NO_BYTES = new Uint8Array(0);

function viewsOver(bytes: number): RecordViews {
  const memory = new ArrayBuffer((bytes + 7) & ~7);
  return {
    u8: new Uint8Array(memory),
    u16: new Uint16Array(memory),
    u32: new Uint32Array(memory),
    f64: new Float64Array(memory),
  };
}
