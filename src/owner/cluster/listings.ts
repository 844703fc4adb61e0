/**
 * Filters across nodes: the prefixes of this node's filters, and the devices of other nodes that they match. Each such
 * device is looked up as if a subscriber had named its id; once its home has answered, local filters follow it like any
 * new device. Owner thread only.
 */
import { NONE, Numbering } from '../../presence/columns.ts';
import { RowState } from '../../presence/lifecycle.ts';
import { toLink } from '../../records/cluster.ts';
import { NO_BYTES, Notice } from '../../records/replies.ts';
import type { ClusterContext } from './context.ts';
import type { Levels } from './levels.ts';

export interface ListingsDeps extends Pick<ClusterContext, 'registry' | 'link' | 'clock' | 'subscriptions'> {
  readonly levels: Levels;
  readonly filters: ClusterContext['filters'];
  /** A device was found for a request that waits for this prefix. */
  readonly found: (prefix: string, slot: number) => void;
  /** Every node has told all. */
  readonly listed: (prefix: string) => void;
}

interface Listing {
  /** Every node has listed all its devices, or another listing covers them. */
  isComplete: boolean;
  /** Told to the link. */
  isAsked: boolean;
  /** Requests for such a filter that are still open: the filter may not exist yet. */
  requests: number;
  /** The table has no room for a device that matches. */
  isFull: boolean;
}

/** A connection that knows that a filter of its lacks devices. */
interface Told {
  readonly session: number;
  readonly filter: string;
}

/** Devices that match a filter, but that nobody may follow: so many ids are remembered. */
const PASSED_OVER_MAX = 100_000;
/** A device that was found is forgotten after this time if its home does not answer. */
const LOOKUP_MS = 2000;

export class Listings {
  readonly #deps: ListingsDeps;
  readonly #listings = new Map<string, Listing>();
  /** Matching devices of other nodes without a row here, for a filter that comes later. */
  readonly #passedOver = new Set<string>();
  /** Devices that are looked up for filters: until when. In order. */
  readonly #lookups = new Map<number, number>();
  /** Those of them whose home has answered, and that are on their way to a subscriber. */
  readonly #onTheirWay = new Set<number>();
  #mustReview = false;
  /** There may be subscribers that have not been told that there is no room for a filter's devices. */
  #mustTell = false;
  /** By filter's slot: the session that was told so, and of which filter. */
  readonly #told = new Map<number, Told>();

  constructor(deps: ListingsDeps) {
    this.#deps = deps;
  }

  /**
   * A request is about to make a filter follow matching devices of all nodes. They are needed until `close`, and after
   * that while the filter exists. @returns whether all of them are known, and those that nobody has followed so far
   */
  open(prefix: string): { isComplete: boolean; passedOver: readonly number[] } {
    const listing = this.#listings.get(prefix) ?? this.#begin(prefix);
    listing.requests += 1;
    listing.isFull = false;
    return { isComplete: listing.isComplete, passedOver: this.#takePassedOver(prefix) };
  }

  /** A request that opened it has ended. */
  close(prefix: string): void {
    this.#listings.get(prefix)!.requests -= 1;
    this.review();
  }

  /** Filters have come or gone. */
  review(): void {
    this.#mustReview = true;
  }

  /** Once per poll. */
  flush(): void {
    if (this.#mustReview) this.#review();
    if (this.#mustTell) this.#tellFull();
    if (!this.#deps.filters.isBusy()) this.#endThoseArrived();
    const now = this.#deps.clock.now();
    for (const [slot, untilMs] of this.#lookups) {
      if (untilMs > now) return;
      this.settled(slot);
    }
  }

  /** Devices that a node has told. */
  told(prefix: string, ids: readonly string[], done: boolean): void {
    for (const id of ids) this.#consider(id, prefix);
    const listing = this.#listings.get(prefix);
    if (!done || listing === undefined) return;
    listing.isComplete = true;
    this.#deps.listed(prefix);
  }

  /** A matching device has connected somewhere. */
  appeared(id: string): void {
    this.#consider(id, undefined);
  }

  /** Whether the device is looked up for filters. */
  isLookedUp(slot: number): boolean {
    return this.#lookups.has(slot);
  }

  /** A filter may now follow a device that it could not follow before. @param device undefined: any */
  allowed(device: number | undefined): void {
    const { registry } = this.#deps;
    if (this.#listings.size === 0) return;
    if (device === undefined) for (const id of [...this.#passedOver]) this.#consider(id, undefined);
    else this.#consider(registry.deviceId(device), undefined);
  }

  /** The lookup of the device is complete: filters follow it, or nobody may. */
  settled(slot: number): void {
    if (!this.#lookups.delete(slot)) return;
    if (this.#deps.filters.isBusy()) this.#onTheirWay.add(slot);
    else this.#end(slot);
  }

  #endThoseArrived(): void {
    for (const slot of this.#onTheirWay) {
      this.#onTheirWay.delete(slot);
      this.#end(slot);
    }
  }

  #end(slot: number): void {
    const { registry, levels } = this.#deps;
    if (!registry.hasRows(slot) && registry.devices.rows.home[slot] === Numbering.elsewhere)
      this.#passOver(slot);
    levels.endLookup(slot);
  }

  freed(slot: number): void {
    this.#lookups.delete(slot);
    this.#onTheirWay.delete(slot);
  }

  /** The link has restarted. */
  reset(): void {
    const lookedUp = [...this.#lookups.keys(), ...this.#onTheirWay]; // it is told of them anew
    this.#lookups.clear();
    this.#onTheirWay.clear();
    for (const slot of lookedUp) this.#deps.levels.endLookup(slot);
    for (const [prefix, listing] of this.#listings) {
      listing.isComplete = false;
      this.#ask(prefix, listing);
    }
    this.#mustReview = true;
  }

  /** Updates the listings: ends those that no filter needs, and asks for those that filters lack. */
  #review(): void {
    this.#mustReview = false;
    this.#mustTell = true;
    const { filters } = this.#deps.registry;
    for (const [prefix, { isAsked, requests }] of this.#listings) {
      if (requests > 0 || filters.hasPrefix(prefix)) continue;
      this.#listings.delete(prefix);
      if (isAsked) this.#deps.link.tell(toLink.unfilter, { prefix });
    }
    for (const prefix of filters.prefixes()) {
      const listing = this.#listings.get(prefix);
      if (listing === undefined) this.#begin(prefix);
      else if (!listing.isAsked && !this.#isCovered(prefix)) this.#ask(prefix, listing);
    }
    if (this.#listings.size > 0) return;
    this.#passedOver.clear();
    this.#told.clear();
  }

  #begin(prefix: string): Listing {
    const isCovered = this.#isCovered(prefix);
    const listing = { isComplete: isCovered, isAsked: false, requests: 0, isFull: false };
    this.#listings.set(prefix, listing);
    if (!isCovered) this.#ask(prefix, listing);
    return listing;
  }

  #ask(prefix: string, listing: Listing): void {
    listing.isAsked = true;
    this.#deps.link.tell(toLink.filter, { prefix });
  }

  /** Whether a listing that was asked for has all that the prefix matches. */
  #isCovered(prefix: string): boolean {
    for (const [other, { isComplete, isAsked }] of this.#listings) {
      if (isAsked && isComplete && prefix.startsWith(other)) return true;
    }
    return false;
  }

  #consider(id: string, prefix: string | undefined): void {
    const { registry, levels, found, clock } = this.#deps;
    const { home } = registry.devices.rows;
    this.#passedOver.delete(id);
    const slot = registry.ensureDeviceOf(id);
    if (slot < 0) this.#isFull(id);
    if (home[slot] !== Numbering.elsewhere) return;
    if (prefix !== undefined) found(prefix, slot);
    if (this.#lookups.has(slot) || this.#onTheirWay.has(slot)) return;
    this.#lookups.set(slot, clock.now() + LOOKUP_MS);
    levels.beginLookup(slot);
  }

  /** Moves them back into the table, and forgets their ids. */
  #takePassedOver(prefix: string): number[] {
    const slots: number[] = [];
    for (const id of [...this.#passedOver]) {
      if (!id.startsWith(prefix)) continue;
      this.#passedOver.delete(id);
      const slot = this.#deps.registry.ensureDeviceOf(id);
      if (slot >= 0) slots.push(slot);
      else this.#isFull(id);
    }
    return slots;
  }

  /** Devices that are looked up for filters, or on their way to a subscriber; also those that are added meanwhile. */
  *lookedUp(): Generator<number> {
    yield* this.#lookups.keys();
    yield* this.#onTheirWay;
  }

  #passOver(slot: number): void {
    this.#remember(this.#deps.registry.deviceId(slot));
  }

  #remember(id: string): void {
    if (this.#passedOver.size < PASSED_OVER_MAX) this.#passedOver.add(id);
  }

  /** There is no room for the device now, but there may be for a later filter. */
  #isFull(id: string): void {
    this.#remember(id);
    for (let length = 0; length <= id.length; length++) {
      const listing = this.#listings.get(id.slice(0, length));
      if (listing !== undefined) listing.isFull = true;
    }
    this.#mustTell = true;
  }

  /** Tells each connection once about a filter that lacks devices. */
  #tellFull(): void {
    // Stryker disable next-line BooleanLiteral: a short cut, as each is told once
    this.#mustTell = false;
    const { registry, subscriptions } = this.#deps;
    const { filters } = registry;
    for (const [prefix, { isFull }] of this.#listings) {
      if (!isFull) continue;
      for (const slot of filters.matching(prefix)) {
        const session = registry.subscribers.rows.session[filters.subscriber(slot)]!;
        // Stryker disable next-line ConditionalExpression: filters of a subscriber that is away are not active
        if (session === NONE || filters.state(slot) !== RowState.active) continue;
        const filter = filters.nameOf(slot);
        const told = this.#told.get(slot);
        if (told?.session === session && told.filter === filter) continue;
        this.#told.set(slot, { session, filter });
        const full = [{ filter, value: RowState.none }];
        subscriptions.link(session).notice(session, Notice.filterFull, NO_BYTES, false, full);
      }
    }
  }
}
