/**
 * Reads the presence table from any thread.
 *
 * How a reader gets what belongs together while the owner writes: the owner makes a device's or subscriber's
 * `version` odd, writes, and makes it even again; a reader takes the version, reads, and starts over when the version
 * is odd or has changed. A subscription row is published by its state (stored last, cleared first), and its
 * generation tells when the slot changed hands meanwhile. `lastSeen` is on its own: one atomic 8-byte cell.
 */
import { ArenaReader } from '../memory/arena.ts';
import { IdMapReader } from '../memory/id-map.ts';
import { attachSlab, type Columns, highWater, type Slab, usedCount } from '../memory/layout.ts';
import { deviceColumns, filterColumns, NONE, subscriberColumns, subscriptionColumns } from './columns.ts';
import {
  type DeviceStateName,
  deviceStateNames,
  type InactiveReason,
  RowState,
  reasonOf,
  type SubscriptionStatus,
  statusOf,
} from './lifecycle.ts';
import {
  type DeviceSlab,
  type FilterSlab,
  GRANTED,
  type PresenceCapacity,
  type PresenceMemory,
  rowStateOf,
  type SubscriberSlab,
  type SubscriptionSlab,
  Total,
} from './memory.ts';

const READ_TRIES_MAX = 1000;
/** Slots looked at in one go, so that no socket waits for a whole table; comparing ids takes longest. */
const DEVICES_PER_SCAN = 8192;
const SUBSCRIPTIONS_PER_SCAN = 65_536;

/** One device as of one moment. */
export interface DeviceRow {
  readonly device: string;
  readonly state: DeviceStateName;
  readonly deviceStatus: string | undefined;
  /** Monotonic ms, 0 never. */
  readonly lastSeen: number;
  readonly seq: number;
  /** Another whenever the numbering starts anew. */
  readonly epoch: number;
  readonly session: number | undefined;
  /** Id of the gateway by which it is connected; undefined for a connection of its own, or none. */
  readonly gateway: string | undefined;
  /** Wall-clock ms; undefined when it is not connected. */
  readonly connectedAt: number | undefined;
  readonly subscribers: Readonly<Record<SubscriptionStatus, number>>;
}

/** One subscriber as of one moment. */
export interface SubscriberRow {
  readonly subscriber: string;
  /** Monotonic ms, 0 never. */
  readonly lastSeen: number;
  readonly vip: boolean;
  readonly connected: boolean;
  readonly rowCount: number;
}

/** One subscription as of one moment; its last_seen is its subscriber's. */
export interface SubscriptionRow {
  readonly device: number;
  readonly subscriber: number;
  readonly status: SubscriptionStatus;
  readonly reason: InactiveReason | undefined;
}

/** One filter, with its `*`, of a subscriber as of one moment. */
export type FilterRow = Omit<SubscriptionRow, 'device'> & { readonly filter: string };

/** Reads the table from any thread. */
export class PresenceReader {
  readonly devices: DeviceSlab;
  readonly subscribers: SubscriberSlab;
  readonly subscriptions: SubscriptionSlab;
  readonly filters: FilterSlab;
  readonly #arena: ArenaReader;
  readonly #deviceIds: IdMapReader;
  readonly #subscriberIds: IdMapReader;
  readonly #totals: Uint32Array;

  constructor(memory: PresenceMemory) {
    this.devices = attachSlab(deviceColumns, memory.devices);
    this.subscribers = attachSlab(subscriberColumns, memory.subscribers);
    this.subscriptions = attachSlab(subscriptionColumns, memory.subscriptions);
    this.filters = attachSlab(filterColumns, memory.filters);
    this.#arena = new ArenaReader(memory.arena);
    this.#deviceIds = new IdMapReader(memory.deviceIds, this.devices.rows.id, this.#arena);
    this.#subscriberIds = new IdMapReader(memory.subscriberIds, this.subscribers.rows.id, this.#arena);
    this.#totals = new Uint32Array(memory.totals);
  }

  /** One of `Total`. */
  total(which: keyof typeof Total): number {
    return Atomics.load(this.#totals, Total[which]);
  }

  /** Rows, and bytes of texts (ids, filters and statuses). */
  capacityUsed(): Readonly<Record<keyof PresenceCapacity | 'texts', { used: number; capacity: number }>> {
    const of = (slab: Slab<Columns>) => ({ used: usedCount(slab), capacity: slab.capacity });
    return {
      devices: of(this.devices),
      subscribers: of(this.subscribers),
      subscriptions: of(this.subscriptions),
      texts: this.#arena.usage(),
    };
  }

  /** @returns the device's slot, or -1 */
  findDevice(id: string): number {
    const bytes = Buffer.from(id);
    return this.#deviceIds.find(bytes, 0, bytes.length);
  }

  /** @returns the subscriber's slot, or -1 */
  findSubscriber(id: string): number {
    const bytes = Buffer.from(id);
    return this.#subscriberIds.find(bytes, 0, bytes.length);
  }

  /** @returns undefined when the slot is free */
  device(slot: number): DeviceRow | undefined {
    const { rows } = this.devices;
    return consistently(rows.version, slot, () => {
      const state = deviceStateNames[Atomics.load(rows.deviceState, slot)];
      if (state === undefined || state === 'free') return undefined;
      const session = Atomics.load(rows.session, slot);
      return {
        device: this.#arena.text(Atomics.load(rows.id, slot)),
        state,
        deviceStatus: this.#arena.text(Atomics.load(rows.deviceStatus, slot)) || undefined,
        lastSeen: Number(Atomics.load(rows.lastSeen, slot)),
        seq: rows.seq[slot]!,
        epoch: rows.epoch[slot]!,
        session: session === NONE ? undefined : session,
        gateway: this.#arena.text(Atomics.load(rows.gateway, slot)) || undefined,
        connectedAt: session === NONE ? undefined : rows.connectedAt[slot]!,
        subscribers: {
          active: Atomics.load(rows.active, slot) - Atomics.load(rows.peers, slot),
          inactive: Atomics.load(rows.inactive, slot),
          allow: Atomics.load(rows.allow, slot),
          deny: Atomics.load(rows.deny, slot),
        },
      };
    });
  }

  /** @returns undefined when the slot is free */
  subscriber(slot: number): SubscriberRow | undefined {
    const { rows } = this.subscribers;
    return consistently(rows.version, slot, () => {
      if (Atomics.load(rows.used, slot) === 0) return undefined;
      return {
        subscriber: this.#arena.text(Atomics.load(rows.id, slot)),
        lastSeen: Number(Atomics.load(rows.lastSeen, slot)),
        vip: Atomics.load(rows.vip, slot) !== 0,
        connected: Atomics.load(rows.session, slot) !== NONE,
        rowCount: Atomics.load(rows.rowCount, slot),
      };
    });
  }

  /** The connection of the subscriber in this slot; undefined while it has none. */
  sessionOfSubscriber(slot: number): number | undefined {
    const session = Atomics.load(this.subscribers.rows.session, slot);
    return session === NONE ? undefined : session;
  }

  /** @returns undefined when the slot is free */
  subscription(slot: number): SubscriptionRow | undefined {
    const { rows } = this.subscriptions;
    for (let tries = 0; tries < READ_TRIES_MAX; tries++) {
      const generation = Atomics.load(rows.generation, slot);
      const state = rowStateOf(Atomics.load(rows.rowState, slot));
      const status = statusOf(state);
      const device = Atomics.load(rows.device, slot);
      const subscriber = Atomics.load(rows.subscriber, slot);
      if (Atomics.load(rows.generation, slot) !== generation) continue;
      return status && { device, subscriber, status, reason: reasonOf(state) };
    }
    return undefined;
  }

  /** @returns undefined when the slot is free */
  filter(slot: number): FilterRow | undefined {
    const { rows } = this.filters;
    for (let tries = 0; tries < READ_TRIES_MAX; tries++) {
      const generation = Atomics.load(rows.generation, slot);
      const state = Atomics.load(rows.state, slot);
      const status = statusOf(state);
      if (status === undefined) return undefined;
      const subscriber = Atomics.load(rows.subscriber, slot);
      const filter = `${this.#arena.text(Atomics.load(rows.prefix, slot))}*`;
      // A filter that goes loses its state first, then its text; the generation is the next one's.
      const isSame = Atomics.load(rows.state, slot) === state;
      if (isSame && Atomics.load(rows.generation, slot) === generation)
        return { subscriber, filter, status, reason: reasonOf(state) };
    }
    return undefined;
  }

  /** As `subscriptionSlotsOfSubscriber`, over its filters. */
  filterSlotsOfSubscriber(subscriber: number, from: number, limit: number): SlotPage {
    const { subscriber: subscribers, state } = this.filters.rows;
    const range = { from, end: highWater(this.filters), limit, slotsMax: SUBSCRIPTIONS_PER_SCAN };
    return scan(range, (slot) => subscribers[slot] === subscriber && state[slot] !== RowState.none);
  }

  /** What an operator set the pair to, @returns undefined: nothing */
  accessOf(slot: number): 'allow' | 'deny' | undefined {
    const cell = Atomics.load(this.subscriptions.rows.rowState, slot);
    if (rowStateOf(cell) === RowState.deny) return 'deny';
    return (cell & GRANTED) !== 0 ? 'allow' : undefined;
  }

  /**
   * Slots in use from `from` on whose row passes, in slot order, until `limit` are found or `DEVICES_PER_SCAN` slots
   * were looked at. A row that comes or goes meanwhile may be missed or named; one that stays is named exactly once
   * over the pages.
   * @param passes may name a row that is being written: whoever reads it looks again
   * @returns the slots, and where the next page starts (undefined after the last)
   */
  deviceSlots(from: number, limit: number, passes: (deviceState: number, slot: number) => boolean): SlotPage {
    const { deviceState } = this.devices.rows;
    return scan({ from, end: highWater(this.devices), limit, slotsMax: DEVICES_PER_SCAN }, (slot) => {
      const state = Atomics.load(deviceState, slot);
      return state !== 0 && passes(state, slot);
    });
  }

  /**
   * Whether a device's id has this in it. Exact only while the row stays as it is.
   * @param needle UTF-8 in lower case, for which A-Z in the id count as a-z
   */
  deviceIdIncludes(slot: number, needle: Uint8Array): boolean {
    return this.#arena.includes(Atomics.load(this.devices.rows.id, slot), needle);
  }

  /** As `deviceSlots`, over the subscribers. */
  subscriberSlots(from: number, limit: number, passes: (slot: number) => boolean): SlotPage {
    const { used } = this.subscribers.rows;
    return scan(
      { from, end: highWater(this.subscribers), limit, slotsMax: DEVICES_PER_SCAN },
      (slot) => Atomics.load(used, slot) !== 0 && passes(slot),
    );
  }

  /** As `deviceIdIncludes`. */
  subscriberIdIncludes(slot: number, needle: Uint8Array): boolean {
    return this.#arena.includes(Atomics.load(this.subscribers.rows.id, slot), needle);
  }

  /**
   * Calls back for each subscription in a part of the table: its subscriber and its status.
   * @returns where the next part starts; undefined after the last
   */
  eachSubscription(
    from: number,
    each: (subscriber: number, status: SubscriptionStatus) => void,
  ): number | undefined {
    const { subscriber, rowState } = this.subscriptions.rows;
    const end = highWater(this.subscriptions);
    const stop = Math.min(end, from + SUBSCRIPTIONS_PER_SCAN);
    for (let slot = from; slot < stop; slot++) {
      const status = statusOf(rowStateOf(rowState[slot]!));
      if (status !== undefined) each(subscriber[slot]!, status);
    }
    return stop < end ? stop : undefined;
  }

  /** As `deviceIdIncludes`; case counts. */
  deviceIdStartsWith(slot: number, prefix: Uint8Array): boolean {
    return this.#arena.startsWith(Atomics.load(this.devices.rows.id, slot), prefix);
  }

  /** A device's id, to sort by. Exact only while the row stays as it is. */
  deviceId(slot: number): string {
    return this.#arena.text(Atomics.load(this.devices.rows.id, slot));
  }

  /** As `deviceId`: the status that the device reported, '' for none. */
  deviceStatus(slot: number): string {
    return this.#arena.text(Atomics.load(this.devices.rows.deviceStatus, slot));
  }

  /** As `deviceSlots`, over the subscriptions of one device; looks at `SUBSCRIPTIONS_PER_SCAN` slots. */
  subscriptionSlotsOfDevice(device: number, from: number, limit: number): SlotPage {
    const { device: devices, rowState } = this.subscriptions.rows;
    return this.#scanSubscriptions(from, limit, (slot) => devices[slot] === device && rowState[slot] !== 0);
  }

  /** As `subscriptionSlotsOfDevice`, of one subscriber. */
  subscriptionSlotsOfSubscriber(subscriber: number, from: number, limit: number): SlotPage {
    const { subscriber: subscribers, rowState } = this.subscriptions.rows;
    return this.#scanSubscriptions(
      from,
      limit,
      (slot) => subscribers[slot] === subscriber && rowState[slot] !== 0,
    );
  }

  #scanSubscriptions(from: number, limit: number, passes: (slot: number) => boolean): SlotPage {
    const end = highWater(this.subscriptions);
    return scan({ from, end, limit, slotsMax: SUBSCRIPTIONS_PER_SCAN }, passes);
  }
}

export interface SlotPage {
  readonly slots: readonly number[];
  readonly next: number | undefined;
}

function scan(
  range: { readonly from: number; readonly end: number; readonly limit: number; readonly slotsMax: number },
  passes: (slot: number) => boolean,
): SlotPage {
  const { from, end, limit, slotsMax } = range;
  const stop = Math.min(end, from + slotsMax);
  const slots: number[] = [];
  for (let slot = from; slot < stop; slot++) {
    if (!passes(slot)) continue;
    if (slots.length === limit) return { slots, next: slot };
    slots.push(slot);
  }
  return { slots, next: stop < end ? stop : undefined };
}

/** Sequence-lock read: runs `read` until the row's version was even and the same before and after. */
function consistently<T>(version: Uint16Array, slot: number, read: () => T | undefined): T | undefined {
  for (let tries = 0; tries < READ_TRIES_MAX; tries++) {
    const before = Atomics.load(version, slot);
    if ((before & 1) !== 0) continue;
    const row = read();
    if (Atomics.load(version, slot) === before) return row;
  }
  return undefined; // the owner died in the middle of this row
}
