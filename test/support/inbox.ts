/** What a peer received, in order, and waiting for what is still to come. No assertions. */

import { WAIT_MS } from './waits.ts';

interface Waiter<Item> {
  readonly matches: (item: Item) => boolean;
  readonly resolve: (item: Item) => void;
  readonly reject: (error: Error) => void;
}

const SHOWN_ITEMS = 12;
const SHOWN_CHARACTERS = 300;

export class Inbox<Item> {
  /** Everything that came, taken or not. */
  readonly all: Item[] = [];
  readonly #name: string;
  readonly #untaken: Item[] = [];
  readonly #waiters = new Set<Waiter<Item>>();
  #ended: string | undefined;

  /** @param name for error messages */
  constructor(name: string) {
    this.#name = name;
  }

  /** Whether nothing more will come. */
  get isOver(): boolean {
    return this.#ended !== undefined;
  }

  push(item: Item): void {
    this.all.push(item);
    for (const waiter of this.#waiters) {
      if (!waiter.matches(item)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(item);
      return;
    }
    this.#untaken.push(item);
  }

  /** Nothing more will come. @param why for error messages */
  end(why: string): void {
    this.#ended = why;
    for (const { reject } of this.#waiters) reject(new Error(this.#describe(why)));
    this.#waiters.clear();
  }

  /**
   * Takes the first item that matches and was not taken before, and waits for it where it did not come yet. Items
   * that do not match stay for later calls.
   * @throws Error that lists the last items, when it did not come in time or cannot come any more
   */
  next(matches: (item: Item) => boolean = () => true, timeoutMs = WAIT_MS): Promise<Item> {
    const index = this.#untaken.findIndex(matches);
    if (index >= 0) return Promise.resolve(this.#untaken.splice(index, 1)[0] as Item);
    if (this.#ended !== undefined) return Promise.reject(new Error(this.#describe(this.#ended)));
    return new Promise((resolve, reject) => {
      const waiter: Waiter<Item> = {
        matches,
        resolve: (item) => {
          clearTimeout(timer);
          resolve(item);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new Error(this.#describe(`nothing for ${timeoutMs} ms`)));
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** Takes items until `count` that match have come. */
  async take(count: number, matches: (item: Item) => boolean, timeoutMs = WAIT_MS): Promise<Item[]> {
    const taken: Item[] = [];
    while (taken.length < count) taken.push(await this.next(matches, timeoutMs));
    return taken;
  }

  #describe(why: string): string {
    const shown = this.all
      .slice(-SHOWN_ITEMS)
      .map((item) => JSON.stringify(item)?.slice(0, SHOWN_CHARACTERS));
    const head = `${this.#name}: ${why} while waiting for ${this.#waiters.size || 1} item(s)`;
    return `${head}; the last of ${this.all.length} received:\n  ${shown.join('\n  ')}`;
  }
}
