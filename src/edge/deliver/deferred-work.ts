/**
 * The requests of an edge that wait for other nodes of a cluster, and those that wait for room among them. A node that
 * does not answer holds a request for a second. So until the node is called lost, the room limits how much one edge
 * gets answered per second. Nobody may take all of it: large requests leave room for small ones, an address leaves room
 * for others, and waiting requests are admitted in turn.
 */
import { REQUEST_WORK_DEFERRED, REQUEST_WORK_DEFERRED_LARGE, REQUEST_WORK_SMALL } from '../../limits.ts';
import { LinkedList, type ListNode } from '../../linked-list.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** An address may take this many times what it leaves to others: three quarters while it is alone. */
const ADDRESS_SHARE = 3;
/** Addresses that are tried at once. */
const LOOKS_MAX = 64;

/** Sessions whose next request waits for room, in the order in which they came. */
interface Kept {
  /** What may wait for other nodes besides such requests, in devices. */
  readonly limit: number;
  /** By address, in the order of their turns. None is empty. */
  readonly lists: Map<number, LinkedList<SubscriberSession>>;
  /** Addresses tried in vain since anything was admitted or became free: only the rest are worth trying. */
  fruitless: number;
}

/** A session's place in the queue for room. */
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

  /**
   * Whether a request may wait for other nodes. It need not fit completely; otherwise smaller ones could always pass
   * it.
   */
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
   * Sessions that may find room, small requests first and one address after the other. When the caller takes one, it
   * calls `leave`; a session that stays waits for the next time. The one at which the caller stops comes first the next
   * time.
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
