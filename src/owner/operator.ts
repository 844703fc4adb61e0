/** Carries out operators' changes, from the admin API. Owner thread only. */
import { type Input, RowState } from '../presence/lifecycle.ts';
import { type OperatorCommand, type OperatorResult, ToOwner } from '../records/commands.ts';
import { Notice } from '../records/replies.ts';
import type { Devices } from './devices.ts';
import type { Filters } from './filters.ts';
import type { MqttClients } from './mqtt-clients.ts';
import type { OperatorRows } from './operator-rows.ts';
import type { Registry } from './registry.ts';
import type { RuleSweep, SweepPart } from './rule-sweep.ts';
import type { Subscribers } from './subscribers.ts';
import { isSubscribed, type Subscriptions } from './subscriptions.ts';

const inputOf = {
  allow: 'operatorAllow',
  active: 'operatorActive',
  inactive: 'operatorInactive',
  deny: 'operatorDeny',
} as const satisfies Record<string, Input>;

type RowStatus = keyof typeof inputOf;
type SetRow = Extract<OperatorCommand, { kind: typeof ToOwner.SetRow }>;
type Kick = Extract<OperatorCommand, { kind: typeof ToOwner.Kick }>;

export interface OperatorDeps {
  readonly registry: Registry;
  readonly devices: Devices;
  readonly subscriptions: Subscriptions;
  readonly subscribers: Subscribers;
  readonly sweep: RuleSweep;
  readonly filters: Filters;
  readonly rows: OperatorRows;
  readonly clients: MqttClients;
}

export class Operator {
  readonly #registry: Registry;
  readonly #devices: Devices;
  readonly #subscriptions: Subscriptions;
  readonly #subscribers: Subscribers;
  readonly #sweep: RuleSweep;
  readonly #filters: Filters;
  readonly #rows: OperatorRows;
  readonly #clients: MqttClients;

  constructor({
    registry,
    devices,
    subscriptions,
    subscribers,
    sweep,
    filters,
    rows,
    clients,
  }: OperatorDeps) {
    this.#rows = rows;
    this.#clients = clients;
    this.#filters = filters;
    this.#registry = registry;
    this.#devices = devices;
    this.#subscriptions = subscriptions;
    this.#subscribers = subscribers;
    this.#sweep = sweep;
  }

  /** Carries out the command; when this returns, the change applies to every event received from now on. */
  run(command: OperatorCommand): OperatorResult {
    switch (command.kind) {
      case ToOwner.SetRow:
        return this.#setRow(command);
      case ToOwner.RemoveRow:
        return this.#removeRow(command.device, command.subscriber);
      case ToOwner.Terminate:
        return this.#onDevice(command.device, (slot) => {
          this.removeAllOfDevice(slot);
          this.#devices.terminate(slot);
          return { ok: true };
        });
      case ToOwner.Kick:
        return this.#kick(command);
      case ToOwner.Publish:
        return this.#onDevice(command.device, (slot) => {
          const isHeard = this.#devices.publish(slot, command);
          if (isHeard === undefined)
            return { ok: false, why: 'unavailable', message: 'the device is connecting; ask again' };
          const seq = this.#registry.devices.rows.seq[slot]!;
          return isHeard ? { ok: true, seq } : { ok: true, seq, skipped: true };
        });
      case ToOwner.SetRules:
        if (!command.dryRun) this.#filters.rulesChange();
        return this.#swept(this.#sweep.begin(command.rules, command.dryRun));
      case ToOwner.SweepRules:
        return this.#swept(this.#sweep.part(command.from));
      default:
        return assertNever(command);
    }
  }

  /** Once all rows obey the new rules, filters follow what is not denied any more. */
  #swept(part: SweepPart): OperatorResult {
    if (part.next === undefined && !this.#sweep.isDryRun) this.#filters.rescan(this.#sweep.before);
    return { ok: true, ...part };
  }

  #setRow({ device, subscriber, status, vip, dryRun = false }: SetRow): OperatorResult {
    const found = this.#pair(device, subscriber);
    if (status === 'active' && !this.#subscribers.covers(subscriber, device)) {
      const message = `the token of subscriber "${subscriber}" does not cover device "${device}"`;
      return { ok: false, why: 'forbidden', message };
    }
    if (dryRun) return { ok: true };
    if (found < 0 && status === undefined) return missingRow(device, subscriber);
    const row = found >= 0 ? found : this.#makeRow(device, subscriber, status!);
    if (row < 0) return { ok: false, why: 'over_capacity', message: 'the presence table is full' };
    const subscriberSlot = this.#registry.subscriptions.rows.subscriber[row]!;
    if (vip !== undefined) this.#subscribers.setVip(subscriberSlot, vip);
    if (status !== undefined) {
      this.#setGranted(row, status);
      if (found >= 0) this.#rows.input(row, inputOf[status]);
      else if (status === 'allow' && this.#subscriptions.decide(row) === 'deny')
        this.#filters.rematch(subscriberSlot, this.#registry.subscriptions.rows.device[row]!);
    }
    return { ok: true, slot: row };
  }

  /**
   * Allowing is a grant, and so is creating a subscription for a pair that is otherwise denied. So every subscription
   * without a grant is allowed by the rules and the default access.
   */
  #setGranted(row: number, status: RowStatus): void {
    if (status === 'allow' || status === 'deny') this.#registry.setGranted(row, status === 'allow');
    else if (this.#subscriptions.decide(row) === 'deny') this.#registry.setGranted(row, true);
  }

  /**
   * Creates the row directly in the state that the operator wants: no thread ever sees a denied pair in another state.
   */
  #makeRow(device: string, subscriber: string, status: RowStatus): number {
    const registry = this.#registry;
    const deviceSlot = registry.ensureDeviceOf(device);
    if (deviceSlot < 0) return -1;
    const subscriberSlot = registry.ensureSubscriberOf(subscriber);
    const row = subscriberSlot < 0 ? -1 : this.#rows.make(deviceSlot, subscriberSlot, inputOf[status]);
    this.#devices.unwatched(deviceSlot);
    if (subscriberSlot >= 0) this.#subscribers.freeIfIdle(subscriberSlot); // there may have been no room for the row
    return row;
  }

  #removeRow(device: string, subscriber: string): OperatorResult {
    const row = this.#pair(device, subscriber);
    if (row < 0) return missingRow(device, subscriber);
    const subscriberSlot = this.#registry.subscriptions.rows.subscriber[row]!;
    this.#rows.input(row, 'operatorRemove');
    this.#subscribers.freeIfIdle(subscriberSlot);
    return { ok: true };
  }

  /** Removes every subscription of the device, telling the subscribers why. */
  removeAllOfDevice(device: number): void {
    const registry = this.#registry;
    const subscriptions = this.#subscriptions;
    registry.forEachOfDevice(device, (row, subscriber) => {
      if (isSubscribed(registry.rowState(row))) {
        subscriptions.tell(subscriber, Notice.terminated, device, RowState.none);
      }
      subscriptions.move(row, RowState.none);
      this.#subscribers.freeIfIdle(subscriber);
    });
  }

  #kick({ subscriber, forget, number = 0 }: Kick): OperatorResult {
    const slot = this.#registry.subscriberOf(subscriber);
    if (slot >= 0) {
      this.#clients.forget(subscriber);
      this.#subscribers.kick(slot, forget);
    }
    this.#subscribers.homes?.kicked(subscriber, number);
    return slot >= 0
      ? { ok: true }
      : { ok: false, why: 'not_found', message: `no subscriber "${subscriber}"` };
  }

  #onDevice(device: string, act: (slot: number) => OperatorResult): OperatorResult {
    const slot = this.#registry.deviceOf(device);
    return slot < 0 ? { ok: false, why: 'not_found', message: `no device "${device}"` } : act(slot);
  }

  #pair(device: string, subscriber: string): number {
    const deviceSlot = this.#registry.deviceOf(device);
    const subscriberSlot = this.#registry.subscriberOf(subscriber);
    // Stryker disable next-line all: faster than to look for a row that nothing names
    if (deviceSlot < 0 || subscriberSlot < 0) return -1;
    return this.#registry.findRow(deviceSlot, subscriberSlot);
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
