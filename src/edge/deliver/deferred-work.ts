/**
 * What of an edge's requests waits for other nodes of a cluster, and which requests wait until there is room for them. A
 * node that does not answer keeps a request for a second, so this is what one edge gets answered per second until the node
 * is called lost. Nobody may take all of it: large requests leave room for small ones, an address leaves room for others,
 * and those that wait are let in by turns.
 */
import { REQUEST_WORK_DEFERRED, REQUEST_WORK_DEFERRED_LARGE, REQUEST_WORK_SMALL } from '../../limits.ts';
import { LinkedList, type ListNode } from '../../linked-list.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** An address may have so many times what it leaves to others: three quarters while it is alone. */
const ADDRESS_SHARE = 3;
/** Addresses that are looked at in one go. */
const LOOKS_MAX = 64;

/** Sessions whose next request waits for room, in the order in which they came. */
interface Kept {
  /** What may wait for other nodes beside such requests, in devices. */
  readonly limit: number;
  /** By address, in the order of their turns. None is empty. */
  readonly lists: Map<number, LinkedList<SubscriberSession>>;
  /** Addresses that were looked at since anything was let in or became free, all in vain: the rest is worth a look. */
  fruitless: number;
}

/** A session's place among those that wait for room. */
export interface KeptPlace {
  readonly kept: Kept;
  readonly address: number;
  readonly node: ListNode<SubscriberSession>;
}

export class DeferredWork {
  /** In devices, as all work here. */
  #total = 0;
  readonly #byAddress = new Map<number, number>();
  readonly #small: Kept = { limit: REQUEST_WORK_DEFERRED, lists: new Map(), fruitless: 0 };
  readonly #large: Kept = { limit: REQUEST_WORK_DEFERRED_LARGE, lists: new Map(), fruitless: 0 };

  /** Nobody waits for room. */
  get keepsNobody(): boolean {
    return this.#small.lists.size === 0 && this.#large.lists.size === 0;
  }

  /** Whether a request may wait for other nodes. It need not fit: else smaller ones could pass it for ever. */
  hasRoom({ address }: SubscriberSession, work: number): boolean {
    const free = this.#kindOf(work).limit - this.#total;
    return free > 0 && this.#of(address) <= ADDRESS_SHARE * free;
  }

  /** A request waits for other nodes. */
  add({ address }: SubscriberSession, work: number): void {
    this.#total += work;
    this.#byAddress.set(address, this.#of(address) + work);
  }

  /** It does so no longer. */
  remove({ address }: SubscriberSession, work: number): void {
    if (work === 0) return;
    this.#total -= work;
    const left = this.#of(address) - work;
    // Stryker disable next-line ConditionalExpression,EqualityOperator: nothing is as no entry, but would stay
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
    this.#small.fruitless = 0;
    this.#large.fruitless = 0;
  }

  /** The session waits until there is room for its next request. @returns its place */
  keep(session: SubscriberSession, work: number): KeptPlace {
    const kept = this.#kindOf(work);
    const { address } = session;
    let list = kept.lists.get(address);
    if (list === undefined) {
      list = new LinkedList();
      kept.lists.set(address, list);
    }
    return { kept, address, node: list.add(session) };
  }

  leave({ kept, address, node }: KeptPlace): void {
    const list = kept.lists.get(address);
    if (list?.remove(node) !== true) return;
    if (list.size === 0) kept.lists.delete(address);
    kept.fruitless = 0;
  }

  /**
   * Sessions that may find room, small requests first and one address after the other. Whoever takes one has it `leave`;
   * one that is left here waits for another time. One at which the caller ends comes first the next time.
   */
  *next(): Generator<SubscriberSession> {
    for (const kept of [this.#small, this.#large]) {
      const { lists, limit } = kept;
      if (this.#total >= limit) continue; // all keep their turns
      for (let looks = 0; looks < LOOKS_MAX && kept.fruitless < lists.size; looks++) {
        const [address, list] = lists.entries().next().value!;
        const session = list.first!.item;
        yield session;
        if (list.first?.item === session) kept.fruitless += 1;
        if (list.size === 0) continue;
        lists.delete(address);
        lists.set(address, list); // its next turn comes after all others'
      }
    }
  }

  #kindOf(work: number): Kept {
    return work <= REQUEST_WORK_SMALL ? this.#small : this.#large;
  }

  #of(address: number): number {
    return this.#byAddress.get(address) ?? 0;
  }
}
