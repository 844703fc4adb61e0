/**
 * Starts and ends the delivery of a subscription. Owner thread only; callers ask `presence/lifecycle.ts` what a row
 * becomes.
 *
 * Why a subscriber sees the state of a device and then exactly the events after it: everything that concerns one
 * subscriber goes through one ring, in the order in which the owner writes it. `begin` notes what is to change and what
 * the answer says of each device, its `seq` included; the caller writes that answer; `end` then changes the rows, which
 * writes `Attach` or `Detach`. The owner is one thread and numbers no event between the two. So an event up to the seq
 * of the answer is in the ring before the `Attach` and does not reach the session, and each later one is behind it.
 * What ends delivery follows the same order: no event of the device comes after the answer.
 */
import type { Access, AccessRules } from '../access/rules.ts';
import { type Clock, toWallMs } from '../clock.ts';
import { ARENA_TEXT_BYTES_MAX } from '../memory/arena.ts';
import { NONE } from '../presence/columns.ts';
import {
  type Input,
  nextRowState,
  RowState,
  type SubscriptionStatus,
  statusOf,
} from '../presence/lifecycle.ts';
import { EntryWriter, Notice } from '../records/replies.ts';
import type { Request } from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';
import type { AccessControl } from './access.ts';
import type { Devices } from './devices.ts';
import type { EdgeLink } from './edge-link.ts';
import type { Registry } from './registry.ts';
import type { TokenScopes } from './scopes.ts';

export interface SubscriptionsDeps {
  readonly registry: Registry;
  readonly devices: Devices;
  readonly links: readonly EdgeLink[];
  readonly access: AccessControl;
  readonly scopes: TokenScopes;
  readonly clock: Clock;
}

/** One page of an answer or a notice, and the changes that go with it. */
export class Page {
  readonly entries = new EntryWriter();
  readonly #rows: number[] = [];
  readonly #after: RowState[] = [];

  /** From `begin` to `end`: the row becomes `after`. */
  change(row: number, after: RowState): void {
    this.#rows.push(row);
    this.#after.push(after);
  }

  forEachChange(visit: (row: number, after: RowState) => void): void {
    for (let i = 0; i < this.#rows.length; i++) visit(this.#rows[i]!, this.#after[i]!);
    this.#rows.length = 0;
    this.#after.length = 0;
  }
}

export class Subscriptions {
  readonly #deps: SubscriptionsDeps;
  readonly #page = new Page();
  /** The id and the status of the device that is described. */
  readonly #texts = new Uint8Array(2 * ARENA_TEXT_BYTES_MAX);

  constructor(deps: SubscriptionsDeps) {
    this.#deps = deps;
  }

  /** Begins the page that is filled until `end`; there is one at a time. */
  begin(): Page {
    return this.#page;
  }

  /** The page is on its way: makes its changes. */
  end(page: Page): void {
    page.forEachChange((row, after) => this.settle(row, after));
  }

  /** Puts a row into the state that was described in the page. */
  settle(row: number, after: RowState): void {
    if (this.#deps.registry.rowState(row) !== after) this.move(row, after);
    else if (after === RowState.active) this.attach(row);
  }

  /** Adds the device to the page in its present state. @param rowState the coming state of the subscriber's row */
  describe(page: Page, device: number, rowState: RowState): void {
    const { registry, clock } = this.#deps;
    const { rows } = registry.devices;
    const { texts } = registry;
    const idLength = texts.copy(rows.id[device]!, this.#texts);
    const statusLength = texts.copy(rows.deviceStatus[device]!, this.#texts, idLength);
    page.entries.add(
      {
        deviceSlot: device,
        rowState,
        deviceState: rows.deviceState[device]!,
        lastSeen: toWallMs(clock, Number(Atomics.load(rows.lastSeen, device))),
        seq: rows.seq[device]!,
        epoch: rows.epoch[device]!,
        generation: rows.generation[device]!,
      },
      this.#texts,
      0,
      idLength,
      idLength,
      statusLength,
    );
  }

  /** Puts a row into a state, or removes it, and starts or ends delivery to its session. */
  move(row: number, after: RowState): void {
    const { registry, devices } = this.#deps;
    const before = registry.rowState(row);
    if (before === after) return;
    const device = registry.subscriptions.rows.device[row]!;
    const subscriber = registry.subscriptions.rows.subscriber[row]!;
    if (before === RowState.active) {
      const session = registry.subscribers.rows.session[subscriber]!;
      if (session !== NONE) this.link(session).detach(session, device);
    }
    if (after === RowState.none) {
      registry.removeRow(row);
      devices.unwatched(device);
    } else {
      registry.setRowState(row, after);
      if (!isSubscribed(after)) registry.setHeld(row);
    }
    if (after === RowState.active) this.attach(row);
  }

  /** From now on the row's session, if it is connected, gets the device's events. */
  attach(row: number): void {
    const { registry } = this.#deps;
    const device = registry.subscriptions.rows.device[row]!;
    const subscriber = registry.subscriptions.rows.subscriber[row]!;
    const session = registry.subscribers.rows.session[subscriber]!;
    if (session === NONE) return;
    const types = registry.subscriptions.rows.types[row]!;
    const seq = registry.devices.rows.seq[device]!;
    this.link(session).attach(session, device, registry.deviceId(device), seq, types);
  }

  /**
   * Sets which event types the row delivers.
   * @param own what the subscription by id asks for; 0: only filters follow @param filtered what filters ask for
   */
  setTypes(row: number, own: number, filtered: number): void {
    const { registry } = this.#deps;
    const before = registry.subscriptions.rows.types[row];
    registry.setTypes(row, own, own | filtered);
    if (before === (own | filtered) || registry.rowState(row) !== RowState.active) return;
    // After a takeover, rows that are still to be resumed count as active: the new session's token may not cover them.
    if (this.mayDeliver(row)) this.attach(row);
  }

  /** Filters of the row's subscriber were paused or are active again: updates the types that count for the device. */
  filtersTurned(row: number): void {
    this.setTypes(row, this.#deps.registry.subscriptions.rows.ownTypes[row]!, this.#filteredTypes(row));
  }

  /** As `filtersTurned`, of a row that is about to be attached. */
  filtersBack(row: number): void {
    const { registry } = this.#deps;
    const own = registry.subscriptions.rows.ownTypes[row]!;
    registry.setTypes(row, own, own | this.#filteredTypes(row));
  }

  #filteredTypes(row: number): number {
    const { registry } = this.#deps;
    const { device, subscriber, ownTypes } = registry.subscriptions.rows;
    return registry.filters.typesOf(subscriber[row]!, registry.deviceId(device[row]!), ownTypes[row]!);
  }

  /**
   * The state of a row that from now on only filters follow, if all of these are paused or held by their connected
   * subscriber; undefined if one of them is active.
   */
  restingState(row: number): RowState | undefined {
    const { registry } = this.#deps;
    const { device, subscriber } = registry.subscriptions.rows;
    const id = registry.deviceId(device[row]!);
    const state = registry.filters.strongestState(subscriber[row]!, id);
    const isPaused = state === RowState.paused;
    if (!isPaused && state !== RowState.disconnected) return undefined;
    return nextRowState(registry.rowState(row), isPaused ? 'pause' : 'disconnect', false);
  }

  /**
   * Whether the subscriber's token and the access rules let the pair's events be delivered. Everything that starts
   * delivery asks this: subscribe, resume, reconnect, activity after silence, other event types, an operator's
   * `active`.
   */
  mayDeliver(row: number): boolean {
    const { registry, scopes } = this.#deps;
    const { device, subscriber } = registry.subscriptions.rows;
    const slot = subscriber[row]!;
    if (!scopes.coversAll(slot) && !scopes.covers(slot, registry.deviceId(device[row]!))) return false;
    return registry.isGranted(row) || this.decide(row) === 'allow';
  }

  /**
   * As `mayDeliver`, of a pair that may have no row yet; an operator's deny counts too.
   * @param row of the pair, -1: none
   */
  mayFollow(subscriber: number, device: number, row: number): boolean {
    const { registry, scopes, access } = this.#deps;
    if (row >= 0) return registry.rowState(row) !== RowState.deny && this.mayDeliver(row);
    // Stryker disable next-line ConditionalExpression: faster than to make texts of the ids
    if (scopes.coversAll(subscriber) && access.isUniform) return access.default === 'allow';
    const id = registry.deviceId(device);
    if (!scopes.covers(subscriber, id)) return false;
    return access.decide(id, registry.subscriberId(subscriber)) === 'allow';
  }

  /**
   * Whether a grant must outlive the subscription: if the pair is otherwise denied, the subscriber could not come back
   * without it.
   */
  outlives(row: number): boolean {
    const { registry, access } = this.#deps;
    if (!registry.isGranted(row)) return false;
    return access.default === 'deny' || this.decide(row) === 'deny';
  }

  /** What the rules and the default access decide for the row's pair, regardless of what an operator set. */
  decide(row: number, rules?: AccessRules): Access {
    const { registry, access } = this.#deps;
    // Stryker disable next-line ConditionalExpression: as above
    if (rules === undefined && access.isUniform) return access.default;
    const { device, subscriber } = registry.subscriptions.rows;
    return access.decide(registry.deviceId(device[row]!), registry.subscriberId(subscriber[row]!), rules);
  }

  /** The link to the edge that holds the session. */
  link(session: number): EdgeLink {
    return this.#deps.links[edgeOf(session)]!;
  }

  /** Tells the edge that a request is answered later, and is no work for the owner until then. */
  defer({ session, request }: Pick<Request, 'session' | 'request'>): void {
    this.link(session).deferred(session, request);
  }

  /** Tells the subscriber, if it is connected, about one device. @param rowState the coming state of its row */
  tell(subscriber: number, notice: Notice, device: number, rowState: RowState): void {
    const session = this.#deps.registry.subscribers.rows.session[subscriber]!;
    if (session === NONE) return;
    const page = this.begin();
    this.describe(page, device, rowState);
    this.link(session).notice(session, notice, page.entries.take(), false);
  }
}

/** Whether the row is a subscription that the subscriber knows about: active or inactive. */
export function isSubscribed(state: number): boolean {
  const status: SubscriptionStatus | undefined = statusOf(state);
  return status === 'active' || status === 'inactive';
}

/** What the subscriber is told about an operator's change; undefined: nothing. */
export function noticeOf(before: number, after: RowState, input: Input): Notice | undefined {
  if (isSubscribed(after)) return after === RowState.active ? Notice.operatorActive : Notice.operatorInactive;
  if (!isSubscribed(before)) return undefined;
  return input === 'operatorDeny' ? Notice.deniedByOperator : Notice.removedByOperator;
}
