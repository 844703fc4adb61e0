/**
 * Requests that wait until the homes of the devices that they name are known. After at most a second they are answered
 * with what is known, and the rest follows; kept events that are on their way are waited for longer. Later requests of
 * the same subscriber queue behind them. The edge learns that they wait, so that it can go on with the requests of
 * others. If many reach their time limit at once, a few are answered in each poll. Owner thread only.
 */
import { REQUEST_WORK_PER_POLL } from '../../limits.ts';
import { NONE, Numbering } from '../../presence/columns.ts';
import type { Request } from '../../records/requests.ts';
import type { RequestWaits } from '../subscriber-homes.ts';
import type { Backfills } from './backfills.ts';
import type { ClusterContext } from './context.ts';
import type { Levels } from './levels.ts';
import type { Listings } from './listings.ts';
import type { Remotes } from './remotes.ts';

export interface WaitsDeps extends ClusterContext {
  readonly levels: Levels;
  readonly listings: Listings;
  readonly remotes: Pick<Remotes, 'isFollowed'>;
  readonly backfills: Backfills;
}

/** One request that waits, and those behind it. */
export interface Wait {
  readonly subscriber: number;
  readonly request: Request;
  /** When it is looked at again, hub clock, ms; and when it is answered in any case. */
  untilMs: number;
  readonly endsMs: number;
  /** Devices that are looked up, and those of them that have no answer yet. */
  readonly slots: Set<number>;
  readonly open: Set<number>;
  /** Filters whose devices other nodes have not all listed yet. */
  readonly prefixes: Set<string>;
  /** Devices that are still to be compared with its filters; undefined: none. */
  toCompare: Iterator<number> | undefined;
  readonly behind: Request[];
}

/** How long a lookup may take (wire contract). */
const WAIT_MS = 1000;
/** How long a request for the past waits at most: clients wait longer. */
const PAST_MS_MAX = 5000;
/** Comparisons of a device with a filter in a poll: less than a millisecond, however many filters a request has. */
const COMPARISONS_PER_POLL = 2000;

export class Waits implements RequestWaits {
  readonly #deps: WaitsDeps;
  /** By session, in the order in which they are looked at. */
  readonly #waits = new Map<number, Wait>();
  /** Those of them that are ready to be answered, in order. */
  readonly #ready = new Set<Wait>();
  /** Those that have a `toCompare`. */
  readonly #comparing = new Set<Wait>();
  /** Filters of answered requests whose devices are still on their way, and which must stay wanted until then. */
  readonly #onTheirWay = new Map<number, Wait[]>();
  /** By device: who waits for it. */
  readonly #bySlot = new Map<number, Set<Wait>>();

  constructor(deps: WaitsDeps) {
    this.#deps = deps;
  }

  defers(subscriber: number, request: Request): boolean {
    const before = this.#waits.get(request.session);
    if (before !== undefined) {
      before.behind.push(request);
      this.#deps.subscriptions.defer(request);
      return true;
    }
    if (request.op !== 'subscribe' && request.op !== 'resume') return false;
    const wait = this.#begin(subscriber, request);
    this.#waits.set(request.session, wait);
    if (isOver(wait)) this.#answer(wait);
    else this.#deps.subscriptions.defer(request);
    return true;
  }

  sessionOver(session: number): void {
    const wait = this.#waits.get(session);
    this.#waits.delete(session);
    if (wait !== undefined) {
      this.#ready.delete(wait);
      this.#comparing.delete(wait);
      this.#release(wait);
    }
    this.#arrived(session);
  }

  /** The device's row is complete, as far as other nodes answered. */
  settled(slot: number): void {
    for (const wait of [...(this.#bySlot.get(slot) ?? [])]) {
      if (this.#lacksPast(wait, slot)) this.#deps.backfills.begin(slot);
      else this.#close(wait, slot);
    }
  }

  /** The kept events of the device are here, as far as they could be fetched. */
  filled(slot: number): void {
    for (const wait of [...(this.#bySlot.get(slot) ?? [])]) this.#close(wait, slot);
  }

  #close(wait: Wait, slot: number): void {
    wait.open.delete(slot);
    this.#goOn(wait);
  }

  #lacksPast({ request }: Wait, slot: number): boolean {
    const { remotes, backfills } = this.#deps;
    return request.past === true && remotes.isFollowed(slot) && !backfills.isComplete(slot);
  }

  /** A device was found for a filter. */
  found(prefix: string, slot: number): void {
    for (const wait of this.#waits.values()) if (wait.prefixes.has(prefix)) this.#lookUp(wait, slot);
  }

  /** Every node has told all devices that the filter matches. */
  listed(prefix: string): void {
    for (const wait of [...this.#waits.values()]) if (wait.prefixes.delete(prefix)) this.#goOn(wait);
  }

  /** The device's row is about to be freed. */
  freed(slot: number): void {
    for (const wait of this.#bySlot.get(slot) ?? []) this.#close(wait, slot);
    this.#bySlot.delete(slot);
    for (const wait of this.#waits.values()) wait.slots.delete(slot);
    for (const waits of this.#onTheirWay.values()) for (const wait of waits) wait.slots.delete(slot);
  }

  /** Ends waits that have lasted long enough, and answers as many requests as a poll and their edges can take. */
  tick(): void {
    for (const session of this.#onTheirWay.keys())
      if (!this.#deps.filters.isBusy(session)) this.#arrived(session);
    if (this.#waits.size === 0) return;
    this.#compareAll();
    const { clock, subscriptions } = this.#deps;
    const now = clock.now();
    for (const wait of this.#waits.values()) {
      if (wait.untilMs > now) break;
      if (!this.#waitsOn(wait, now)) this.#ready.add(wait);
    }
    let left = REQUEST_WORK_PER_POLL;
    for (const wait of this.#ready) {
      if (left <= 0) return;
      if (subscriptions.link(wait.request.session).holdsBack()) continue;
      left -= workOf(wait);
      this.#answer(wait);
    }
  }

  /**
   * The time for lookups is over: gives up what nobody tells of. @returns whether it waits on, because kept events are on
   * their way: nothing brings them later, and they would count as lost
   */
  #waitsOn(wait: Wait, now: number): boolean {
    if (now + WAIT_MS > wait.endsMs) return false;
    for (const slot of wait.open) if (!this.#deps.backfills.isComing(slot)) wait.open.delete(slot);
    wait.prefixes.clear();
    if (wait.open.size === 0) return false;
    wait.untilMs = now + WAIT_MS;
    this.#waits.delete(wait.request.session);
    this.#waits.set(wait.request.session, wait);
    return true;
  }

  untilNextMs(now: number): number {
    if (this.#ready.size > 0 || this.#comparing.size > 0) return 0;
    for (const { untilMs } of this.#waits.values()) return Math.max(0, untilMs - now);
    return Number.POSITIVE_INFINITY;
  }

  #begin(subscriber: number, request: Request): Wait {
    const { clock, listings } = this.#deps;
    const now = clock.now();
    const made: Omit<Wait, 'subscriber' | 'request'> = {
      untilMs: now + WAIT_MS,
      endsMs: now + PAST_MS_MAX,
      slots: new Set(),
      open: new Set(),
      prefixes: new Set(),
      toCompare: undefined,
      behind: [],
    };
    const wait = { subscriber, request, ...made };
    for (const id of new Set(request.devices ?? [])) this.#lookUpId(wait, id);
    for (const prefix of prefixesOf(request)) {
      const { isComplete, passedOver } = listings.open(prefix);
      if (!isComplete) wait.prefixes.add(prefix);
      for (const slot of passedOver) this.#lookUp(wait, slot);
      wait.toCompare ??= this.#followedAlready(request);
    }
    if (wait.toCompare !== undefined) this.#compare(wait, COMPARISONS_PER_POLL);
    return wait;
  }

  /** Devices that others follow already, but without an answer yet, or without their past. `NONE`: it lacks nothing. */
  *#followedAlready({ past }: Request): Generator<number> {
    const { listings, levels, backfills } = this.#deps;
    yield* listings.lookedUp();
    if (past !== true) return;
    for (const slot of levels.wanted()) yield backfills.isComplete(slot) ? NONE : slot;
  }

  /** Goes on with the comparisons, the earliest first. */
  #compareAll(): void {
    let left = COMPARISONS_PER_POLL;
    for (const wait of this.#comparing) {
      left = this.#compare(wait, left);
      if (left <= 0) return;
    }
  }

  /**
   * Compares devices with the filters of a request: among many thousands of them, few may match.
   * @param most comparisons before it stops @returns comparisons left; 0 or less if there is more to do
   */
  #compare(wait: Wait, most: number): number {
    const { registry } = this.#deps;
    const prefixes = [...prefixesOf(wait.request)];
    let left = most;
    while (left > 0) {
      const { done, value: slot } = wait.toCompare!.next();
      if (done === true) {
        wait.toCompare = undefined;
        this.#comparing.delete(wait);
        this.#goOn(wait);
        return left;
      }
      left -= slot === NONE ? 1 : prefixes.length;
      if (slot === NONE) continue;
      const id = registry.deviceId(slot);
      if (prefixes.some((prefix) => id.startsWith(prefix))) this.#lookUp(wait, slot);
    }
    this.#comparing.add(wait);
    return left;
  }

  #lookUpId(wait: Wait, id: string): void {
    const { registry, scopes } = this.#deps;
    if (!scopes.covers(wait.subscriber, id)) return;
    const isFull = registry.unusedCount >= registry.devices.capacity / 2;
    const known = registry.deviceOf(id);
    const slot = known >= 0 || isFull ? known : registry.ensureDeviceOf(id);
    if (slot >= 0) this.#lookUp(wait, slot);
  }

  #lookUp(wait: Wait, slot: number): void {
    const { registry, levels } = this.#deps;
    const home = registry.devices.rows.home[slot];
    if (home === Numbering.here || wait.slots.has(slot)) return;
    wait.slots.add(slot);
    levels.beginLookup(slot);
    const isAnswered = home === Numbering.elsewhere && levels.isAnswered(slot);
    if (isAnswered && !this.#lacksPast(wait, slot)) return;
    if (isAnswered) this.#deps.backfills.begin(slot);
    wait.open.add(slot);
    const waits = this.#bySlot.get(slot);
    if (waits === undefined) this.#bySlot.set(slot, new Set([wait]));
    else waits.add(wait);
  }

  #goOn(wait: Wait): void {
    const isThere = this.#waits.get(wait.request.session) === wait;
    if (isThere && isOver(wait)) this.#ready.add(wait);
  }

  #answer(wait: Wait): void {
    const { subscribers } = this.#deps;
    const { subscriber, request, behind } = wait;
    this.#waits.delete(request.session);
    this.#ready.delete(wait);
    this.#comparing.delete(wait);
    subscribers.answer(subscriber, request);
    if (this.#deps.filters.isBusy(request.session)) this.#isOnItsWay(wait);
    else this.#release(wait);
    for (const next of behind) if (!this.defers(subscriber, next)) subscribers.answer(subscriber, next);
  }

  #isOnItsWay(wait: Wait): void {
    const { session } = wait.request;
    const waits = this.#onTheirWay.get(session);
    if (waits === undefined) this.#onTheirWay.set(session, [wait]);
    else waits.push(wait);
  }

  #arrived(session: number): void {
    for (const wait of this.#onTheirWay.get(session) ?? []) this.#release(wait);
    this.#onTheirWay.delete(session);
  }

  #release(wait: Wait): void {
    const { levels, listings } = this.#deps;
    for (const slot of wait.slots) {
      const waits = this.#bySlot.get(slot);
      if (waits?.delete(wait) && waits.size === 0) this.#bySlot.delete(slot);
      levels.endLookup(slot);
    }
    for (const prefix of prefixesOf(wait.request)) listings.close(prefix);
  }
}

/** Whether nothing is waited for any more. */
function isOver({ open, prefixes, toCompare }: Wait): boolean {
  return open.size === 0 && prefixes.size === 0 && toCompare === undefined;
}

/** The prefixes of the filters that the request adds, each once. */
function prefixesOf({ op, filters }: Request): Iterable<string> {
  return op === 'subscribe' ? new Set(filters.map((filter) => filter.slice(0, -1))) : [];
}

/** The cost of answering it and the requests behind it, in devices named. */
function workOf({ request, behind }: Wait): number {
  return [request, ...behind].reduce((sum, { devices }) => sum + 1 + (devices?.length ?? 0), 0);
}
