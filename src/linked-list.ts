/**
 * Items in the order in which they came. Each can be removed from anywhere.
 *
 * Use this instead of a `Set` for members that come and go with every connection or request. A `Set` that becomes empty,
 * or whose table is full of deleted entries, gets a new table, and the old one refers to it. Once such a table is in the
 * old generation, V8's young collections keep all tables that follow it, until the next full collection.
 */

/** One item's place in the list. */
export interface ListNode<Item> {
  readonly item: Item;
}

class Node<Item> implements ListNode<Item> {
  readonly item: Item;
  list: LinkedList<Item> | undefined;
  before: Node<Item> | undefined = undefined;
  after: Node<Item> | undefined = undefined;

  constructor(item: Item, list: LinkedList<Item>) {
    this.item = item;
    this.list = list;
  }
}

export class LinkedList<Item> {
  #first: Node<Item> | undefined;
  #last: Node<Item> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The node of the item that has been here longest. */
  get first(): ListNode<Item> | undefined {
    return this.#first;
  }

  /** Puts the item at the end. @returns what takes it away again */
  add(item: Item): ListNode<Item> {
    const node = new Node(item, this);
    node.before = this.#last;
    if (this.#last === undefined) this.#first = node;
    else this.#last.after = node;
    this.#last = node;
    this.#size += 1;
    return node;
  }

  /** @returns whether it was in this list */
  remove(node: ListNode<Item>): boolean {
    if (!(node instanceof Node) || node.list !== this) return false;
    const { before, after } = node as Node<Item>;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    // A node that has become old keeps nothing alive.
    node.list = undefined;
    node.before = undefined;
    node.after = undefined;
    this.#size -= 1;
    return true;
  }

  /** From the oldest on. The item that was just handed out may be removed. */
  *[Symbol.iterator](): Generator<Item> {
    let node = this.#first;
    while (node !== undefined) {
      const { item, after } = node;
      yield item;
      node = after;
    }
  }
}
