/** Lists of what waits, by address or network. Most items wait only for a moment. */
import { LinkedList, type ListNode } from '../linked-list.ts';

/** Empty lists are kept up to here: a `Map` that becomes empty again and again leaves garbage behind (`linked-list.ts`). */
const KEPT_MAX = 64;

export class ListsByKey<Item> {
  readonly #lists = new Map<string, LinkedList<Item>>();
  #used = 0;

  /** Lists that are not empty. */
  get size(): number {
    return this.#used;
  }

  /** @returns oldest first; undefined or empty: there is none */
  get(key: string): LinkedList<Item> | undefined {
    return this.#lists.get(key);
  }

  /** @returns what takes it away again */
  add(key: string, item: Item): ListNode<Item> {
    let list = this.#lists.get(key);
    if (list === undefined) {
      list = new LinkedList();
      this.#lists.set(key, list);
    }
    if (list.size === 0) this.#used += 1;
    return list.add(item);
  }

  remove(key: string, node: ListNode<Item>): void {
    const list = this.#lists.get(key);
    if (list === undefined || !list.remove(node) || list.size > 0) return;
    this.#used -= 1;
    if (this.#lists.size > KEPT_MAX) this.#lists.delete(key);
  }

  clear(): void {
    this.#lists.clear();
    this.#used = 0;
  }
}
