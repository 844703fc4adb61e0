/**
 * Makes the devices and gateways of all edges join in the order in which they connected, although the owner reads one
 * ring after the other. Before a join, it processes the other edges' rings up to the first join that came later. So of
 * two connections with one id the newer one wins, and earlier records about the older one are processed first. If the
 * backlog is too large for one poll, the newer connection joins first, and the older one then finds it in its place.
 * Owner thread only. Below, "device" stands for both.
 */
import type { Join } from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';

export interface JoinOrderDeps {
  readonly edges: number;
  /** Processes an edge's records up to its next join. @returns that join; undefined if there is none for now */
  advance(edge: number): Join | undefined;
  join(join: Join): void;
}

export class JoinOrder {
  readonly #deps: JoinOrderDeps;
  /** By edge: the device that joins next, read from the ring during the search for another's turn. */
  readonly #next: (Join | undefined)[] = [];

  constructor(deps: JoinOrderDeps) {
    this.#deps = deps;
  }

  /** Whether the next device of any edge is known but has not joined. */
  get hasWaiting(): boolean {
    return this.#next.some((join) => join !== undefined);
  }

  /**
   * Lets the edge's next device join, if it is known: no later record of the edge may be processed before it. @returns
   * 1 or 0
   */
  resume(edge: number): number {
    const join = this.#next[edge];
    if (join === undefined) return 0;
    this.#next[edge] = undefined;
    this.join(join);
    return 1;
  }

  /** Lets a device join, after all devices that came before it. */
  join(join: Join): void {
    const edge = edgeOf(join.session);
    for (;;) {
      const first = this.#firstBefore(join, edge);
      if (first === undefined) break;
      this.#next[edgeOf(first.session)] = undefined;
      this.#deps.join(first);
    }
    this.#deps.join(join);
  }

  /** @returns of the other edges' next devices the one that came first, if it came before this one */
  #firstBefore({ ticket }: Join, edge: number): Join | undefined {
    let first: Join | undefined;
    for (let other = 0; other < this.#deps.edges; other++) {
      if (other === edge) continue;
      const next = this.#next[other] ?? this.#deps.advance(other);
      this.#next[other] = next;
      if (next !== undefined && next.ticket < (first?.ticket ?? ticket)) first = next;
    }
    return first;
  }
}
