/**
 * Puts access rules in force: at once for every subscribe, and a bounded number at a time for existing subscriptions,
 * so that events do not wait for a large table. Main asks for the next part until there is none. Owner thread only.
 */
import { type AccessRule, AccessRules } from '../access/rules.ts';
import { SWEEP_ROWS_MAX } from '../limits.ts';
import { highWater } from '../memory/layout.ts';
import { NONE } from '../presence/columns.ts';
import { RowState } from '../presence/lifecycle.ts';
import { Notice } from '../records/replies.ts';
import type { AccessControl } from './access.ts';
import type { Registry } from './registry.ts';
import type { Subscribers } from './subscribers.ts';
import { isSubscribed, type Subscriptions } from './subscriptions.ts';

/** What one part of a sweep did. */
export interface SweepPart {
  /** Subscriptions that the rules deny: removed, or counted in a dry run. */
  readonly removed: number;
  /** Where the next part starts; undefined after the last. */
  readonly next: number | undefined;
}

export class RuleSweep {
  readonly #registry: Registry;
  readonly #subscriptions: Subscriptions;
  readonly #subscribers: Subscribers;
  readonly #access: AccessControl;
  #rules: AccessRules | undefined;
  /** Those that were in force before. */
  before: AccessRules;
  #dryRun = false;

  constructor(
    registry: Registry,
    subscriptions: Subscriptions,
    subscribers: Subscribers,
    access: AccessControl,
  ) {
    this.#registry = registry;
    this.#subscriptions = subscriptions;
    this.#subscribers = subscribers;
    this.#access = access;
    this.before = access.rules;
  }

  get isDryRun(): boolean {
    return this.#dryRun;
  }

  /** Starts over with these rules; a dry run changes nothing. */
  begin(list: readonly AccessRule[], dryRun: boolean): SweepPart {
    const rules = new AccessRules(list);
    this.#rules = rules;
    this.#dryRun = dryRun;
    if (!dryRun) {
      this.before = this.#access.rules;
      this.#access.rules = rules;
    }
    return this.part(0);
  }

  /**
   * Checks the next subscriptions; only between `begin` and the part without a next. Rows that are created meanwhile
   * already obey the new rules, so no slot needs to be checked twice.
   */
  part(from: number): SweepPart {
    const end = highWater(this.#registry.subscriptions);
    const to = Math.min(end, from + SWEEP_ROWS_MAX);
    const denied = new Map<number, number[]>();
    let removed = 0;
    for (let row = from; row < to; row++) {
      if (!this.#denies(row)) continue;
      removed += 1;
      const subscriber = this.#registry.subscriptions.rows.subscriber[row]!;
      const others = denied.get(subscriber);
      if (others === undefined) denied.set(subscriber, [row]);
      else others.push(row);
    }
    if (!this.#dryRun) for (const [subscriber, rows] of denied) this.#remove(subscriber, rows);
    return { removed, next: to < end ? to : undefined };
  }

  /** Whether the row is a live subscription that the rules deny and no operator allowed. */
  #denies(row: number): boolean {
    const registry = this.#registry;
    if (!isSubscribed(registry.rowState(row)) || registry.isGranted(row)) return false;
    return this.#subscriptions.decide(row, this.#rules) === 'deny';
  }

  /** Sends the notice, then ends delivery. */
  #remove(subscriber: number, rows: readonly number[]): void {
    const registry = this.#registry;
    const subscriptions = this.#subscriptions;
    const page = subscriptions.begin();
    for (const row of rows) {
      subscriptions.describe(page, registry.subscriptions.rows.device[row]!, RowState.none);
      page.change(row, RowState.none);
    }
    const session = registry.subscribers.rows.session[subscriber]!;
    const entries = page.entries.take();
    if (session !== NONE) subscriptions.link(session).notice(session, Notice.deniedByRule, entries, false);
    subscriptions.end(page);
    this.#subscribers.freeIfIdle(subscriber);
  }
}
