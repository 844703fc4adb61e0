/**
 * Carries out what becomes of a subscription: its row, and what its subscriber's socket gets from now on. Owner thread
 * only. What it becomes is for the callers to ask `presence/lifecycle.ts`.
 */
import type { Access, AccessRules } from '../access/rules.ts';
import { NONE } from '../presence/columns.ts';
import { RowState, type SubscriptionStatus, statusOf } from '../presence/lifecycle.ts';
import type { AccessControl } from './access.ts';
import type { Devices } from './devices.ts';
import type { FanoutLink } from './links.ts';
import type { Registry } from './registry.ts';

export interface RowsDeps {
  readonly registry: Registry;
  readonly devices: Devices;
  readonly fanout: readonly FanoutLink[];
  readonly access: AccessControl;
}

export class Rows {
  readonly #deps: RowsDeps;

  constructor(deps: RowsDeps) {
    this.#deps = deps;
  }

  /** Puts a row into a state, or away, and lets its socket know what it gets from now on. */
  move(row: number, after: RowState): void {
    const { registry, devices } = this.#deps;
    const before = registry.rowState(row);
    if (before === after) return;
    const device = registry.subscriptions.rows.device[row]!;
    const subscriber = registry.subscriptions.rows.subscriber[row]!;
    if (before === RowState.active) {
      const session = registry.subscribers.rows.session[subscriber]!;
      if (session !== NONE) this.link(subscriber).detach(session, device);
    }
    if (after === RowState.none) {
      registry.removeRow(row);
      devices.unwatched(device);
    } else {
      registry.setRowState(row, after);
    }
    if (after === RowState.active) this.attach(device, subscriber);
  }

  /** From here on the subscriber's socket, if it is connected, gets the device's events. */
  attach(device: number, subscriber: number): void {
    const { registry } = this.#deps;
    const session = registry.subscribers.rows.session[subscriber]!;
    if (session !== NONE) this.link(subscriber).attach(session, device, registry.deviceId(device));
  }

  /** Where the pair is denied without it, a grant must outlive the subscription, or its owner could not come back. */
  outlives(row: number): boolean {
    const { registry, access } = this.#deps;
    if (!registry.isGranted(row)) return false;
    return access.default === 'deny' || this.decide(row) === 'deny';
  }

  /** What rules and default access say of the row's pair, whatever an operator set it to. */
  decide(row: number, rules?: AccessRules): Access {
    const { registry, access } = this.#deps;
    const { device, subscriber } = registry.subscriptions.rows;
    return access.decide(registry.deviceId(device[row]!), registry.subscriberId(subscriber[row]!), rules);
  }

  /** The line to the worker that holds, or last held, the subscriber. */
  link(subscriber: number): FanoutLink {
    return this.#deps.fanout[this.#deps.registry.subscribers.rows.worker[subscriber]!]!;
  }

  /** Sends a text frame to the subscriber, if it is connected. */
  tell(subscriber: number, frame: string): void {
    const session = this.#deps.registry.subscribers.rows.session[subscriber]!;
    if (session !== NONE) this.link(subscriber).text(session, frame);
  }
}

/** Whether the row is a subscription the subscriber knows of: active or inactive. */
export function isSubscribed(state: number): boolean {
  const status: SubscriptionStatus | undefined = statusOf(state);
  return status === 'active' || status === 'inactive';
}
