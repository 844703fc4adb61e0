/**
 * The rows of devices and subscribers, found by id. Owner thread only. `registry.ts` links the two.
 */
import { Arena, type ArenaReader, NO_TEXT } from '../memory/arena.ts';
import { IdMap } from '../memory/id-map.ts';
import { attachSlab } from '../memory/layout.ts';
import { begin, end } from '../memory/row-writes.ts';
import { Slots } from '../memory/slots.ts';
import { deviceColumns, NONE, Numbering, subscriberColumns } from '../presence/columns.ts';
import { DeviceState, StateReason } from '../presence/lifecycle.ts';
import { type DeviceSlab, type PresenceMemory, type SubscriberSlab, Total } from '../presence/memory.ts';
import { SharedTexts } from './shared-texts.ts';

export class PeerTable {
  readonly devices: DeviceSlab;
  readonly subscribers: SubscriberSlab;
  /** Devices that only subscribers and operators have named. */
  unusedCount = 0;
  /** Called before a device's row is created, and before one is freed. */
  deviceMade: (slot: number) => void = () => {};
  deviceFreed: (slot: number) => void = () => {};
  /** Ids and statuses, for whoever copies them as bytes. */
  readonly texts: ArenaReader;
  protected readonly arena: Arena;
  /** Ids of the gateways by which devices are connected. */
  protected readonly gateways: SharedTexts;
  protected readonly deviceIds: IdMap;
  protected readonly subscriberIds: IdMap;
  protected readonly deviceSlots: Slots;
  protected readonly subscriberSlots: Slots;
  /** See `Total`. */
  protected readonly totals: Uint32Array;

  protected constructor(memory: PresenceMemory) {
    this.devices = attachSlab(deviceColumns, memory.devices);
    this.subscribers = attachSlab(subscriberColumns, memory.subscribers);
    this.arena = new Arena(memory.arena);
    this.texts = this.arena;
    this.gateways = new SharedTexts(this.arena);
    this.deviceIds = new IdMap(memory.deviceIds, this.devices.rows.id, this.arena);
    this.subscriberIds = new IdMap(memory.subscriberIds, this.subscribers.rows.id, this.arena);
    this.deviceSlots = new Slots(this.devices);
    this.subscriberSlots = new Slots(this.subscribers);
    this.totals = new Uint32Array(memory.totals);
  }

  // Devices

  /** @returns the device's slot, or -1 */
  findDevice(id: Uint8Array, start: number, length: number): number {
    return this.deviceIds.find(id, start, length);
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

  /** Finds the device or creates its row, offline and never seen. @returns its slot, or -1 when the table is full */
  ensureDevice(id: Uint8Array, start: number, length: number): number {
    const found = this.findDevice(id, start, length);
    if (found >= 0) return found;
    const slot = this.deviceSlots.take();
    if (slot < 0) return -1;
    if (!this.deviceIds.insert(slot, id, start, length)) {
      this.deviceSlots.release(slot);
      return -1;
    }
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
    Atomics.store(rows.home, slot, Numbering.here);
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
    Atomics.add(this.totals, Total.offline, 1);
    return slot;
  }

  /** @throws Error when the device still has subscriptions: a bug in the caller */
  freeDevice(slot: number): void {
    const { rows } = this.devices;
    if (rows.firstRow[slot] !== NONE) throw new Error(`device slot ${slot} is freed with subscriptions`);
    this.deviceFreed(slot);
    if (rows.known[slot] === 0) this.unusedCount -= 1;
    begin(rows.version, slot);
    Atomics.sub(this.totals, rows.deviceState[slot]!, 1);
    Atomics.store(rows.deviceState, slot, DeviceState.free);
    this.arena.release(rows.deviceStatus[slot]!);
    this.gateways.release(rows.gateway[slot]!);
    Atomics.store(rows.gateway, slot, NO_TEXT);
    this.deviceIds.remove(slot);
    end(rows.version, slot);
    this.deviceSlots.release(slot);
  }

  /** Its numbering starts over. */
  beginEpoch(slot: number): void {
    this.devices.rows.epoch[slot] = newEpoch();
  }

  setDeviceState(slot: number, state: DeviceState, reason: number = StateReason.none): void {
    const { deviceState, stateReason } = this.devices.rows;
    Atomics.store(stateReason, slot, reason); // first: who sees the state sees why
    Atomics.sub(this.totals, deviceState[slot]!, 1);
    Atomics.add(this.totals, state, 1);
    Atomics.store(deviceState, slot, state);
  }

  /**
   * Stores the device's own status. @returns false if there is no room for it: the old status stays, and the caller
   * counts that
   */
  setDeviceStatus(slot: number, source: Uint8Array, start: number, length: number): boolean {
    const { rows } = this.devices;
    const before = rows.deviceStatus[slot]!;
    if (before !== NO_TEXT && this.arena.equals(before, source, start, length)) return true;
    const chunk = this.arena.store(source, start, length);
    if (chunk === NO_TEXT) return false;
    begin(rows.version, slot);
    Atomics.store(rows.deviceStatus, slot, chunk);
    this.arena.release(before);
    end(rows.version, slot);
    return true;
  }

  /**
   * Stores the gateway through which the device is connected, '' for none; without room in the arena, none is shown.
   */
  setGateway(slot: number, gateway: string): void {
    const { rows } = this.devices;
    const before = rows.gateway[slot]!;
    if (before === NO_TEXT && gateway === '') return;
    const chunk = this.gateways.hold(gateway);
    begin(rows.version, slot);
    Atomics.store(rows.gateway, slot, chunk);
    this.gateways.release(before);
    end(rows.version, slot);
  }

  /** Whether the device's id starts with these bytes. */
  idStartsWith(slot: number, prefix: Uint8Array): boolean {
    return this.arena.startsWith(this.devices.rows.id[slot]!, prefix);
  }

  deviceId(slot: number): string {
    return this.arena.text(this.devices.rows.id[slot]!);
  }

  deviceStatus(slot: number): string {
    return this.arena.text(this.devices.rows.deviceStatus[slot]!);
  }

  hasRows(device: number): boolean {
    return this.devices.rows.firstRow[device] !== NONE;
  }

  /** Whether a subscription keeps the device in the table; one made only by a filter does not. */
  isHeld(device: number): boolean {
    return this.devices.rows.holders[device] !== 0;
  }

  /** From now on filters match the device: it has connected, or an operator has published for it. */
  setKnown(device: number): void {
    const { known } = this.devices.rows;
    if (known[device] === 1) return;
    Atomics.store(known, device, 1);
    this.unusedCount -= 1;
  }

  // Subscribers

  /** @returns the subscriber's slot, or -1 */
  findSubscriber(id: Uint8Array, start: number, length: number): number {
    return this.subscriberIds.find(id, start, length);
  }

  /** As `findSubscriber`, of an id as a string. */
  subscriberOf(id: string): number {
    const bytes = Buffer.from(id);
    return this.findSubscriber(bytes, 0, bytes.length);
  }

  /** As `ensureSubscriber`, of an id as a string. */
  ensureSubscriberOf(id: string): number {
    const bytes = Buffer.from(id);
    return this.ensureSubscriber(bytes, 0, bytes.length);
  }

  /** Finds the subscriber or creates its row, not connected. @returns its slot, or -1 when the table is full */
  ensureSubscriber(id: Uint8Array, start: number, length: number): number {
    const found = this.findSubscriber(id, start, length);
    if (found >= 0) return found;
    const slot = this.subscriberSlots.take();
    if (slot < 0) return -1;
    if (!this.subscriberIds.insert(slot, id, start, length)) {
      this.subscriberSlots.release(slot);
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
    this.subscriberIds.remove(slot);
    end(rows.version, slot);
    this.subscriberSlots.release(slot);
  }

  subscriberId(slot: number): string {
    return this.arena.text(this.subscribers.rows.id[slot]!);
  }

  hasRowsOf(subscriber: number): boolean {
    return this.subscribers.rows.firstRow[subscriber] !== NONE;
  }
}

/** Random, so it is unique only by chance: there are 2^52. */
function newEpoch(): number {
  return 1 + Math.floor(Math.random() * 2 ** 52);
}
