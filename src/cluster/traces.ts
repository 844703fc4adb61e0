/**
 * What a node remembers about ids for a while: where they went from here, and which claims of them were heard. By
 * `homeKey`. Cluster thread only.
 */
import { type Home, homeKey } from './home.ts';
import { Recent } from './recent.ts';

interface Departed {
  readonly node: string;
  readonly number: number;
}

export class Traces {
  readonly #departed = new Recent<Departed>();
  readonly #heard = new Recent<number>();

  /** The id leaves this node. @param node where it goes; this node if it is removed */
  leave({ kind, id, number }: Home, node: string): void {
    this.#departed.set(homeKey(kind, id), { node, number });
  }

  /** The id has its home here again. */
  isBack({ kind, id }: Home): void {
    this.#departed.delete(homeKey(kind, id));
  }

  /** The node to which the id went; undefined: it was not here recently. */
  nodeOf(key: string): string | undefined {
    return this.#departed.get(key)?.node;
  }

  /** Another node claims the id. */
  hear(key: string, number: number): void {
    this.#heard.set(key, Math.max(number, this.heard(key)));
  }

  /** The highest number of a claim that was heard recently, 0 none. */
  heard(key: string): number {
    return this.#heard.get(key) ?? 0;
  }

  /** The number of the last claim here, 0 none. */
  number(key: string): number {
    return this.#departed.get(key)?.number ?? 0;
  }
}
