/**
 * Devices that are connected here, in a cluster: their claims, and the state that moves from node to node. Events that
 * a device sends before its claim is settled wait. Owner thread only. The protocol: docs/cluster.md.
 */
import { toMonotonicMs, toWallMs } from '../../clock.ts';
import {
  decodeDevice,
  encodeDevice,
  encodeUnnumbered,
  type HandedDevice,
  type KeptEvent,
  keepEvent,
} from '../../cluster/device-parts.ts';
import { type HomeDevice, SurrenderReason } from '../../cluster/host.ts';
import { HomeKind } from '../../cluster/records.ts';
import { closes } from '../../codes.ts';
import { Step } from '../../history/replay.ts';
import { Counter } from '../../memory/counters.ts';
import { highWater } from '../../memory/layout.ts';
import type { RecordViews } from '../../memory/ring.ts';
import { NONE, Numbering } from '../../presence/columns.ts';
import { DeviceState } from '../../presence/lifecycle.ts';
import { toLink } from '../../records/cluster.ts';
import { EventField, eventBytes, seqOf, wholeEventBytes } from '../../records/event.ts';
import { EventType, epochName } from '../../wire/events.ts';
import type { DeviceHomes } from '../device-homes.ts';
import type { Backfills } from './backfills.ts';
import type { ClusterContext } from './context.ts';
import type { Levels } from './levels.ts';
import { epochOf } from './numbering.ts';
import type { Positions } from './positions.ts';
import type { Remotes } from './remotes.ts';

export interface DeviceClaimsDeps extends ClusterContext {
  readonly levels: Levels;
  readonly remotes: Remotes;
  readonly backfills: Pick<Backfills, 'forget'>;
  readonly positions: Positions;
  /** The device's events are numbered here from now on. */
  readonly settled: (slot: number) => void;
  /** The device has another home, or is gone: other nodes no longer follow it here. */
  readonly left: (slot: number) => void;
}

/** A device whose claim is not settled. */
interface Claim {
  /** Hub clock, ms. */
  readonly sinceMs: number;
  readonly held: RecordViews[];
  heldBytes: number;
  /** It was followed as another node's until now. */
  readonly wasElsewhere: boolean;
  /** Its connection has already ended. */
  ended: { readonly clean: boolean } | undefined;
}

/** A device's last number, and its state then. */
export interface LastNumber {
  readonly seq: number;
  readonly state: number;
}

/** For a device that has always been at this node. */
const NEW: LastNumber = { seq: 0, state: DeviceState.offline };

/** How much devices may send while claims are settled, which takes at most a second. The rest is lost. */
const HELD_BYTES_MAX = 1024 * 1024;
const HELD_BYTES_OF_ALL_MAX = 64 * HELD_BYTES_MAX;
const DEVICE = HomeKind.device;

export class DeviceClaims implements DeviceHomes {
  readonly #deps: DeviceClaimsDeps;
  readonly #claims = new Map<number, Claim>();
  /** By device: its position when this node became its home. Later events belong to this claim. */
  readonly #bases = new Map<number, LastNumber>();
  #heldBytes = 0;
  #terminated = NONE;

  constructor(deps: DeviceClaimsDeps) {
    this.#deps = deps;
    this.#takeOverClaims();
  }

  /** What the owner before had claimed, and was not settled, waits here: for a link, or as long as for one. */
  #takeOverClaims(): void {
    const { registry } = this.#deps;
    const { deviceState, home } = registry.devices.rows;
    // Stryker disable next-line EqualityOperator: the row above is free, or there is none
    for (let slot = 0; slot < highWater(registry.devices); slot++)
      if (deviceState[slot] !== DeviceState.free && home[slot] === Numbering.claimed) this.#goOn(slot);
  }

  #goOn(slot: number): void {
    const { session, known } = this.#deps.registry.devices.rows;
    if (!this.#claims.has(slot)) this.#begin(slot, known[slot] === 1);
    // Stryker disable next-line ObjectLiteral: without `clean` it is not clean either
    if (session[slot] === NONE) this.#claims.get(slot)!.ended ??= { clean: false };
  }

  /** The device's last number before this node became its home, and its state then. */
  baseOf(slot: number): LastNumber {
    return this.#bases.get(slot) ?? NEW;
  }

  /** When the oldest claim began, hub clock, ms; infinity: there is none. */
  get waitingSinceMs(): number {
    for (const { sinceMs } of this.#claims.values()) return sinceMs;
    return Number.POSITIVE_INFINITY;
  }

  /** Devices whose claims began before the time, or at it. */
  waitingFrom(atMs: number): string[] {
    const waiting = [...this.#claims].filter(([, { sinceMs }]) => sinceMs <= atMs);
    return waiting.map(([slot]) => this.#deps.registry.deviceId(slot));
  }

  // What happens to devices here.

  connected(slot: number): boolean {
    const { registry, link, wheel } = this.#deps;
    const { rows } = registry.devices;
    const id = registry.deviceId(slot);
    link.tell(toLink.connected, { kind: DEVICE, id });
    if (rows.home[slot] === Numbering.here) return true;
    const claim = this.#claims.get(slot);
    if (claim !== undefined) claim.ended = undefined;
    else this.#begin(slot, rows.known[slot] === 1);
    wheel.cancel(slot);
    return false;
  }

  disconnected(slot: number, clean: boolean): boolean {
    const { registry, link } = this.#deps;
    const claim = this.#claims.get(slot);
    if (claim !== undefined) {
      claim.ended = { clean };
      return false;
    }
    link.tell(toLink.disconnected, { kind: DEVICE, id: registry.deviceId(slot) });
    return true;
  }

  /** Until it is released: earlier events wait, and new ones queue behind them. */
  holds(slot: number): boolean {
    return this.#claims.size > 0 && this.#claims.has(slot);
  }

  hold(slot: number, views: RecordViews, offset: number): void {
    const claim = this.#claims.get(slot);
    const bytes = wholeEventBytes(views, offset);
    const isFull = this.#heldBytes + bytes > HELD_BYTES_OF_ALL_MAX;
    if (claim === undefined || isFull || claim.heldBytes + bytes > HELD_BYTES_MAX) {
      this.#deps.counters.add(Counter.droppedIngestFull);
      return;
    }
    claim.held.push(this.#deps.held.copy(views, offset));
    claim.heldBytes += bytes;
    this.#heldBytes += bytes;
  }

  claim(slot: number): boolean {
    const { registry, link, levels, remotes } = this.#deps;
    const { home, known } = registry.devices.rows;
    if (home[slot] === Numbering.elsewhere) {
      Atomics.store(home, slot, Numbering.here);
      levels.forget(slot, true);
      remotes.forget(slot);
      this.#deps.backfills.forget(slot);
      link.tell(toLink.hold, { kind: DEVICE, id: registry.deviceId(slot) });
      if (known[slot] === 1) {
        this.#beginAnew(slot); // its last home may be back with the numbering that it had
        remotes.tellFollowers(slot);
      }
    }
    return home[slot] === Numbering.here && !this.#claims.has(slot);
  }

  terminated(slot: number): void {
    this.#terminated = slot;
  }

  timer(slot: number): void {
    if (!this.#claims.has(slot)) this.#deps.remotes.timer(slot);
  }

  unwatched(slot: number): void {
    if (!this.#claims.has(slot)) this.#deps.remotes.unwatched(slot);
  }

  /** The row is about to be freed. */
  freed(slot: number): void {
    const { registry, link, levels, remotes, left } = this.#deps;
    const terminated = this.#terminated === slot;
    this.#terminated = NONE;
    this.#deps.held.drop(this.#end(slot)?.held ?? []);
    this.#bases.delete(slot);
    const id = registry.deviceId(slot);
    if (registry.devices.rows.home[slot] === Numbering.elsewhere) {
      if (terminated) link.tell(toLink.removed, { id, terminated }); // while the link knows its home
    } else {
      left(slot);
      link.tell(toLink.removed, { id, terminated });
      link.tell(toLink.forget, { kind: DEVICE, id });
    }
    // Of one that is claimed, too: what the link says of it is nothing to the next device in its row.
    levels.forget(slot, false);
    remotes.forget(slot);
    this.#deps.backfills.forget(slot);
  }

  /** The link has restarted: tells it of every device here. */
  tellAll(slot: number): void {
    const { registry, link } = this.#deps;
    const { rows } = registry.devices;
    const id = registry.deviceId(slot);
    const isConnected = rows.session[slot] !== NONE;
    const isClaimed = rows.home[slot] === Numbering.claimed;
    if (isClaimed) this.#goOn(slot);
    // A claim is settled, though its connection is over: what it sent is numbered, and that it was there is told.
    if (isConnected || isClaimed) link.tell(toLink.connected, { kind: DEVICE, id });
    else if (rows.known[slot] === 1) link.tell(toLink.hold, { kind: DEVICE, id });
  }

  // What the link says.

  /**
   * This node is the home. @param parts what the old home handed over; undefined: the numbering goes on, or starts over
   */
  adopt(id: string, parts: readonly Uint8Array[] | undefined, late: boolean): void {
    const { registry, link, levels, remotes, positions, settings } = this.#deps;
    const { device: handed, unnumbered } = decodeDevice(parts ?? [], settings.maxMessageBytes);
    if (late) {
      this.#deps.counters.add(Counter.droppedReplaced, unnumbered.length);
      return; // what was numbered here stands
    }
    const slot = parts === undefined ? registry.deviceOf(id) : registry.ensureDeviceOf(id);
    if (slot < 0) {
      link.tell(toLink.forget, { kind: DEVICE, id });
      return;
    }
    const { rows } = registry.devices;
    const wasElsewhere = this.#claims.get(slot)?.wasElsewhere ?? rows.home[slot] === Numbering.elsewhere;
    const before = { epoch: rows.epoch[slot], seq: rows.seq[slot], state: rows.deviceState[slot] };
    levels.forget(slot, true);
    remotes.forget(slot);
    this.#deps.backfills.forget(slot);
    Atomics.store(rows.home, slot, Numbering.here);
    const known = handed && positions.in(slot, epochOf(handed.entry.epoch));
    // A numbering that is behind what subscribers here were told would give them its numbers twice.
    if (handed !== undefined && handed.entry.seq >= (known ?? 0)) this.#takeOver(slot, handed);
    else if (handed !== undefined || wasElsewhere) this.#beginAnew(slot);
    this.#bases.set(slot, { seq: rows.seq[slot]!, state: rows.deviceState[slot]! });
    this.#holdHanded(slot, unnumbered);
    const { epoch, seq, state } = before;
    if (epoch !== rows.epoch[slot]) remotes.tellFollowers(slot, known);
    else if (seq! < rows.seq[slot]!) remotes.tellGap(slot, seq! + 1, rows.seq[slot]!);
    else if (state !== rows.deviceState[slot]) remotes.tellFollowers(slot);
  }

  /** Numbers what the device has sent since it connected. */
  release(id: string): void {
    const { registry, devices, settled } = this.#deps;
    const slot = registry.deviceOf(id);
    if (slot < 0) return;
    const claim = this.#end(slot);
    if (claim === undefined) {
      // Left here by a node that drains: it may connect again within the leave grace.
      const isOffline = registry.devices.rows.deviceState[slot] === DeviceState.offline;
      if (isOffline) devices.unwatched(slot);
      else if (registry.devices.rows.session[slot] === NONE)
        this.#deps.wheel.set(slot, this.#deps.clock.now() + this.#deps.settings.deviceLeaveGraceMs);
      settled(slot);
      return;
    }
    devices.settle(slot);
    settled(slot);
    this.#deps.held.passOn(claim.held, (views) => devices.take(slot, views, 0));
    if (claim.ended === undefined) return;
    this.#deps.link.tell(toLink.disconnected, { kind: DEVICE, id });
    devices.disconnected(slot, claim.ended.clean);
  }

  /** Another node is the home: closes the connection, and hands over what the next home needs. */
  surrender(id: string, reason: SurrenderReason): void {
    const { registry, devices, levels, link, left, wheel } = this.#deps;
    const slot = registry.deviceOf(id);
    const isNumbered = slot >= 0 && registry.devices.rows.home[slot] === Numbering.here;
    if (slot < 0) {
      link.tell(toLink.surrendered, { kind: DEVICE, id, seq: 0 });
      return;
    }
    const { rows } = registry.devices;
    const seq = isNumbered ? rows.seq[slot]! : 0;
    const epoch = epochName(rows.epoch[slot]!);
    const held = this.#end(slot)?.held ?? [];
    const parts = [...(isNumbered ? encodeDevice(this.#handed(slot)) : []), ...encodeUnnumbered(held)];
    this.#deps.held.remove(held.length);
    devices.surrender(slot, reason === SurrenderReason.conflict ? closes.drain : closes.replaced);
    this.#bases.delete(slot);
    if (isNumbered) left(slot);
    Atomics.store(rows.home, slot, Numbering.elsewhere);
    const isWanted = levels.tellNow(slot, isNumbered ? { epoch, seq } : undefined);
    for (const part of parts) link.tell(toLink.surrenderPart, { kind: DEVICE, id, part });
    link.tell(toLink.surrendered, { kind: DEVICE, id, seq });
    if (isWanted || registry.hasRows(slot)) return;
    wheel.cancel(slot);
    registry.freeDevice(slot);
  }

  #begin(slot: number, wasElsewhere: boolean): void {
    const { home } = this.#deps.registry.devices.rows;
    Atomics.store(home, slot, Numbering.claimed);
    const sinceMs = this.#deps.clock.now();
    this.#claims.set(slot, { sinceMs, held: [], heldBytes: 0, wasElsewhere, ended: undefined });
  }

  #end(slot: number): Claim | undefined {
    const claim = this.#claims.get(slot);
    this.#claims.delete(slot);
    this.#heldBytes -= claim?.heldBytes ?? 0;
    return claim;
  }

  /** Events that come from a node that lost its claim go before those that were held here. */
  #holdHanded(slot: number, events: readonly KeptEvent[]): void {
    const claim = this.#claims.get(slot);
    if (claim === undefined) {
      this.#deps.counters.add(Counter.droppedReplaced, events.length);
      return;
    }
    for (const { views } of events) {
      views.u32[EventField.session >> 2] = NONE;
      this.#receivedAt(views);
    }
    claim.held.unshift(...events.map(({ views }) => views));
    this.#deps.held.add(events.length);
  }

  #beginAnew(slot: number): void {
    const { registry, history, positions } = this.#deps;
    positions.leave(slot);
    history.restart(slot, 0);
    registry.devices.rows.seq[slot] = 0;
    registry.beginEpoch(slot);
  }

  /** The numbering goes on, with the newest message and status; what was kept beside is not here. */
  #takeOver(slot: number, { entry, message, status }: HandedDevice): void {
    const { registry, history, positions, clock } = this.#deps;
    const { rows } = registry.devices;
    positions.leave(slot);
    rows.epoch[slot] = epochOf(entry.epoch);
    const events = [message, status].filter((event) => event !== undefined);
    events.sort((one, other) => seqOf(one.views) - seqOf(other.views));
    history.restart(slot, 0);
    rows.seq[slot] = entry.seq;
    let last = 0;
    for (const event of events) {
      const seq = seqOf(event.views);
      if (seq > last + 1) history.skip(slot, seq - 1);
      this.#receivedAt(event.views);
      history.append(slot, seq, event.views, 0, event.bytes);
      last = seq;
    }
    if (entry.seq > last) history.skip(slot, entry.seq);
    const text = Buffer.from(entry.status);
    if (text.length > 0) registry.setDeviceStatus(slot, text, 0, text.length);
    if (rows.deviceState[slot] !== entry.state) registry.setDeviceState(slot, entry.state);
    Atomics.store(rows.lastSeen, slot, BigInt(toMonotonicMs(clock, entry.lastSeen)));
    registry.setKnown(slot);
  }

  /** Another node's monotonic clock says nothing here. */
  #receivedAt({ f64 }: RecordViews): void {
    f64[EventField.received >> 3] = toMonotonicMs(this.#deps.clock, f64[EventField.at >> 3]!);
  }

  #handed(slot: number): HandedDevice {
    const { registry, reader, clock } = this.#deps;
    const { rows } = registry.devices;
    const seq = rows.seq[slot]!;
    const entry: HomeDevice = {
      epoch: epochName(rows.epoch[slot]!),
      seq,
      state: rows.deviceState[slot]! as Exclude<DeviceState, 0>,
      status: registry.deviceStatus(slot),
      lastSeen: toWallMs(clock, Number(Atomics.load(rows.lastSeen, slot))),
    };
    let message: KeptEvent | undefined;
    let status: KeptEvent | undefined;
    const replay = reader.last({ slot, generation: rows.generation[slot]!, seq });
    for (let step = replay.next(); step !== Step.End; step = replay.next()) {
      if (step !== Step.Event) continue;
      const kept = keepEvent(replay.views, 0, eventBytes(replay.views, 0));
      if (replay.views.u8[EventField.type] === EventType.message) message = kept;
      else status = kept;
    }
    return { entry, message, status };
  }
}
