/** Lists of what waits, by address or network: most wait for a moment, and one after the other. */
import { LinkedList, type ListNode } from '../linked-list.ts';

/** Lists that are kept though they are empty. A `Map` that becomes empty time and again leaves garbage as a `Set` does. */
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
