/** Puts the rows of a snapshot back into the presence table, before the owner serves anyone. Owner thread only. */
import { type AccessRule, AccessRules } from '../access/rules.ts';
import { type Clock, toMonotonicMs } from '../clock.ts';
import type { HistoryLog } from '../history/log.ts';
import type { Wheel } from '../memory/wheel.ts';
import { Numbering, Vip } from '../presence/columns.ts';
import { RowState } from '../presence/lifecycle.ts';
import type { SnapshotRow } from '../snapshot/format.ts';
import type { RestoreTarget } from '../snapshot/restore.ts';
import type { AccessControl } from './access.ts';
import type { Devices } from './devices.ts';
import type { Registry } from './registry.ts';

export interface RestorerDeps {
  readonly registry: Registry;
  readonly devices: Devices;
  readonly history: HistoryLog;
  readonly access: AccessControl;
  /** The subscribers' timers. */
  readonly wheel: Wheel;
  readonly clock: Clock;
  readonly settings: { readonly subscriberRemoveAfterMs: number };
}

type Saved<Kind extends SnapshotRow['kind']> = Extract<SnapshotRow, { kind: Kind }>;

export class Restorer implements RestoreTarget {
  readonly #deps: RestorerDeps;

  constructor(deps: RestorerDeps) {
    this.#deps = deps;
  }

  restore(row: Exclude<SnapshotRow, { kind: 'rule' }>): string | undefined {
    switch (row.kind) {
      case 'device':
        return this.#device(row);
      case 'vip':
        return this.#vip(row);
      case 'pair':
        return this.#pair(row);
      default:
        throw new Error(`unknown snapshot row ${JSON.stringify(row satisfies never)}`);
    }
  }

  setRules(rules: readonly AccessRule[]): void {
    this.#deps.access.rules = new AccessRules(rules);
  }

  /** Restores a device as offline; it is removed in time like any offline device. */
  #device({ device, seq, lastSeen, status, epoch }: Saved<'device'>): string | undefined {
    const { registry, devices, history, clock } = this.#deps;
    const slot = registry.ensureDeviceOf(device);
    if (slot < 0) return this.#noDevice(device);
    const { rows } = registry.devices;
    rows.seq[slot] = seq;
    if (epoch !== undefined) rows.epoch[slot] = epoch;
    history.begin(slot, seq);
    if (seq > 0 || lastSeen > 0 || status !== '') {
      registry.setKnown(slot);
      Atomics.store(rows.home, slot, Numbering.here); // until another node says otherwise
    }
    Atomics.store(rows.lastSeen, slot, BigInt(toMonotonicMs(clock, lastSeen)));
    if (status !== '') {
      const text = Buffer.from(status);
      registry.setDeviceStatus(slot, text, 0, text.length);
      if (registry.deviceStatus(slot) !== status) return this.#noDevice(device);
    }
    devices.unwatched(slot);
    return undefined;
  }

  /** Restores a vip; without subscriptions, its row is kept as long as that of a lost subscriber. */
  #vip({ subscriber }: Saved<'vip'>): string | undefined {
    const { registry, wheel, clock, settings } = this.#deps;
    const slot = registry.ensureSubscriberOf(subscriber);
    if (slot < 0) return this.#noSubscriber(subscriber);
    Atomics.store(registry.subscribers.rows.vip, slot, Vip.operator);
    wheel.set(slot, clock.now() + settings.subscriberRemoveAfterMs);
    return undefined;
  }

  /** Restores a pair. If it occurs twice, it was changed while the snapshot was taken: the denial then counts. */
  #pair({ device, subscriber, access }: Saved<'pair'>): string | undefined {
    const { registry, devices } = this.#deps;
    const deviceSlot = registry.ensureDeviceOf(device);
    if (deviceSlot < 0) return this.#noDevice(device);
    const subscriberSlot = registry.ensureSubscriberOf(subscriber);
    if (subscriberSlot < 0) return this.#noSubscriber(subscriber);
    const state = access === 'deny' ? RowState.deny : RowState.allow;
    let row = registry.findRow(deviceSlot, subscriberSlot);
    if (row >= 0 && access === 'deny') registry.setRowState(row, state);
    else if (row < 0)
      row = registry.createRow(deviceSlot, subscriberSlot, state, { granted: state === RowState.allow });
    if (row < 0) {
      const { capacity } = registry.subscriptions;
      return `no room for the pair "${device}" and "${subscriber}" (DAT_MAX_SUBSCRIPTIONS is ${capacity})`;
    }
    registry.setGranted(row, registry.rowState(row) === RowState.allow);
    devices.unwatched(deviceSlot);
    return undefined;
  }

  #noDevice(device: string): string {
    return `no room for device "${device}" (DAT_MAX_DEVICES is ${this.#deps.registry.devices.capacity})`;
  }

  #noSubscriber(subscriber: string): string {
    const { capacity } = this.#deps.registry.subscribers;
    return `no room for subscriber "${subscriber}" (DAT_MAX_SUBSCRIBERS is ${capacity})`;
  }
}
