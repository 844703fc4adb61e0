/**
 * Lets the devices and gateways of all edges join in the order in which they came, though the owner reads one ring after
 * the other: before a join, the other edges' rings are worked off up to the first join that came after it. So of two
 * connections of an id the newer one wins, and what an edge had said of the older one counts before it. Where more is
 * ahead than may be worked off at once, the newer one joins first, and the older one finds it there. Owner thread only.
 * Below, "device" stands for both.
 */
import type { Join } from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';

export interface JoinOrderDeps {
  readonly edges: number;
  /** Works off what an edge has said up to its next device that joins. @returns that one; undefined: none for now */
  advance(edge: number): Join | undefined;
  join(join: Join): void;
}

export class JoinOrder {
  readonly #deps: JoinOrderDeps;
  /** By edge: a device that is to join next, taken out of the ring while another's turn was looked for. */
  readonly #next: (Join | undefined)[] = [];

  constructor(deps: JoinOrderDeps) {
    this.#deps = deps;
  }

  /** Whether any edge's next device is known and has not joined. */
  get hasWaiting(): boolean {
    return this.#next.some((join) => join !== undefined);
  }

  /** Lets the edge's next device join where it is known: nothing later of the edge may be taken before. @returns 1 or 0 */
  resume(edge: number): number {
    const join = this.#next[edge];
    if (join === undefined) return 0;
    this.#next[edge] = undefined;
    this.join(join);
    return 1;
  }

  /** Lets a device join, after all that came before it. */
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
