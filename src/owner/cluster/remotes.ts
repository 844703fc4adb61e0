/**
 * Devices with another home that subscribers here follow: their rows show what the home reports, and their events,
 * numbered there, go to the edges like those of local devices. Owner thread only.
 */
import { toMonotonicMs } from '../../clock.ts';
import type { RecordViews } from '../../memory/ring.ts';
import { NONE, Numbering } from '../../presence/columns.ts';
import { DeviceState, deviceStateNames, RowState, StateReason } from '../../presence/lifecycle.ts';
import { EventField, EventFlag, eventBytes } from '../../records/event.ts';
import { Notice } from '../../records/replies.ts';
import { toEdges } from '../broadcasts.ts';
import { HubEvents } from '../hub-events.ts';
import type { Backfills } from './backfills.ts';
import type { ClusterContext } from './context.ts';
import type { Levels } from './levels.ts';
import { epochOf } from './numbering.ts';
import type { Positions } from './positions.ts';

/** Where the stream of a device's events starts, as its home says. */
export interface RemoteEntry {
  readonly ref: number;
  readonly id: string;
  readonly epoch: string;
  readonly seq: number;
  /** At `seq`. */
  readonly startState: number;
  /** When the home answered. */
  readonly state: number;
  readonly status: string;
  /** Wall-clock ms, 0 never. */
  readonly lastSeen: number;
  readonly node: string;
}

export interface RemotesDeps extends ClusterContext {
  readonly levels: Levels;
  readonly backfills: Pick<Backfills, 'incomplete'>;
  readonly positions: Positions;
  /** The row agrees with the home, or no node has the device. */
  readonly settled: (slot: number) => void;
  /** Whether filters will follow the device once it is known. */
  readonly isSoughtByFilters: (slot: number) => boolean;
}

export class Remotes {
  readonly #deps: RemotesDeps;
  readonly #events: HubEvents;
  /**
   * The link's names of devices, in both directions. A claimed device keeps its name until the claim is won: if the
   * claim is lost, nobody repeats what was told before.
   */
  readonly #slots = new Map<number, number>();
  readonly #refs = new Map<number, number>();
  /** Devices whose home is lost: hub clock, ms, when they become offline. */
  readonly #lostAtMs = new Map<number, number>();
  /** States of devices as reported by their homes: the events that led to them may still be on their way. */
  readonly #ahead = new Map<number, RemoteEntry>();

  constructor(deps: RemotesDeps) {
    this.#deps = deps;
    this.#events = new HubEvents(deps.clock);
  }

  /** Whether a home has told of the device. */
  isFollowed(slot: number): boolean {
    return this.#refs.has(slot);
  }

  /** The home was found, or reports the device's position again. */
  entry(entry: RemoteEntry): void {
    const { registry, devices, filters } = this.#deps;
    const { rows } = registry.devices;
    const slot = registry.deviceOf(entry.id);
    if (slot < 0 || rows.home[slot] === Numbering.here) return;
    this.#name(slot, entry.ref);
    this.#lostAtMs.delete(slot);
    this.#take(slot, entry);
    if (rows.known[slot] === 0 || this.#deps.isSoughtByFilters(slot)) {
      registry.setKnown(slot);
      filters.appeared(slot);
    }
    devices.unwatched(slot);
  }

  /** An event with its number; its device field holds the link's name of the device. */
  event(views: RecordViews, offset: number): void {
    const slot = this.#slots.get(views.u32[(offset + EventField.device) >> 2]!);
    if (slot === undefined) return;
    const { registry, history, clock } = this.#deps;
    const { rows } = registry.devices;
    const bytes = eventBytes(views, offset);
    const seq = views.f64[(offset + EventField.seq) >> 3]!;
    if (seq <= rows.seq[slot]!) return; // it was passed on in this numbering
    const statusBytes = views.u16[(offset + EventField.statusBytes) >> 1]!;
    if (statusBytes > 0) registry.setDeviceStatus(slot, views.u8, offset + EventField.body, statusBytes);
    if ((views.u8[offset + EventField.flags]! & EventFlag.fromHub) !== 0)
      this.#setState(slot, views, offset, bytes);
    else Atomics.store(rows.lastSeen, slot, BigInt(Math.floor(clock.now())));
    history.append(slot, seq, views, offset, bytes);
    rows.seq[slot] = seq;
    toEdges(this.#deps, slot, views, offset, bytes, seq);
  }

  /** Events that nobody will get. */
  gap(ref: number, from: number, to: number): void {
    const slot = this.#slots.get(ref);
    if (slot === undefined) return;
    const { registry, history, backfills } = this.#deps;
    const { seq } = registry.devices.rows;
    if (to <= seq[slot]!) return;
    const first = Math.max(from, seq[slot]! + 1);
    history.skip(slot, to);
    backfills.incomplete(slot);
    seq[slot] = to;
    this.tellGap(slot, first, to);
  }

  tellGap(slot: number, from: number, to: number): void {
    const { registry, links } = this.#deps;
    const { interest, edges } = registry;
    for (let edge = 0; edge < edges; edge++) {
      if (interest[slot * edges + edge] !== 0) links[edge]!.gap(slot, from, to);
    }
  }

  /** All events that the home had numbered when it answered have arrived, or have been reported as missing. */
  caughtUp(ref: number): void {
    const slot = this.#slots.get(ref);
    // Stryker disable next-line ConditionalExpression: nobody waits for no device
    if (slot === undefined) return;
    const entry = this.#ahead.get(slot);
    this.#ahead.delete(slot);
    if (entry !== undefined && this.#say(slot, entry)) this.tellFollowers(slot);
    this.#deps.levels.answered(slot);
    this.#deps.settled(slot);
  }

  /** Every node has said that it does not have the device, or did not answer in time. */
  nowhere(id: string): void {
    const { registry, levels, settled } = this.#deps;
    const slot = registry.deviceOf(id);
    // Stryker disable next-line ConditionalExpression: as above
    if (slot < 0) return;
    levels.answered(slot);
    settled(slot);
  }

  /** The home is lost. Unless the device is found within the leave grace, it becomes offline. */
  lost(ref: number): void {
    const slot = this.#slots.get(ref);
    if (slot === undefined) return;
    const { registry, wheel, clock, settings, levels } = this.#deps;
    levels.unanswered(slot);
    if (registry.devices.rows.home[slot] === Numbering.claimed) return; // it is connected here
    const atMs = clock.now() + settings.deviceLeaveGraceMs;
    this.#lostAtMs.set(slot, atMs);
    wheel.set(slot, atMs);
  }

  /** The home has removed the device. */
  gone(ref: number, terminated: boolean): void {
    const slot = this.#slots.get(ref);
    if (slot === undefined) return;
    const { registry, filters, operator, wheel } = this.#deps;
    this.#lostAtMs.delete(slot);
    if (terminated) operator.removeAllOfDevice(slot);
    else if (!registry.isHeld(slot)) filters.deviceGone(slot);
    const isClaimed = registry.devices.rows.home[slot] === Numbering.claimed;
    if (!isClaimed && !registry.hasRows(slot)) {
      wheel.cancel(slot);
      registry.freeDevice(slot);
    } else if (registry.devices.rows.deviceState[slot] !== DeviceState.offline) {
      registry.setDeviceState(slot, DeviceState.offline);
    }
  }

  /** The row's timer has run out. */
  timer(slot: number): void {
    const { registry, clock, wheel, levels } = this.#deps;
    const lostAtMs = this.#lostAtMs.get(slot);
    if (lostAtMs !== undefined) {
      if (lostAtMs > clock.now()) {
        wheel.set(slot, lostAtMs);
        return;
      }
      this.#lostAtMs.delete(slot);
      if (registry.devices.rows.deviceState[slot] !== DeviceState.offline) this.#tellLost(slot);
    }
    if (!registry.hasRows(slot) && !levels.isLookedUp(slot)) registry.freeDevice(slot);
  }

  /**
   * Broadcasts that the device is offline, without a number, as nobody can number it. If there is no room for the
   * event, no gap reports it; the entry shows the state.
   */
  #tellLost(slot: number): void {
    this.#deps.registry.setDeviceState(slot, DeviceState.offline, StateReason.nodeLost);
    const bytes = this.#events.state(DeviceState.offline, 'node lost');
    if (!toEdges(this.#deps, slot, this.#events.views, 0, bytes, 0)) this.tellFollowers(slot);
  }

  /** Frees a row that has no subscriptions left. */
  unwatched(slot: number): void {
    const { registry, wheel, clock, levels } = this.#deps;
    const isWanted = registry.hasRows(slot) || levels.isLookedUp(slot);
    if (!isWanted) wheel.set(slot, clock.now());
    // Stryker disable next-line ConditionalExpression: a timer that runs out finds that the row is wanted
    else if (!this.#lostAtMs.has(slot)) wheel.cancel(slot);
  }

  /** The row is about to be freed, or its home is here now. */
  forget(slot: number): void {
    const ref = this.#refs.get(slot);
    this.#lostAtMs.delete(slot);
    this.#ahead.delete(slot);
    // Stryker disable next-line ConditionalExpression: nothing has no name
    if (ref === undefined) return;
    this.#refs.delete(slot);
    this.#slots.delete(ref);
  }

  /** The link has restarted: its names are no longer valid. */
  reset(): void {
    this.#refs.clear();
    this.#slots.clear();
    this.#ahead.clear();
  }

  /**
   * Tells every subscriber that gets the device's events the device's current position. @param known the last event of
   * this numbering that they have seen, if they know the numbering: a gap names what they missed since
   */
  tellFollowers(slot: number, known?: number): void {
    const { seq } = this.#deps.registry.devices.rows;
    const last = seq[slot]!;
    if (known === undefined || known >= last) {
      this.#tellEntry(slot);
      return;
    }
    seq[slot] = known;
    this.#tellEntry(slot);
    seq[slot] = last;
    this.tellGap(slot, known + 1, last);
  }

  #tellEntry(slot: number): void {
    const { registry, subscriptions } = this.#deps;
    registry.forEachOfDevice(slot, (row, subscriber) => {
      const session = registry.subscribers.rows.session[subscriber]!;
      if (registry.rowState(row) !== RowState.active || session === NONE) return;
      if (!subscriptions.mayDeliver(row)) return; // after a takeover it is still to be taken away
      const page = subscriptions.begin();
      subscriptions.describe(page, slot, RowState.active);
      page.change(row, RowState.active);
      subscriptions.link(session).notice(session, Notice.entry, page.entries.take(), false);
      subscriptions.end(page);
    });
  }

  #name(slot: number, ref: number): void {
    this.forget(slot);
    this.#slots.set(ref, slot);
    this.#refs.set(slot, ref);
  }

  #take(slot: number, entry: RemoteEntry): void {
    const { registry, history, positions, backfills } = this.#deps;
    const { rows } = registry.devices;
    const number = epochOf(entry.epoch);
    const isSame = rows.epoch[slot] === number;
    const known = positions.in(slot, number);
    const last = Math.max(entry.seq, known ?? 0);
    const before = rows.seq[slot]!;
    this.#ahead.set(slot, entry);
    if (isSame && last <= before) return;
    backfills.incomplete(slot);
    if (!isSame) {
      positions.leave(slot);
      history.restart(slot, last);
      rows.epoch[slot] = number;
    } else history.skip(slot, last);
    rows.seq[slot] = last;
    this.#say(slot, { ...entry, state: entry.startState });
    // Until the home knew of them, those who became active since were sent nothing of what it numbered.
    if (isSame) this.tellGap(slot, before + 1, last);
    this.tellFollowers(slot, isSame ? undefined : known);
  }

  /** Writes what the home reports into the row. @returns whether the device's state has changed */
  #say(slot: number, { state, status, lastSeen }: RemoteEntry): boolean {
    const { registry, clock } = this.#deps;
    const { rows } = registry.devices;
    const text = Buffer.from(status);
    if (text.length > 0) registry.setDeviceStatus(slot, text, 0, text.length);
    const isChanged = rows.deviceState[slot] !== state;
    if (isChanged) registry.setDeviceState(slot, state as DeviceState);
    Atomics.store(rows.lastSeen, slot, BigInt(toMonotonicMs(clock, lastSeen)));
    return isChanged;
  }

  /** The home reports the device's state: writes it into the row and passes it on. */
  #setState(slot: number, { u8 }: RecordViews, offset: number, bytes: number): void {
    const { registry } = this.#deps;
    const state = stateIn(
      Buffer.from(u8.subarray(offset + EventField.body, offset + bytes)).toString('utf8'),
    );
    if (state !== undefined) registry.setDeviceState(slot, state);
  }
}

function stateIn(payload: string): DeviceState | undefined {
  const match = /"state":"(online|stale|offline)"/.exec(payload);
  const number = deviceStateNames.indexOf((match?.[1] ?? 'free') as (typeof deviceStateNames)[number]);
  return number > 0 ? (number as DeviceState) : undefined;
}
