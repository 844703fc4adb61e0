/**
 * Applies what operators have set in the cluster's bucket: denials, grants, vips and rules. Owner thread only. A list
 * that was begun is applied to its end before the next.
 */
import type { OperatorChange } from '../../cluster/host.ts';
import { highWater } from '../../memory/layout.ts';
import { Vip } from '../../presence/columns.ts';
import { RowState } from '../../presence/lifecycle.ts';
import { toLink } from '../../records/cluster.ts';
import { ToOwner } from '../../records/commands.ts';
import type { ClusterContext } from './context.ts';

type Pair = Omit<Extract<OperatorChange, { kind: 'pair' }>, 'kind'>;
type Rules = Extract<OperatorChange, { kind: 'rules' }>['rules'];

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

/** Stands for a revision whose link has died, so no one waits for it; revisions of a bucket begin at 1. */
const NOBODY_WAITS = 0;

export class OperatorState {
  readonly #context: ClusterContext;
  readonly #vips = new Set<string>();
  // Stryker disable next-line ArrayDeclaration: a link begins with a `reset`
  #parts: Uint8Array[] = [];
  /** The current sweep for new rules: where it continues, and the revision that is applied once it ends. */
  #sweep: { next: number; revision: number } | undefined;

  constructor(context: ClusterContext) {
    this.#context = context;
    context.subscribers.vips = this.#vips;
  }

  /**
   * The link has restarted: drops the list that the previous link did not finish. Its revisions mean nothing to the new
   * link. A sweep continues, because its rules are in force.
   */
  reset(): void {
    this.#parts = [];
    if (this.#sweep !== undefined) this.#sweep.revision = NOBODY_WAITS;
  }

  take({ revision, whole, last, changes: part }: ChangesPart): void {
    this.#parts.push(part);
    if (!last) return;
    const changes = JSON.parse(Buffer.concat(this.#parts).toString('utf8')) as OperatorChange[];
    this.#parts = [];
    if (whole) this.#forgetOthers(changes);
    let rules: Rules | undefined = whole ? [] : undefined;
    for (const change of changes) {
      if (change.kind === 'pair') this.#pair(change);
      else if (change.kind === 'vip') this.#vip(change.subscriber, change.vip);
      else rules = change.rules;
    }
    if (rules === undefined) this.#obeyed(revision);
    else this.#beginSweep(rules, revision);
  }

  #beginSweep(rules: Rules, revision: number): void {
    const { filters, sweep } = this.#context;
    filters.rulesChange();
    const { next } = sweep.begin(rules, false);
    this.#sweep = next === undefined ? undefined : { next, revision };
    if (next === undefined) this.#swept(revision);
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
    this.#swept(revision);
  }

  get hasReady(): boolean {
    return this.#sweep !== undefined;
  }

  /** All rows obey the new rules: filters follow devices that are no longer denied. */
  #swept(revision: number): void {
    const { filters, sweep } = this.#context;
    filters.rescan(sweep.before);
    this.#obeyed(revision);
  }

  #obeyed(revision: number): void {
    if (revision !== NOBODY_WAITS) this.#context.link.tell(toLink.applied, { revision });
  }

  /** Removes what is set here but is not in the list. */
  #forgetOthers(changes: readonly OperatorChange[]): void {
    const { registry, access } = this.#context;
    // Stryker disable next-line ConditionalExpression,StringLiteral: no pair has such a key
    const pairs = new Set(changes.map((change) => (change.kind === 'pair' ? keyOf(change) : '')));
    const { device, subscriber } = registry.subscriptions.rows;
    // Stryker disable next-line EqualityOperator: nothing is set of a row that was never used
    for (let row = 0; row < highWater(registry.subscriptions); row++) {
      if (registry.rowState(row) !== RowState.deny && !registry.isGranted(row)) continue;
      const pair: Pair = {
        device: registry.deviceId(device[row]!),
        subscriber: registry.subscriberId(subscriber[row]!),
        access: undefined,
      };
      if (!pairs.has(keyOf(pair))) this.#pair(pair);
    }
    for (const [device, subscriber] of access.denied) {
      const pair: Pair = { device, subscriber, access: undefined };
      if (!pairs.has(keyOf(pair))) this.#pair(pair);
    }
    this.#vips.clear();
    const { rows } = registry.subscribers;
    // Stryker disable next-line EqualityOperator: as above
    for (let slot = 0; slot < highWater(registry.subscribers); slot++) {
      // Stryker disable next-line ConditionalExpression: of a row that is free nobody is told
      if (rows.used[slot] === 1 && (rows.vip[slot]! & Vip.operator) !== 0)
        this.#context.subscribers.setVip(slot, false);
    }
  }

  #pair({ device, subscriber, access }: Pair): void {
    const { registry, operator, subscribers, access: control, filters } = this.#context;
    const wasLifted = control.lift(device, subscriber);
    if (access !== undefined) {
      const command = { kind: ToOwner.SetRow, device, subscriber, status: access, vip: undefined } as const;
      const { ok } = operator.run(command);
      if (!ok && access === 'deny') control.deny(device, subscriber); // the table is full
      return;
    }
    const deviceSlot = registry.deviceOf(device);
    const slot = registry.subscriberOf(subscriber);
    if (deviceSlot < 0 || slot < 0) return;
    const row = registry.findRow(deviceSlot, slot);
    if (row < 0) {
      if (wasLifted) filters.rematch(slot, deviceSlot);
      return;
    }
    const state = registry.rowState(row);
    registry.setGranted(row, false);
    const isLeft = state !== RowState.deny && state !== RowState.allow;
    if (isLeft && this.#context.subscriptions.mayDeliver(row)) return;
    this.#context.rows.input(row, 'operatorRemove');
    subscribers.freeIfIdle(slot);
  }

  /** A subscriber that is not connected here becomes a vip when it connects. */
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
