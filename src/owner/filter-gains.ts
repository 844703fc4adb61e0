/**
 * Handles a new device that filters match: each of them follows it from now on. A connected subscriber gets a page with
 * this one device. If the filter's devices are still on their way to it, the device joins them. Owner thread only.
 */
import { NONE } from '../presence/columns.ts';
import { RowState } from '../presence/lifecycle.ts';
import { NO_BYTES, Notice } from '../records/replies.ts';
import type { FiltersDeps } from './filters.ts';
import { isSubscribed } from './subscriptions.ts';

/**
 * @returns whether the filter in this slot has devices on their way to the session; the device is then added to them
 */
export type JoinsJob = (session: number, slot: number, subscriber: number, device: number) => boolean;

export class FilterGains {
  readonly #deps: FiltersDeps;
  readonly #joinsJob: JoinsJob;

  constructor(deps: FiltersDeps, joinsJob: JoinsJob) {
    this.#deps = deps;
    this.#joinsJob = joinsJob;
  }

  /** Every filter that matches the device follows it. */
  byAll(device: number): void {
    const { registry } = this.#deps;
    const id = registry.deviceId(device);
    const { filters } = registry;
    for (const slot of filters.matching(id)) this.#gain(slot, filters.subscriber(slot), device, id);
  }

  /** Those of the subscriber's filters that match the device follow it. */
  byFiltersOf(subscriber: number, device: number): void {
    const { registry } = this.#deps;
    const id = registry.deviceId(device);
    for (const slot of registry.filters.ofSubscriber(subscriber)) {
      if (id.startsWith(registry.filters.prefix(slot))) this.#gain(slot, subscriber, device, id);
    }
  }

  /** The filter in this slot, which matches the devices, follows them. */
  by(slot: number, subscriber: number, devices: readonly number[]): void {
    const { registry } = this.#deps;
    for (const device of devices) this.#gain(slot, subscriber, device, registry.deviceId(device));
  }

  #gain(slot: number, subscriber: number, device: number, id: string): void {
    const { registry, subscriptions, rowsMax } = this.#deps;
    const session = registry.subscribers.rows.session[subscriber]!;
    if (this.#joinsJob(session, slot, subscriber, device)) return;
    // Most that appear are new: looking for the pair would miss the cache.
    // Stryker disable next-line ConditionalExpression: a short cut
    const row = registry.hasRows(device) ? registry.findRow(device, subscriber) : -1;
    const state = registry.filters.state(slot) as RowState;
    const isTold = session !== NONE && state === RowState.active;
    const types = registry.filters.typesOf(subscriber, id);
    // What is held from a connection with another token, or paused by an operator, may be more than the token covers.
    if (!subscriptions.mayFollow(subscriber, device, row)) return;
    if (row >= 0 && registry.rowState(row) !== RowState.allow) {
      this.#gainFollowed(row, session, slot, isTold);
      return;
    }
    if (state !== registry.filters.strongestState(subscriber, id)) return; // the stronger one makes the row
    const isFull = registry.rowCount(subscriber) >= rowsMax;
    const made =
      row >= 0 ? row : isFull ? -1 : registry.createRow(device, subscriber, state, { types, ownTypes: 0 });
    const filter = registry.filters.nameOf(slot);
    if (made < 0) {
      const full = [{ filter, value: RowState.none }];
      if (isTold) subscriptions.link(session).notice(session, Notice.filterFull, NO_BYTES, false, full);
      return;
    }
    if (row >= 0) registry.setTypes(row, 0, types);
    if (isTold) this.#tellOne(session, filter, made);
    else if (row >= 0) subscriptions.move(row, state);
  }

  /** The subscriber already follows the device; the filter's page names it anyway. */
  #gainFollowed(row: number, session: number, slot: number, isTold: boolean): void {
    const { registry, subscriptions } = this.#deps;
    const state = registry.rowState(row);
    if (!isSubscribed(state)) return;
    subscriptions.filtersTurned(row);
    // Of one who is there, a row that is disconnected is held: until something follows it that is not.
    if (isTold && (state === RowState.active || state === RowState.disconnected))
      this.#tellOne(session, registry.filters.nameOf(slot), row);
  }

  /** Sends a page with one device, which is active from then on. */
  #tellOne(session: number, filter: string, row: number): void {
    const { registry, subscriptions } = this.#deps;
    const page = subscriptions.begin();
    subscriptions.describe(page, registry.subscriptions.rows.device[row]!, RowState.active);
    subscriptions.link(session).filterPage(session, filter, page.entries.take(), 0, false);
    subscriptions.settle(row, RowState.active);
  }
}
