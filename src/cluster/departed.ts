/** Ids that left this node not long ago: where they went, and the number of their last claim. Cluster thread only. */
import { homeKey } from './home.ts';
import { MOVED_MAX } from './limits.ts';
import type { HomeKind } from './records.ts';

interface Departed {
  readonly node: string;
  readonly number: number;
}

export class DepartedIds {
  /** The newest last. */
  readonly #ids = new Map<string, Departed>();

  get(kind: HomeKind, id: string): Departed | undefined {
    return this.#ids.get(homeKey(kind, id));
  }

  add(kind: HomeKind, id: string, departed: Departed): void {
    const key = homeKey(kind, id);
    this.#ids.delete(key);
    this.#ids.set(key, departed);
    if (this.#ids.size > MOVED_MAX) this.#ids.delete(this.#ids.keys().next().value!);
  }

  delete(kind: HomeKind, id: string): void {
    this.#ids.delete(homeKey(kind, id));
  }
}
