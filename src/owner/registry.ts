/**
 * The writing side of the presence table: makes, links and frees rows and keeps every count as it changes. Owner
 * thread only; knows no ring and no socket. Rules of status are in `presence/lifecycle.ts`; this only records them.
 */
import { Arena, type ArenaReader, NO_TEXT } from '../memory/arena.ts';
import { IdMap } from '../memory/id-map.ts';
import { attachSlab, highWater } from '../memory/layout.ts';
import { PairMap } from '../memory/pair-map.ts';
import { begin, end, linkFirst, unlink } from '../memory/row-writes.ts';
import { Slots } from '../memory/slots.ts';
import { deviceColumns, Home, NONE, subscriberColumns, subscriptionColumns } from '../presence/columns.ts';
import { DeviceState, RowState, StateReason, statusOf } from '../presence/lifecycle.ts';
import {
  type DeviceSlab,
  FILTERED,
  GRANTED,
  type PresenceMemory,
  rowStateOf,
  type SubscriberSlab,
  type SubscriptionSlab,
  Total,
} from '../presence/table.ts';
import { ALL_TYPES } from '../wire/events.ts';
import { adoptTable } from './adoption.ts';
import { FilterTable } from './filter-table.ts';
import { SharedTexts } from './shared-texts.ts';

export interface RowOptions {
  readonly granted?: boolean;
  /** Bits of the event types that are delivered. */
  readonly types?: number;
  /** Those that the subscription by id asks for; 0: only filters follow. */
  readonly ownTypes?: number;
  /** It takes one of the rows that are reserved. */
  readonly reserved?: boolean;
}

export class Registry {
  readonly devices: DeviceSlab;
  readonly subscribers: SubscriberSlab;
  readonly subscriptions: SubscriptionSlab;
  readonly filters: FilterTable;
  readonly edges: number;
  /** Active subscriptions by device × edge: which edges an event goes to. */
  readonly interest: Uint32Array;
  /** Rows that a filter's pages will make. */
  reservedRows = 0;
  /** Devices that nobody but subscribers and operators has named. */
  unusedCount = 0;
  /** Called with a device's row that is about to be there, and with one that is about to be freed. */
  deviceMade: (slot: number) => void = () => {};
  deviceFreed: (slot: number) => void = () => {};
  /** A device that wants to know it has its first listener, or has lost its last. */
  interestChanged: (slot: number) => void = () => {};
  /** Of a cluster: what the device's subscriptions want of it has changed. */
  levelChanged: ((slot: number) => void) | undefined;
  /** Called with a row that is about to go, while it is still in its lists. */
  rowRemoved: (row: number) => void = () => {};
  /** Ids and statuses, for whoever copies them as bytes. */
  readonly texts: ArenaReader;
  readonly #arena: Arena;
  /** Ids of the gateways by which devices are connected. */
  readonly #gateways: SharedTexts;
  /** The device whose id was asked for last: what follows of it asks again. */
  #namedDevice = NONE;
  #deviceName = '';
  readonly #deviceIds: IdMap;
  readonly #subscriberIds: IdMap;
  readonly #deviceSlots: Slots;
  readonly #subscriberSlots: Slots;
  readonly #rowSlots: Slots;
  readonly #pairs: PairMap;
  readonly #totals: Uint32Array;

  /** @param memory a table that is fresh, or `adopt`ed at once @param edges threads that hold connections */
  constructor(memory: PresenceMemory, edges: number) {
    this.devices = attachSlab(deviceColumns, memory.devices);
    this.subscribers = attachSlab(subscriberColumns, memory.subscribers);
    this.subscriptions = attachSlab(subscriptionColumns, memory.subscriptions);
    this.edges = edges;
    this.interest = new Uint32Array(this.devices.capacity * edges);
    this.#arena = new Arena(memory.arena);
    this.texts = this.#arena;
    this.#gateways = new SharedTexts(this.#arena);
    this.filters = new FilterTable(memory.filters, this.subscribers, this.#arena);
    this.#deviceIds = new IdMap(memory.deviceIds, this.devices.rows.id, this.#arena);
    this.#subscriberIds = new IdMap(memory.subscriberIds, this.subscribers.rows.id, this.#arena);
    this.#deviceSlots = new Slots(this.devices);
    this.#subscriberSlots = new Slots(this.subscribers);
    this.#rowSlots = new Slots(this.subscriptions);
    this.#pairs = new PairMap(this.subscriptions.rows.device, this.subscriptions.rows.subscriber);
    this.#totals = new Uint32Array(memory.totals);
  }

  /** Takes over a table that another owner left. Only before anything else. */
  adopt(): void {
    this.#namedDevice = NONE;
    this.interest.fill(0);
    this.unusedCount = 0;
    adoptTable({
      devices: this.devices,
      subscribers: this.subscribers,
      subscriptions: this.subscriptions,
      arena: this.#arena,
      filters: this.filters,
      deviceIds: this.#deviceIds,
      subscriberIds: this.#subscriberIds,
      deviceSlots: this.#deviceSlots,
      subscriberSlots: this.#subscriberSlots,
      rowSlots: this.#rowSlots,
      totals: this.#totals,
      enter: (row) => {
        this.#enter(row);
        this.#count(row, this.rowState(row), 1);
        if (this.#holds(row)) this.devices.rows.holders[this.subscriptions.rows.device[row]!]! += 1;
      },
    });
    const { known, deviceState, gateway } = this.devices.rows;
    this.#gateways.adopt(gateway.subarray(0, highWater(this.devices)).filter((chunk) => chunk !== NO_TEXT));
    for (let slot = 0; slot < highWater(this.devices); slot++) {
      if (deviceState[slot] !== DeviceState.free && known[slot] === 0) this.unusedCount += 1;
    }
  }

  // Devices

  /** @returns the device's slot, or -1 */
  findDevice(id: Uint8Array, start: number, length: number): number {
    return this.#deviceIds.find(id, start, length);
  }

  /** As `findDevice`, of an id as a string. */
  deviceOf(id: string): number {
    const bytes = Buffer.from(id);
    return this.findDevice(bytes, 0, bytes.length);
  }

  /** As `ensureDevice`, of an id as a string. */
  ensureDeviceOf(id: string): number {
    const bytes = Buffer.from(id);
    return this.ensureDevice(bytes, 0, bytes.length);
  }

  /** @returns the subscriber's slot, or -1 */
  subscriberOf(id: string): number {
    const bytes = Buffer.from(id);
    return this.findSubscriber(bytes, 0, bytes.length);
  }

  /** As `ensureSubscriber`, of an id as a string. */
  ensureSubscriberOf(id: string): number {
    const bytes = Buffer.from(id);
    return this.ensureSubscriber(bytes, 0, bytes.length);
  }

  /** Finds the device or makes its row, offline and never seen. @returns its slot, or -1 when the table is full */
  ensureDevice(id: Uint8Array, start: number, length: number): number {
    const found = this.findDevice(id, start, length);
    if (found >= 0) return found;
    const slot = this.#deviceSlots.take();
    if (slot < 0) return -1;
    if (!this.#deviceIds.insert(slot, id, start, length)) {
      this.#deviceSlots.release(slot);
      return -1;
    }
    this.#namedDevice = NONE;
    const { rows } = this.devices;
    begin(rows.version, slot);
    Atomics.store(rows.lastSeen, slot, 0n);
    rows.seq[slot] = 0;
    rows.epoch[slot] = newEpoch();
    Atomics.store(rows.deviceStatus, slot, NO_TEXT);
    Atomics.store(rows.gateway, slot, NO_TEXT);
    Atomics.store(rows.session, slot, NONE);
    rows.connectedAt[slot] = 0;
    rows.holders[slot] = 0;
    Atomics.store(rows.peers, slot, 0);
    Atomics.store(rows.home, slot, Home.here);
    rows.wantsInterest[slot] = 0;
    Atomics.store(rows.waiting, slot, 0);
    Atomics.store(rows.known, slot, 0);
    this.unusedCount += 1;
    rows.firstRow[slot] = NONE;
    for (const count of [rows.active, rows.inactive, rows.allow, rows.deny]) Atomics.store(count, slot, 0);
    Atomics.store(rows.stateReason, slot, StateReason.none);
    this.deviceMade(slot); // before the row is there: it never shows what its predecessor in the slot left
    Atomics.store(rows.deviceState, slot, DeviceState.offline);
    end(rows.version, slot);
    Atomics.add(this.#totals, Total.offline, 1);
    return slot;
  }

  /** @throws Error when the device still has subscriptions: a bug in the caller */
  freeDevice(slot: number): void {
    const { rows } = this.devices;
    if (rows.firstRow[slot] !== NONE) throw new Error(`device slot ${slot} is freed with subscriptions`);
    this.deviceFreed(slot);
    this.#namedDevice = NONE;
    if (rows.known[slot] === 0) this.unusedCount -= 1;
    begin(rows.version, slot);
    Atomics.sub(this.#totals, rows.deviceState[slot]!, 1);
    Atomics.store(rows.deviceState, slot, DeviceState.free);
    this.#arena.release(rows.deviceStatus[slot]!);
    this.#gateways.release(rows.gateway[slot]!);
    Atomics.store(rows.gateway, slot, NO_TEXT);
    this.#deviceIds.remove(slot);
    end(rows.version, slot);
    this.#deviceSlots.release(slot);
  }

  /** Its numbering starts anew. */
  beginEpoch(slot: number): void {
    this.devices.rows.epoch[slot] = newEpoch();
  }

  setDeviceState(slot: number, state: DeviceState, reason: number = StateReason.none): void {
    const { deviceState, stateReason } = this.devices.rows;
    Atomics.store(stateReason, slot, reason); // first: who sees the state sees why
    Atomics.sub(this.#totals, deviceState[slot]!, 1);
    Atomics.add(this.#totals, state, 1);
    Atomics.store(deviceState, slot, state);
  }

  /**
   * Remembers what the device says of itself.
   * @returns false when there is no room for it: then the old status stays, and the caller counts
   */
  setDeviceStatus(slot: number, source: Uint8Array, start: number, length: number): boolean {
    const { rows } = this.devices;
    const before = rows.deviceStatus[slot]!;
    if (before !== NO_TEXT && this.#arena.equals(before, source, start, length)) return true;
    const chunk = this.#arena.store(source, start, length);
    if (chunk === NO_TEXT) return false;
    begin(rows.version, slot);
    Atomics.store(rows.deviceStatus, slot, chunk);
    this.#arena.release(before);
    end(rows.version, slot);
    return true;
  }

  /** The gateway by which the device is connected, '' for none; without room in the arena it has none to show. */
  setGateway(slot: number, gateway: string): void {
    const { rows } = this.devices;
    const before = rows.gateway[slot]!;
    if (before === NO_TEXT && gateway === '') return;
    const chunk = this.#gateways.hold(gateway);
    begin(rows.version, slot);
    Atomics.store(rows.gateway, slot, chunk);
    this.#gateways.release(before);
    end(rows.version, slot);
  }

  /** Whether the device's id starts with these bytes. */
  idStartsWith(slot: number, prefix: Uint8Array): boolean {
    return this.#arena.startsWith(this.devices.rows.id[slot]!, prefix);
  }

  deviceId(slot: number): string {
    if (slot !== this.#namedDevice) {
      this.#namedDevice = slot;
      this.#deviceName = this.#arena.text(this.devices.rows.id[slot]!);
    }
    return this.#deviceName;
  }

  deviceStatus(slot: number): string {
    return this.#arena.text(this.devices.rows.deviceStatus[slot]!);
  }

  hasRows(device: number): boolean {
    return this.devices.rows.firstRow[device] !== NONE;
  }

  /** Another node follows the device actively, or no more. @param edge of the link to it */
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

  /** Another node has subscriptions that wait for a reconnect, or none any more. */
  countPeerWaiting(device: number, change: 1 | -1): void {
    Atomics.add(this.devices.rows.waiting, device, change);
  }

  /** Another node has a subscription by id. */
  countPeerHolder(device: number, change: 1 | -1): void {
    this.devices.rows.holders[device]! += change;
  }

  hasRowsOf(subscriber: number): boolean {
    return this.subscribers.rows.firstRow[subscriber] !== NONE;
  }

  /** Whether a subscription holds on to the device: a filter's alone does not. */
  isHeld(device: number): boolean {
    return this.devices.rows.holders[device] !== 0;
  }

  /** The device is one that filters match: it has connected, or an operator has published for it. */
  setKnown(device: number): void {
    const { known } = this.devices.rows;
    if (known[device] === 1) return;
    Atomics.store(known, device, 1);
    this.unusedCount -= 1;
  }

  // Subscribers

  findSubscriber(id: Uint8Array, start: number, length: number): number {
    return this.#subscriberIds.find(id, start, length);
  }

  /** Finds the subscriber or makes its row, not connected. @returns its slot, or -1 when the table is full */
  ensureSubscriber(id: Uint8Array, start: number, length: number): number {
    const found = this.findSubscriber(id, start, length);
    if (found >= 0) return found;
    const slot = this.#subscriberSlots.take();
    if (slot < 0) return -1;
    if (!this.#subscriberIds.insert(slot, id, start, length)) {
      this.#subscriberSlots.release(slot);
      return -1;
    }
    const { rows } = this.subscribers;
    begin(rows.version, slot);
    Atomics.store(rows.lastSeen, slot, 0n);
    Atomics.store(rows.session, slot, NONE);
    rows.firstRow[slot] = NONE;
    rows.firstFilter[slot] = NONE;
    rows.filterCount[slot] = 0;
    Atomics.store(rows.rowCount, slot, 0);
    Atomics.store(rows.edge, slot, 0);
    Atomics.store(rows.vip, slot, 0);
    Atomics.store(rows.silent, slot, 0);
    Atomics.store(rows.used, slot, 1);
    end(rows.version, slot);
    return slot;
  }

  /** @throws Error when the subscriber still has subscriptions: a bug in the caller */
  freeSubscriber(slot: number): void {
    const { rows } = this.subscribers;
    if (rows.firstRow[slot] !== NONE) throw new Error(`subscriber slot ${slot} is freed with subscriptions`);
    begin(rows.version, slot);
    Atomics.store(rows.used, slot, 0);
    this.#subscriberIds.remove(slot);
    end(rows.version, slot);
    this.#subscriberSlots.release(slot);
  }

  /** From now on the subscriber counts for another edge. @param hasActive whether it may have active rows */
  moveToEdge(slot: number, edge: number, hasActive: boolean): void {
    const { edge: edges } = this.subscribers.rows;
    const before = edges[slot]!;
    Atomics.store(edges, slot, edge);
    if (!hasActive) return;
    this.forEachOfSubscriber(slot, (row, device) => {
      if (this.rowState(row) !== RowState.active) return;
      this.interest[device * this.edges + before]! -= 1;
      this.interest[device * this.edges + edge]! += 1;
    });
  }

  subscriberId(slot: number): string {
    return this.#arena.text(this.subscribers.rows.id[slot]!);
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

  /** Makes the pair's row, which must not exist, in a state other than none. @returns its slot, or -1 when full */
  createRow(
    device: number,
    subscriber: number,
    state: RowState,
    { granted = false, types = ALL_TYPES, ownTypes = types, reserved = false }: RowOptions = {},
  ): number {
    if (!reserved && this.freeRows <= 0) return -1;
    const row = this.#rowSlots.take();
    if (row < 0) return -1;
    const { rows } = this.subscriptions;
    rows.device[row] = device;
    rows.subscriber[row] = subscriber;
    rows.types[row] = types;
    rows.ownTypes[row] = ownTypes;
    const flags = (granted ? GRANTED : 0) | (ownTypes === 0 ? FILTERED : 0);
    if (reserved) this.reservedRows -= 1;
    this.#enter(row);
    this.#count(row, state, 1);
    Atomics.store(rows.rowState, row, state | flags);
    if (this.#holds(row)) this.devices.rows.holders[device]! += 1;
    return row;
  }

  /** Rows that may be made, apart from those that are reserved. */
  get freeRows(): number {
    return this.#rowSlots.freeCount - this.reservedRows;
  }

  /** Whether only filters of the subscriber follow the device. */
  isFiltered(row: number): boolean {
    return (this.subscriptions.rows.rowState[row]! & FILTERED) !== 0;
  }

  /** @param ownTypes what the subscription by id asks for; 0: from here on only filters follow @param types in all */
  setTypes(row: number, ownTypes: number, types: number): void {
    const { rows } = this.subscriptions;
    rows.types[row] = types;
    rows.ownTypes[row] = ownTypes;
    this.#setFiltered(row, ownTypes === 0);
  }

  /** The row is an operator's: it holds on to its device. */
  setHeld(row: number): void {
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

  /** Whether the row holds on to its device: it is more than a filter's, or an operator has allowed the pair. */
  #holds(row: number): boolean {
    return !this.isFiltered(row) || this.isGranted(row);
  }

  /** Puts the row into a state other than none. */
  setRowState(row: number, state: RowState): void {
    const { rowState } = this.subscriptions.rows;
    const cell = rowState[row]!;
    this.#count(row, rowStateOf(cell), -1);
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
    Atomics.add(this.subscribers.rows.rowCount, subscriber, 1);
  }

  /** Adds `change` to the device's count of the state's status, to the totals and to the edge's interest. */
  #count(row: number, state: number, change: 1 | -1): void {
    const status = statusOf(state);
    if (status === undefined) return;
    const { device: devices, subscriber: subscribers } = this.subscriptions.rows;
    const device = devices[row]!;
    const { rows } = this.devices;
    begin(rows.version, device);
    const before = Atomics.add(rows[status], device, change);
    if (state === RowState.disconnected) Atomics.add(rows.waiting, device, change);
    end(rows.version, device);
    Atomics.add(this.#totals, Total[status], change);
    this.levelChanged?.(device);
    if (status === 'active') {
      this.interest[device * this.edges + this.subscribers.rows.edge[subscribers[row]!]!]! += change;
      const isFirstOrLast = before === 0 || before + change === 0;
      if (isFirstOrLast && rows.wantsInterest[device] !== 0) this.interestChanged(device);
    }
  }
}

/** Told apart from every other by chance alone: there are 2^52. */
function newEpoch(): number {
  return 1 + Math.floor(Math.random() * 2 ** 52);
}
