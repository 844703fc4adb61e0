/**
 * What waits for its turn: each key once, in the order in which it came, and any may leave before. Pure.
 *
 * Taking the first entry of a `Map` or an array again and again costs what was taken before, or what is left, each time:
 * seconds of a thread for 100,000. This goes on from where it was.
 */
export class WaitList<Key, Value> {
  readonly #values = new Map<Key, Value>();
  #keys = this.#values.keys();
  /** The key whose turn it is, where that is known. */
  #head: Key | undefined;

  get size(): number {
    return this.#values.size;
  }

  has(key: Key): boolean {
    return this.#values.has(key);
  }

  /** At the end; one that waits already keeps its place. */
  set(key: Key, value: Value): void {
    this.#values.set(key, value);
  }

  /** @returns whether it waited */
  delete(key: Key): boolean {
    if (key === this.#head) this.#head = undefined;
    return this.#values.delete(key);
  }

  clear(): void {
    this.#head = undefined;
    this.#values.clear();
  }

  /** The key whose turn it is; it goes on waiting. */
  first(): Key | undefined {
    if (this.#values.size === 0) return undefined;
    while (this.#head === undefined) {
      const { value, done } = this.#keys.next();
      if (done === true) this.#keys = this.#values.keys(); // it had been at the end before others came
      this.#head = value;
    }
    return this.#head;
  }

  /** The value whose turn it is, which waits no longer. */
  take(): Value | undefined {
    const key = this.first();
    if (key === undefined) return undefined;
    const value = this.#values.get(key);
    this.delete(key);
    return value;
  }
}
