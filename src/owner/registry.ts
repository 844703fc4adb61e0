/**
 * The writing side of the presence table: creates, links and frees subscriptions and updates every count. Rows of
 * devices and subscribers are in `peer-table.ts`. Owner thread only; knows no ring and no socket. The rules for
 * statuses are in `presence/lifecycle.ts`; this file only stores the results.
 */
import { NO_TEXT } from '../memory/arena.ts';
import { attachSlab, highWater } from '../memory/layout.ts';
import { PairMap } from '../memory/pair-map.ts';
import { begin, end, linkFirst, unlink } from '../memory/row-writes.ts';
import { Slots } from '../memory/slots.ts';
import { NONE, subscriptionColumns } from '../presence/columns.ts';
import { DeviceState, RowState, statusOf } from '../presence/lifecycle.ts';
import {
  FILTERED,
  GRANTED,
  type PresenceMemory,
  rowStateOf,
  type SubscriptionSlab,
  Total,
} from '../presence/memory.ts';
import { ALL_TYPES } from '../wire/events.ts';
import { adoptTable } from './adoption.ts';
import { FilterTable } from './filter-table.ts';
import { PeerTable } from './peer-table.ts';

export interface RowOptions {
  readonly granted?: boolean;
  /** Bits of the event types that are delivered; none for a pair that an operator merely allowed or denied. */
  readonly types?: number;
  /** Those that the subscription by id asks for; 0: only filters follow. */
  readonly ownTypes?: number;
  /** Whether it takes one of the reserved rows. */
  readonly reserved?: boolean;
}

export class Registry extends PeerTable {
  readonly subscriptions: SubscriptionSlab;
  readonly filters: FilterTable;
  readonly edges: number;
  /** Active subscriptions by device × edge: which edges an event goes to. */
  readonly interest: Uint32Array;
  /** A device that wants to know has its first listener, or has lost its last. */
  interestChanged: (slot: number) => void = () => {};
  /** In a cluster: what the device's subscriptions need from it has changed. */
  levelChanged: ((slot: number) => void) | undefined;
  /** Called before a row is removed, while it is still in its lists. */
  rowRemoved: (row: number) => void = () => {};
  readonly #rowSlots: Slots;
  readonly #pairs: PairMap;
  /** Rows that pages of filters will create: in total, and by subscriber if there are any. */
  #reservedRows = 0;
  readonly #reservedOf = new Map<number, number>();

  /** @param memory a new table, or one that is `adopt`ed at once @param edges threads that hold connections */
  constructor(memory: PresenceMemory, edges: number) {
    super(memory);
    this.subscriptions = attachSlab(subscriptionColumns, memory.subscriptions);
    this.edges = edges;
    this.interest = new Uint32Array(this.devices.capacity * edges);
    this.filters = new FilterTable(memory.filters, this.subscribers, this.arena);
    this.#rowSlots = new Slots(this.subscriptions);
    this.#pairs = new PairMap(this.subscriptions.rows.device, this.subscriptions.rows.subscriber);
  }

  /** Takes over a table that another owner left. Only before anything else. */
  adopt(): void {
    this.interest.fill(0);
    this.unusedCount = 0;
    adoptTable({
      devices: this.devices,
      subscribers: this.subscribers,
      subscriptions: this.subscriptions,
      arena: this.arena,
      filters: this.filters,
      deviceIds: this.deviceIds,
      subscriberIds: this.subscriberIds,
      deviceSlots: this.deviceSlots,
      subscriberSlots: this.subscriberSlots,
      rowSlots: this.#rowSlots,
      totals: this.totals,
      enter: (row) => {
        this.#enter(row);
        const device = this.subscriptions.rows.device[row]!;
        if (this.rowState(row) === RowState.active) this.#countInterest(row, 1);
        if (this.#holds(row)) this.devices.rows.holders[device]! += 1;
        this.levelChanged?.(device);
      },
    });
    const { known, deviceState, gateway } = this.devices.rows;
    // Stryker disable next-line MethodExpression,ConditionalExpression: nothing is kept of what is no text
    this.gateways.adopt(gateway.subarray(0, highWater(this.devices)).filter((chunk) => chunk !== NO_TEXT));
    // Stryker disable next-line EqualityOperator: a row that was never used is no device
    for (let slot = 0; slot < highWater(this.devices); slot++) {
      if (deviceState[slot] !== DeviceState.free && known[slot] === 0) this.unusedCount += 1;
    }
  }

  // What other nodes and edges have of them

  /** Another node follows the device actively, or no longer does. @param edge of the link to it */
  countPeer(device: number, edge: number, change: 1 | -1): void {
    const { rows } = this.devices;
    begin(rows.version, device);
    const before = Atomics.add(rows.active, device, change);
    Atomics.add(rows.peers, device, change);
    end(rows.version, device);
    this.interest[device * this.edges + edge]! += change;
    if ((before === 0 || before + change === 0) && rows.wantsInterest[device] !== 0)
      this.interestChanged(device);
  }

  /** Another node has subscriptions that wait for a reconnect, or no longer has any. */
  countPeerWaiting(device: number, change: 1 | -1): void {
    Atomics.add(this.devices.rows.waiting, device, change);
  }

  /** Another node has a subscription by id. */
  countPeerHolder(device: number, change: 1 | -1): void {
    this.devices.rows.holders[device]! += change;
  }

  /** From now on the subscriber counts for another edge. @param hasActive whether it may have active rows */
  moveToEdge(slot: number, edge: number, hasActive: boolean): void {
    const { edge: edges } = this.subscribers.rows;
    const before = edges[slot]!;
    Atomics.store(edges, slot, edge);
    // Stryker disable next-line ConditionalExpression: a short cut
    if (!hasActive) return;
    this.forEachOfSubscriber(slot, (row, device) => {
      if (this.rowState(row) !== RowState.active) return;
      this.interest[device * this.edges + before]! -= 1;
      this.interest[device * this.edges + edge]! += 1;
    });
  }

  // Subscriptions

  /** @returns the subscription's slot, or -1 */
  findRow(device: number, subscriber: number): number {
    return this.#pairs.find(device, subscriber);
  }

  rowState(row: number): number {
    return rowStateOf(this.subscriptions.rows.rowState[row]!);
  }

  isGranted(row: number): boolean {
    return (this.subscriptions.rows.rowState[row]! & GRANTED) !== 0;
  }

  /** Creates the pair's row, which must not exist, in a state other than none. @returns its slot, or -1 when full */
  createRow(device: number, subscriber: number, state: RowState, options: RowOptions = {}): number {
    const isFollow = state !== RowState.allow && state !== RowState.deny;
    const { granted = false, types = isFollow ? ALL_TYPES : 0, ownTypes = types, reserved = false } = options;
    if (!reserved && this.freeRows <= 0) return -1;
    const row = this.#rowSlots.take();
    if (row < 0) return -1;
    const { rows } = this.subscriptions;
    rows.device[row] = device;
    rows.subscriber[row] = subscriber;
    rows.types[row] = types;
    rows.ownTypes[row] = ownTypes;
    const flags = (granted ? GRANTED : 0) | (isFollow && ownTypes === 0 ? FILTERED : 0);
    if (reserved) this.reserve(subscriber, -1);
    this.#enter(row);
    Atomics.add(this.subscribers.rows.rowCount, subscriber, 1);
    this.#count(row, state, 1);
    Atomics.store(rows.rowState, row, state | flags);
    if (this.#holds(row)) this.devices.rows.holders[device]! += 1;
    return row;
  }

  /**
   * Reserves rows for what the subscriber is about to follow, or releases them. @param change how many more; below 0:
   * fewer
   */
  reserve(subscriber: number, change: number): void {
    this.#reservedRows += change;
    const count = this.#reservedOfSubscriber(subscriber) + change;
    // Stryker disable next-line ConditionalExpression,EqualityOperator: an entry of 0 is as good as none
    if (count > 0) this.#reservedOf.set(subscriber, count);
    else this.#reservedOf.delete(subscriber);
  }

  #reservedOfSubscriber(subscriber: number): number {
    return this.#reservedOf.get(subscriber) ?? 0;
  }

  /** Of all subscribers. */
  get reservedRows(): number {
    return this.#reservedRows;
  }

  /** Rows that may be created, not counting reserved ones. */
  get freeRows(): number {
    return this.#rowSlots.freeCount - this.#reservedRows;
  }

  /** The subscriber's rows, and those that are reserved for it. */
  rowCount(subscriber: number): number {
    return this.subscribers.rows.rowCount[subscriber]! + this.#reservedOfSubscriber(subscriber);
  }

  /** Whether only filters of the subscriber follow the device. */
  isFiltered(row: number): boolean {
    return (this.subscriptions.rows.rowState[row]! & FILTERED) !== 0;
  }

  /** @param ownTypes what the subscription by id asks for; 0: from now on only filters follow @param types in total */
  setTypes(row: number, ownTypes: number, types: number): void {
    const { rows } = this.subscriptions;
    rows.types[row] = types;
    rows.ownTypes[row] = ownTypes;
    this.#setFiltered(row, ownTypes === 0);
  }

  /**
   * An operator has set the row, so it keeps its device in the table. The types that a denied subscriber had asked for
   * are kept, because the operator may allow them again; an allowed one has asked for nothing yet.
   */
  setHeld(row: number): void {
    const { types, ownTypes } = this.subscriptions.rows;
    if (this.rowState(row) === RowState.allow) types[row] = ownTypes[row] = 0;
    this.#setFiltered(row, false);
  }

  #setFiltered(row: number, filtered: boolean): void {
    this.#setFlag(row, FILTERED, filtered);
  }

  #setFlag(row: number, flag: number, isSet: boolean): void {
    const { rowState, device } = this.subscriptions.rows;
    const before = this.#holds(row);
    Atomics.store(rowState, row, isSet ? rowState[row]! | flag : rowState[row]! & ~flag);
    if (this.#holds(row) === before) return;
    this.devices.rows.holders[device[row]!]! += before ? -1 : 1;
    this.levelChanged?.(device[row]!);
  }

  /** Whether the row keeps its device in the table: not only filters follow, or an operator has allowed the pair. */
  #holds(row: number): boolean {
    return !this.isFiltered(row) || this.isGranted(row);
  }

  /** Puts the row into a state other than none. */
  setRowState(row: number, state: RowState): void {
    const { rowState } = this.subscriptions.rows;
    const cell = rowState[row]!;
    const before = rowStateOf(cell);
    if (before === state) return; // else a device would be told of a last listener and of a first one
    this.#count(row, before, -1);
    this.#count(row, state, 1);
    Atomics.store(rowState, row, state | (cell & (GRANTED | FILTERED)));
  }

  setGranted(row: number, granted: boolean): void {
    this.#setFlag(row, GRANTED, granted);
  }

  removeRow(row: number): void {
    const { rows } = this.subscriptions;
    const device = rows.device[row]!;
    const subscriber = rows.subscriber[row]!;
    this.rowRemoved(row);
    this.#count(row, this.rowState(row), -1);
    if (this.#holds(row)) this.devices.rows.holders[device]! -= 1;
    Atomics.store(rows.rowState, row, RowState.none);
    unlink(row, device, this.devices.rows.firstRow, rows.nextOfDevice, rows.prevOfDevice);
    unlink(row, subscriber, this.subscribers.rows.firstRow, rows.nextOfSubscriber, rows.prevOfSubscriber);
    this.#pairs.remove(row);
    Atomics.sub(this.subscribers.rows.rowCount, subscriber, 1);
    this.#rowSlots.release(row);
  }

  /** Visits each subscription of the device; `visit` may remove the one it is given. */
  forEachOfDevice(device: number, visit: (row: number, subscriber: number) => void): void {
    const { nextOfDevice, subscriber } = this.subscriptions.rows;
    for (let row = this.devices.rows.firstRow[device]!; row !== NONE; ) {
      const next = nextOfDevice[row]!;
      visit(row, subscriber[row]!);
      row = next;
    }
  }

  /** Visits each subscription of the subscriber; `visit` may remove the one it is given. */
  forEachOfSubscriber(subscriber: number, visit: (row: number, device: number) => void): void {
    const { nextOfSubscriber, device } = this.subscriptions.rows;
    for (let row = this.subscribers.rows.firstRow[subscriber]!; row !== NONE; ) {
      const next = nextOfSubscriber[row]!;
      visit(row, device[row]!);
      row = next;
    }
  }

  /** Enters a row into the lists of its device and its subscriber and into the map of pairs. */
  #enter(row: number): void {
    const { rows } = this.subscriptions;
    const device = rows.device[row]!;
    const subscriber = rows.subscriber[row]!;
    linkFirst(row, device, this.devices.rows.firstRow, rows.nextOfDevice, rows.prevOfDevice);
    linkFirst(row, subscriber, this.subscribers.rows.firstRow, rows.nextOfSubscriber, rows.prevOfSubscriber);
    this.#pairs.insert(row);
  }

  /** Adds `change` to the device's count of the state's status, to the totals and to the edge's interest. */
  #count(row: number, state: number, change: 1 | -1): void {
    const status = statusOf(state);
    // Stryker disable next-line ConditionalExpression: every row that is counted has one
    if (status === undefined) return;
    const device = this.subscriptions.rows.device[row]!;
    const { rows } = this.devices;
    begin(rows.version, device);
    const before = Atomics.add(rows[status], device, change);
    if (state === RowState.disconnected) Atomics.add(rows.waiting, device, change);
    end(rows.version, device);
    Atomics.add(this.totals, Total[status], change);
    this.levelChanged?.(device);
    if (status === 'active') {
      this.#countInterest(row, change);
      const isFirstOrLast = before === 0 || before + change === 0;
      if (isFirstOrLast && rows.wantsInterest[device] !== 0) this.interestChanged(device);
    }
  }

  /** Of the edge that holds the row's subscriber, or last did. */
  #countInterest(row: number, change: 1 | -1): void {
    const { device, subscriber } = this.subscriptions.rows;
    this.interest[device[row]! * this.edges + this.subscribers.rows.edge[subscriber[row]!]!]! += change;
  }
}
