/**
 * Obeys what the cluster's bucket holds of what operators set: denials, grants, vips and rules. Owner thread only. A list
 * that was begun is obeyed to its end before the next.
 */
import type { OperatorChange } from '../../cluster/host.ts';
import { highWater } from '../../memory/layout.ts';
import { Vip } from '../../presence/columns.ts';
import { RowState } from '../../presence/lifecycle.ts';
import { toLink } from '../../records/cluster.ts';
import { ToOwner } from '../../records/commands.ts';
import type { ClusterContext } from './context.ts';

type Pair = Extract<OperatorChange, { kind: 'pair' }>;
type Rules = Extract<OperatorChange, { kind: 'rules' }>;

/** A part of a list, as the link sends it. */
export interface ChangesPart {
  readonly revision: number;
  /** The list is all that is set. */
  readonly whole: boolean;
  /** Ends the list. */
  readonly last: boolean;
  /** JSON. */
  readonly changes: Uint8Array;
}

export class OperatorState {
  readonly #context: ClusterContext;
  readonly #vips = new Set<string>();
  #parts: Uint8Array[] = [];
  /** The rules' sweep under way: where it goes on, and the revision that is obeyed once it is over. */
  #sweep: { next: number; readonly revision: number } | undefined;

  constructor(context: ClusterContext) {
    this.#context = context;
    context.subscribers.vips = this.#vips;
  }

  take({ revision, whole, last, changes: part }: ChangesPart): void {
    this.#parts.push(part);
    if (!last) return;
    const changes = JSON.parse(Buffer.concat(this.#parts).toString('utf8')) as OperatorChange[];
    this.#parts = [];
    if (whole) this.#forgetOthers(changes);
    let rules: Rules | undefined;
    for (const change of changes) {
      if (change.kind === 'pair') this.#pair(change);
      else if (change.kind === 'vip') this.#vip(change.subscriber, change.vip);
      else rules = change;
    }
    if (rules === undefined && whole) rules = { kind: 'rules', rules: [] };
    const next = rules && this.#context.sweep.begin(rules.rules, false).next;
    if (next === undefined) this.#obeyed(revision, rules !== undefined);
    else this.#sweep = { next, revision };
  }

  /** One part of a sweep that is under way. */
  step(): void {
    if (this.#sweep === undefined) return;
    const { next } = this.#context.sweep.part(this.#sweep.next);
    if (next !== undefined) {
      this.#sweep.next = next;
      return;
    }
    const { revision } = this.#sweep;
    this.#sweep = undefined;
    this.#obeyed(revision, true);
  }

  get hasReady(): boolean {
    return this.#sweep !== undefined;
  }

  #obeyed(revision: number, withRules: boolean): void {
    const { filters, link } = this.#context;
    if (withRules) filters.rescan(this.#context.sweep.before);
    link.tell(toLink.applied, { revision });
  }

  /** What is set here and not in the list is set no more. */
  #forgetOthers(changes: readonly OperatorChange[]): void {
    const { registry } = this.#context;
    const pairs = new Set(changes.map((change) => (change.kind === 'pair' ? keyOf(change) : '')));
    const { device, subscriber } = registry.subscriptions.rows;
    for (let row = 0; row < highWater(registry.subscriptions); row++) {
      const isSet = registry.rowState(row) === RowState.deny || registry.isGranted(row);
      if (registry.rowState(row) === RowState.none || !isSet) continue;
      const pair: Pair = {
        kind: 'pair',
        device: registry.deviceId(device[row]!),
        subscriber: registry.subscriberId(subscriber[row]!),
        access: undefined,
      };
      if (!pairs.has(keyOf(pair))) this.#pair(pair);
    }
    this.#vips.clear();
    const { rows } = registry.subscribers;
    for (let slot = 0; slot < highWater(registry.subscribers); slot++) {
      if (rows.used[slot] === 1 && (rows.vip[slot]! & Vip.operator) !== 0)
        this.#context.subscribers.setVip(slot, false);
    }
  }

  #pair({ device, subscriber, access }: Pair): void {
    const { registry, operator, subscribers } = this.#context;
    if (access !== undefined) {
      operator.run({ kind: ToOwner.SetRow, device, subscriber, status: access, vip: undefined });
      return;
    }
    const deviceSlot = registry.deviceOf(device);
    const slot = registry.subscriberOf(subscriber);
    const row = deviceSlot < 0 || slot < 0 ? -1 : registry.findRow(deviceSlot, slot);
    if (row < 0) return;
    const state = registry.rowState(row);
    registry.setGranted(row, false);
    const isLeft = state !== RowState.deny && state !== RowState.allow;
    if (isLeft && this.#context.subscriptions.mayDeliver(row)) return;
    this.#context.rows.input(row, 'operatorRemove');
    subscribers.freeIfIdle(slot);
  }

  /** One that is not connected here is one when it connects. */
  #vip(subscriber: string, vip: boolean): void {
    if (vip) this.#vips.add(subscriber);
    else this.#vips.delete(subscriber);
    const slot = this.#context.registry.subscriberOf(subscriber);
    if (slot >= 0) this.#context.subscribers.setVip(slot, vip);
  }
}

function keyOf({ device, subscriber }: Pair): string {
  return `${device} ${subscriber}`;
}
