/**
 * Takes over a presence table that another owner left, whatever it was doing when it died. A row exists if the cell
 * that is written last says so (`deviceState`, `used`, `rowState`). Everything else follows from the rows: free slots
 * and arena units, maps, lists, counts. Cells that other threads read are written only where they are wrong, so these
 * threads see a consistent table throughout. Owner thread only, before it serves anyone.
 */
import { type Arena, NO_TEXT } from '../memory/arena.ts';
import type { IdMap } from '../memory/id-map.ts';
import { highWater } from '../memory/layout.ts';
import { begin, end, settle } from '../memory/row-writes.ts';
import type { Slots } from '../memory/slots.ts';
import { NONE } from '../presence/columns.ts';
import { DeviceState, RowState, statusOf } from '../presence/lifecycle.ts';
import {
  type DeviceSlab,
  rowStateOf,
  type SubscriberSlab,
  type SubscriptionSlab,
  Total,
} from '../presence/memory.ts';
import type { FilterTable } from './filter-table.ts';

/** The parts that are rebuilt. */
export interface TableParts {
  readonly devices: DeviceSlab;
  readonly subscribers: SubscriberSlab;
  readonly subscriptions: SubscriptionSlab;
  readonly arena: Arena;
  readonly filters: FilterTable;
  readonly deviceIds: IdMap;
  readonly subscriberIds: IdMap;
  readonly deviceSlots: Slots;
  readonly subscriberSlots: Slots;
  readonly rowSlots: Slots;
  readonly totals: Uint32Array;
  /** Puts an existing row into the lists, the map and the owner's own counts, which are empty at the start. */
  enter(row: number): void;
}

/**
 * Repairs the table that another owner left: it may have died between any two stores. Owner thread only.
 */
export function adoptTable(parts: TableParts): void {
  const { devices, subscribers, subscriptions } = parts;
  const recount = new Recount(parts);
  const isDevice = (slot: number): boolean =>
    devices.rows.deviceState[slot] !== DeviceState.free && devices.rows.id[slot] !== NO_TEXT;
  const isSubscriber = (slot: number): boolean =>
    subscribers.rows.used[slot] === 1 && subscribers.rows.id[slot] !== NO_TEXT;
  const usedDevices = adoptSlots(devices, isDevice, (slot) => {
    const { rows } = devices;
    rows.firstRow[slot] = NONE;
    rows.holders[slot] = 0;
    // One that was about to leave, and whatever a slot that is free had left.
    if (!isDevice(slot) || rows.session[slot] === NONE) Atomics.store(rows.gateway, slot, NO_TEXT);
    if (isDevice(slot)) recount.totals[rows.deviceState[slot]!]! += 1;
    else Atomics.store(rows.deviceState, slot, DeviceState.free);
  });
  const usedSubscribers = adoptSlots(subscribers, isSubscriber, (slot) => {
    const { rows } = subscribers;
    rows.firstRow[slot] = NONE;
    rows.firstFilter[slot] = NONE;
    rows.filterCount[slot] = 0;
    if (!isSubscriber(slot)) Atomics.store(rows.used, slot, 0);
  });
  const chunks = chunksOf(devices, usedDevices, subscribers, usedSubscribers);
  parts.arena.adopt(Uint32Array.from([...chunks, ...parts.filters.chunks()]));
  parts.filters.adopt(isSubscriber);
  parts.deviceIds.adopt(usedDevices);
  parts.subscriberIds.adopt(usedSubscribers);
  parts.deviceSlots.adopt(isDevice);
  parts.subscriberSlots.adopt(isSubscriber);
  const { rowState, device, subscriber } = subscriptions.rows;
  const isRow = (row: number): boolean =>
    rowStateOf(rowState[row]!) !== RowState.none && isDevice(device[row]!) && isSubscriber(subscriber[row]!);
  for (let row = 0; row < highWater(subscriptions); row++) {
    if (isRow(row)) {
      parts.enter(row);
      recount.row(rowStateOf(rowState[row]!), device[row]!, subscriber[row]!);
    } else Atomics.store(rowState, row, RowState.none);
  }
  recount.store();
  parts.rowSlots.adopt(isRow);
}

/** Counts all rows outside the table, which keeps the old counts until all rows are counted. */
class Recount {
  /** See `Total`. */
  readonly totals: Uint32Array;
  readonly #parts: TableParts;
  /** By device. */
  readonly #byStatus;
  readonly #waiting: Uint32Array;
  /** By subscriber. */
  readonly #rowCount: Uint32Array;

  constructor(parts: TableParts) {
    const { devices, subscribers, totals } = parts;
    const byDevice = (): Uint32Array => new Uint32Array(highWater(devices));
    this.#parts = parts;
    this.totals = new Uint32Array(totals.length);
    this.#byStatus = { active: byDevice(), inactive: byDevice(), allow: byDevice(), deny: byDevice() };
    this.#waiting = byDevice();
    this.#rowCount = new Uint32Array(highWater(subscribers));
  }

  row(state: number, device: number, subscriber: number): void {
    const status = statusOf(state)!;
    this.totals[Total[status]]! += 1;
    this.#byStatus[status][device]! += 1;
    if (state === RowState.disconnected) this.#waiting[device]! += 1;
    this.#rowCount[subscriber]! += 1;
  }

  /** Corrects the counts in the table. */
  store(): void {
    const { devices, subscribers, totals } = this.#parts;
    for (let slot = 0; slot < this.#waiting.length; slot++) this.#storeDevice(slot, devices.rows);
    const { rowCount } = subscribers.rows;
    for (const [slot, count] of this.#rowCount.entries())
      if (rowCount[slot] !== count) Atomics.store(rowCount, slot, count);
    for (const [total, count] of this.totals.entries())
      if (totals[total] !== count) Atomics.store(totals, total, count);
  }

  #storeDevice(slot: number, rows: DeviceSlab['rows']): void {
    const { active, inactive, allow, deny } = this.#byStatus;
    const counts = [
      [rows.active, active[slot]!],
      [rows.inactive, inactive[slot]!],
      [rows.allow, allow[slot]!],
      [rows.deny, deny[slot]!],
      [rows.waiting, this.#waiting[slot]!],
      [rows.peers, 0], // other nodes say anew what they follow
    ] as const;
    if (counts.every(([column, count]) => column[slot] === count)) return;
    begin(rows.version, slot);
    for (const [column, count] of counts) Atomics.store(column, slot, count);
    end(rows.version, slot);
  }
}

/** Resets and settles every slot that was ever used. @returns those that are */
function adoptSlots(
  slab: DeviceSlab | SubscriberSlab,
  isUsed: (slot: number) => boolean,
  reset: (slot: number) => void,
): number[] {
  const used: number[] = [];
  for (let slot = 0; slot < highWater(slab); slot++) {
    reset(slot);
    if (isUsed(slot)) used.push(slot);
    else slab.rows.id[slot] = NO_TEXT;
    settle(slab.rows.version, slot);
  }
  return used;
}

/** Those of ids, of statuses and of gateways. */
function chunksOf(
  devices: DeviceSlab,
  usedDevices: readonly number[],
  subscribers: SubscriberSlab,
  usedSubscribers: readonly number[],
): number[] {
  const { id, deviceStatus, gateway } = devices.rows;
  return [
    ...usedDevices.map((slot) => id[slot]!),
    ...usedDevices.map((slot) => deviceStatus[slot]!).filter((chunk) => chunk !== NO_TEXT),
    // Many devices share one.
    ...new Set(usedDevices.map((slot) => gateway[slot]!).filter((chunk) => chunk !== NO_TEXT)),
    ...usedSubscribers.map((slot) => subscribers.rows.id[slot]!),
  ];
}
