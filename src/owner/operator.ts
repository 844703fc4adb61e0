/** What operators change, through the admin API. Owner thread only. */
import { type Input, RowState } from '../presence/lifecycle.ts';
import { type OperatorCommand, type OperatorResult, ToOwner } from '../threads/commands.ts';
import type { Devices } from './devices.ts';
import type { Registry } from './registry.ts';
import type { Rows } from './rows.ts';
import type { RuleSweep } from './rule-sweep.ts';
import type { Subscribers } from './subscribers.ts';

const inputOf = {
  allow: 'operatorAllow',
  active: 'operatorActive',
  inactive: 'operatorInactive',
  deny: 'operatorDeny',
} as const satisfies Record<string, Input>;

type SetRow = Extract<OperatorCommand, { kind: typeof ToOwner.SetRow }>;

export interface OperatorDeps {
  readonly registry: Registry;
  readonly devices: Devices;
  readonly rows: Rows;
  readonly subscribers: Subscribers;
  readonly sweep: RuleSweep;
}

export class Operator {
  readonly #registry: Registry;
  readonly #devices: Devices;
  readonly #rows: Rows;
  readonly #subscribers: Subscribers;
  readonly #sweep: RuleSweep;

  constructor({ registry, devices, rows, subscribers, sweep }: OperatorDeps) {
    this.#registry = registry;
    this.#devices = devices;
    this.#rows = rows;
    this.#subscribers = subscribers;
    this.#sweep = sweep;
  }

  /** Carries the command out; when this returns, what it changed holds for every event received from now on. */
  run(command: OperatorCommand): OperatorResult {
    switch (command.kind) {
      case ToOwner.SetRow:
        return this.#setRow(command);
      case ToOwner.RemoveRow:
        return this.#removeRow(command.device, command.subscriber);
      case ToOwner.Terminate:
        return this.#onDevice(command.device, (slot) => {
          this.#subscribers.removeAllOfDevice(slot);
          this.#devices.terminate(slot);
          return { ok: true };
        });
      case ToOwner.Kick:
        return this.#kick(command.subscriber);
      case ToOwner.Publish:
        return this.#onDevice(command.device, (slot) => {
          const seq = this.#devices.publish(slot, command);
          return seq < 0
            ? { ok: true, seq: this.#registry.devices.rows.seq[slot]!, skipped: true }
            : { ok: true, seq };
        });
      case ToOwner.SetRules:
        return { ok: true, ...this.#sweep.begin(command.rules, command.dryRun) };
      case ToOwner.SweepRules:
        return { ok: true, ...this.#sweep.part(command.from) };
      default:
        return assertNever(command);
    }
  }

  #setRow({ device, subscriber, status, vip }: SetRow): OperatorResult {
    const found = this.#pair(device, subscriber);
    if (status === 'active' && !this.#subscribers.mayFollow(subscriber, device)) {
      const message = `the token of subscriber "${subscriber}" does not cover device "${device}"`;
      return { ok: false, why: 'forbidden', message };
    }
    if (found < 0 && status === undefined) return missingRow(device, subscriber);
    const row = found >= 0 ? found : this.#makeRow(device, subscriber);
    if (row < 0) return { ok: false, why: 'over_capacity', message: 'the presence table is full' };
    const subscriberSlot = this.#registry.subscriptions.rows.subscriber[row]!;
    if (vip !== undefined) this.#subscribers.setVip(subscriberSlot, vip);
    if (status !== undefined) {
      this.#setGranted(row, status);
      this.#subscribers.operatorInput(row, inputOf[status]);
    }
    return { ok: true, slot: row };
  }

  /**
   * Allowing is a grant, and so is making a subscription of a pair that is denied otherwise: every subscription that is
   * not granted is one that the rules and the default access allow.
   */
  #setGranted(row: number, status: 'allow' | 'active' | 'inactive' | 'deny'): void {
    if (status === 'allow' || status === 'deny') this.#registry.setGranted(row, status === 'allow');
    else if (this.#rows.decide(row) === 'deny') this.#registry.setGranted(row, true);
  }

  /** A row in its first state, `allow`, from which the operator's input moves it on. */
  #makeRow(device: string, subscriber: string): number {
    const registry = this.#registry;
    const deviceId = Buffer.from(device);
    const subscriberId = Buffer.from(subscriber);
    const deviceSlot = registry.ensureDevice(deviceId, 0, deviceId.length);
    if (deviceSlot < 0) return -1;
    const subscriberSlot = registry.ensureSubscriber(subscriberId, 0, subscriberId.length);
    const row = subscriberSlot < 0 ? -1 : registry.createRow(deviceSlot, subscriberSlot, RowState.allow);
    this.#devices.unwatched(deviceSlot);
    if (row < 0 && subscriberSlot >= 0) this.#subscribers.freeIfIdle(subscriberSlot);
    return row;
  }

  #removeRow(device: string, subscriber: string): OperatorResult {
    const row = this.#pair(device, subscriber);
    if (row < 0) return missingRow(device, subscriber);
    const subscriberSlot = this.#registry.subscriptions.rows.subscriber[row]!;
    this.#subscribers.operatorInput(row, 'operatorRemove');
    this.#subscribers.freeIfIdle(subscriberSlot);
    return { ok: true };
  }

  #kick(subscriber: string): OperatorResult {
    const id = Buffer.from(subscriber);
    const slot = this.#registry.findSubscriber(id, 0, id.length);
    if (slot < 0) return { ok: false, why: 'not_found', message: `no subscriber "${subscriber}"` };
    this.#subscribers.kick(slot);
    return { ok: true };
  }

  #onDevice(device: string, act: (slot: number) => OperatorResult): OperatorResult {
    const id = Buffer.from(device);
    const slot = this.#registry.findDevice(id, 0, id.length);
    return slot < 0 ? { ok: false, why: 'not_found', message: `no device "${device}"` } : act(slot);
  }

  #pair(device: string, subscriber: string): number {
    const deviceId = Buffer.from(device);
    const subscriberId = Buffer.from(subscriber);
    const deviceSlot = this.#registry.findDevice(deviceId, 0, deviceId.length);
    const subscriberSlot = this.#registry.findSubscriber(subscriberId, 0, subscriberId.length);
    return deviceSlot < 0 || subscriberSlot < 0 ? -1 : this.#registry.findRow(deviceSlot, subscriberSlot);
  }
}

function missingRow(device: string, subscriber: string): OperatorResult {
  return {
    ok: false,
    why: 'not_found',
    message: `no row for device "${device}" and subscriber "${subscriber}"`,
  };
}

function assertNever(command: never): never {
  throw new Error(`unknown operator command ${JSON.stringify(command)}`);
}
