/** The shared memory of the presence table: what it is made of, and how large. The owner writes it, any thread reads. */
import { ID_BYTES_MAX } from '../limits.ts';
import { ARENA_TEXT_BYTES_MAX, arenaBytesFor } from '../memory/arena.ts';
import { createIdMap } from '../memory/id-map.ts';
import { createSlab, type Slab } from '../memory/layout.ts';
import { deviceColumns, filterColumns, subscriberColumns, subscriptionColumns } from './columns.ts';

/** Filters that there is room for: one for each subscriber, and at least this many. */
const FILTERS_MIN = 1024;

export interface PresenceCapacity {
  readonly devices: number;
  readonly subscribers: number;
  readonly subscriptions: number;
}

/** What crosses threads: the shared memory of the whole table. */
export interface PresenceMemory {
  readonly devices: SharedArrayBuffer;
  readonly subscribers: SharedArrayBuffer;
  readonly subscriptions: SharedArrayBuffer;
  readonly filters: SharedArrayBuffer;
  readonly arena: SharedArrayBuffer;
  readonly deviceIds: SharedArrayBuffer;
  readonly subscriberIds: SharedArrayBuffer;
  readonly totals: SharedArrayBuffer;
}

/** Words of the `totals` line; writer: owner. */
export const Total = {
  online: 1, // the device states at their own numbers
  stale: 2,
  offline: 3,
  allow: 4,
  active: 5,
  inactive: 6,
  deny: 7,
} as const;

/** Bit 7 of `rowState`: an operator allowed the pair. */
export const GRANTED = 0x80;
/** Bit 6: only filters of the subscriber follow the device. */
export const FILTERED = 0x40;
const STATE_MASK = 0x3f;
export const rowStateOf = (cell: number): number => cell & STATE_MASK;

/** Memory of the presence table; on main, once. @param capacity rows of each kind */
export function createPresence(capacity: PresenceCapacity): PresenceMemory {
  const { devices, subscribers, subscriptions } = capacity;
  const filters = Math.max(FILTERS_MIN, subscribers);
  return {
    devices: createSlab(deviceColumns, devices).memory,
    subscribers: createSlab(subscriberColumns, subscribers).memory,
    subscriptions: createSlab(subscriptionColumns, subscriptions).memory,
    filters: createSlab(filterColumns, filters).memory,
    // Room for the longest of all of them: a table with a free row never refuses an id, a filter or a status.
    arena: new SharedArrayBuffer(
      arenaBytesFor([
        { count: devices + subscribers + filters, bytesMax: ID_BYTES_MAX },
        { count: devices + 1, bytesMax: ID_BYTES_MAX }, // gateways: at worst each device has another
        { count: devices + 1, bytesMax: ARENA_TEXT_BYTES_MAX }, // one more: a new status is stored before the old one goes
      ]),
    ),
    deviceIds: createIdMap(devices),
    subscriberIds: createIdMap(subscribers),
    totals: new SharedArrayBuffer(64),
  };
}

export type DeviceSlab = Slab<typeof deviceColumns>;
export type SubscriberSlab = Slab<typeof subscriberColumns>;
export type SubscriptionSlab = Slab<typeof subscriptionColumns>;
export type FilterSlab = Slab<typeof filterColumns>;
