/**
 * Finds what has changed of the devices since it was last told, by comparing the presence table with what was told: so a
 * device that went away and came back in between has not changed, there is no queue that could overflow, and neither the
 * owner nor any event does anything for it. Webhook thread only; a look at a row takes about 30 ns.
 */
import type { Clock } from '../clock.ts';
import { highWater } from '../memory/layout.ts';
import {
  DeviceState,
  type DeviceStateName,
  type SubscriptionStatus,
  stateReasonNames,
} from '../presence/lifecycle.ts';
import type { DeviceRow, PresenceReader } from '../presence/reader.ts';

/** One device as it is now, where that is different from what was told of it. */
export interface DeviceChange {
  readonly device: string;
  readonly state: DeviceStateName;
  /** Why it has this state; null for a device that has never connected. */
  readonly reason: string | null;
  /** When it connected, or when the change was noticed: wall-clock ms. */
  readonly at: number;
  /** Its subscriptions by status. */
  readonly subscribers: Readonly<Record<SubscriptionStatus, number>>;
}

/** A change with what to note once it was told. */
export interface FoundChange {
  readonly change: DeviceChange;
  readonly slot: number;
  readonly generation: number;
  readonly state: number;
  readonly counts: number;
}

const NOTHING: FoundChange['change']['subscribers'] = { active: 0, inactive: 0, allow: 0, deny: 0 };

export class DeviceChanges {
  readonly #presence: PresenceReader;
  readonly #clock: Clock;
  /** What was told, by slot; state 0: nothing. */
  readonly #state: Uint8Array;
  readonly #generation: Uint16Array;
  /** Of the four counts of subscriptions, a hash. */
  readonly #counts: Uint32Array;
  /** Ids of devices that were told to be connected or followed: once they are gone, the table does not know them any more. */
  readonly #missed = new Map<number, string>();

  /** What is there now counts as told. */
  constructor(presence: PresenceReader, clock: Clock) {
    const { capacity } = presence.devices;
    this.#presence = presence;
    this.#clock = clock;
    this.#state = new Uint8Array(capacity);
    this.#generation = new Uint16Array(capacity);
    this.#counts = new Uint32Array(capacity);
    for (let slot = 0; slot < highWater(presence.devices); slot++) {
      for (const found of this.#compare(slot)) this.#note(found);
    }
  }

  /**
   * @param from slot to begin at
   * @param limit changes to find
   * @param slots to look at
   * @returns the changes, and where to go on; undefined after the last slot
   */
  find(
    from: number,
    limit: number,
    slots: number,
  ): { readonly found: FoundChange[]; readonly next: number | undefined } {
    const end = highWater(this.#presence.devices);
    const stop = Math.min(end, from + slots);
    const found: FoundChange[] = [];
    for (let slot = from; slot < stop; slot++) {
      if (found.length >= limit) return { found, next: slot };
      if (this.#isAsTold(slot)) continue;
      for (const one of this.#compare(slot)) {
        if (found.length >= limit) return { found, next: slot }; // the device in the row, once its predecessor was told
        found.push(one);
      }
    }
    return { found, next: stop < end ? stop : undefined };
  }

  /** They were told. */
  told(found: readonly FoundChange[]): void {
    for (const one of found) this.#note(one);
  }

  /** Without a look at the row as a whole: a row that is being written is looked at again. */
  #isAsTold(slot: number): boolean {
    const { deviceState, generation } = this.#presence.devices.rows;
    const state = deviceState[slot];
    if (state !== this.#state[slot]) return false;
    if (state === DeviceState.free) return true;
    return generation[slot] === this.#generation[slot] && this.#countsOf(slot) === this.#counts[slot];
  }

  /** @returns at most two: the device that was in this row, and the one that is in it now */
  #compare(slot: number): FoundChange[] {
    const { rows } = this.#presence.devices;
    const generation = Atomics.load(rows.generation, slot);
    const counts = this.#countsOf(slot);
    const row = this.#presence.device(slot);
    const found: FoundChange[] = [];
    const isSame = this.#state[slot] !== DeviceState.free && this.#generation[slot] === generation;
    if (row === undefined || !isSame) {
      const gone = this.#goneFrom(slot);
      const note = { slot, generation, state: DeviceState.free, counts: 0 };
      if (gone !== undefined) found.push({ ...note, change: gone });
      else if (row === undefined) this.#forget(slot); // nobody was told of it
    }
    if (row === undefined) return found;
    const state = DeviceState[row.state];
    found.push({ change: this.#changeOf(slot, row), slot, generation, state, counts });
    return found;
  }

  #changeOf(slot: number, row: DeviceRow): DeviceChange {
    const { device, state, subscribers, connectedAt } = row;
    const { stateReason } = this.#presence.devices.rows;
    const reason = stateReasonNames[Atomics.load(stateReason, slot)] ?? null;
    const isNew = reason === 'connected' && connectedAt !== undefined;
    return {
      device,
      state,
      reason,
      at: isNew ? Math.floor(connectedAt) : this.#clock.wallNow(),
      subscribers,
    };
  }

  /** A device that was told to be connected or followed and has left the table: unless it is back in another row. */
  #goneFrom(slot: number): DeviceChange | undefined {
    const device = this.#missed.get(slot);
    if (device === undefined || this.#presence.findDevice(device) >= 0) return undefined;
    return { device, state: 'offline', reason: 'removed', at: this.#clock.wallNow(), subscribers: NOTHING };
  }

  #note({ change, slot, generation, state, counts }: FoundChange): void {
    this.#state[slot] = state;
    this.#generation[slot] = generation;
    this.#counts[slot] = counts;
    const { active, inactive, allow, deny } = change.subscribers;
    const isConnected = state === DeviceState.online || state === DeviceState.stale;
    if (isConnected || active + inactive + allow + deny > 0) this.#missed.set(slot, change.device);
    else this.#missed.delete(slot);
  }

  #forget(slot: number): void {
    this.#state[slot] = DeviceState.free;
    this.#missed.delete(slot);
  }

  /** Plain reads of aligned cells: a stale one is seen at the next look. */
  #countsOf(slot: number): number {
    const { active, inactive, allow, deny } = this.#presence.devices.rows;
    let hash = Math.imul(active[slot]! + 1, 0x9e3779b1);
    hash = Math.imul((hash ^ (hash >>> 15)) + inactive[slot]!, 0x85ebca6b);
    hash = Math.imul((hash ^ (hash >>> 13)) + allow[slot]!, 0xc2b2ae35);
    hash = Math.imul((hash ^ (hash >>> 16)) + deny[slot]!, 0x27d4eb2f);
    return (hash ^ (hash >>> 15)) >>> 0;
  }
}
