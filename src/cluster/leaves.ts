/**
 * Ids that this node leaves to others while it drains: a few at a time, and as fast as the queues allow, so that
 * hand-overs do not overflow a session. Cluster thread only.
 */
import { type Home, HomePhase } from './home.ts';
import { LEAVES_MAX } from './limits.ts';
import type { Peer } from './peer.ts';

export interface LeavesDeps {
  /** The node that an id is left to, undefined when there is none. */
  keeperOf(id: string): Peer | undefined;
  /** Makes the host release it; `over` follows. */
  depart(home: Home): void;
}

export class Leaves {
  readonly #deps: LeavesDeps;
  readonly #queue = new Set<Home>();
  readonly #underWay = new Set<Home>();

  constructor(deps: LeavesDeps) {
    this.#deps = deps;
  }

  /** Leaves the id to another node in its turn. If there is no node, the id stays. */
  add(home: Home): void {
    this.#queue.add(home);
    this.goOn();
  }

  /** The id is on its way, or has left in another way. */
  over(home: Home): void {
    this.#queue.delete(home);
    if (this.#underWay.delete(home)) this.goOn();
  }

  /** There may be room again. */
  goOn(): void {
    const { keeperOf, depart } = this.#deps;
    for (const home of this.#queue) {
      if (this.#underWay.size >= LEAVES_MAX) return;
      const keeper = keeperOf(home.id);
      if (keeper?.session.hasRoom === false) return;
      this.#queue.delete(home);
      if (keeper === undefined || home.connected || home.phase !== HomePhase.home) continue;
      this.#underWay.add(home);
      depart(home);
    }
  }
}
