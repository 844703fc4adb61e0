/**
 * Subscribers on their way to another node. The copies here go back to the home that gave them if the session ends before
 * the other node has taken them: nobody else has their subscriptions. Devices need no copy: without a hand-over, the next
 * home begins a new epoch. Cluster thread only.
 */
import { type Home, homeKey } from './home.ts';
import type { Numbered } from './homes-deps.ts';
import { writeHandOver } from './parts.ts';
import type { Peer } from './peer.ts';
import { Recent } from './recent.ts';
import { HomeKind } from './records.ts';

/** What a node was given, and may not have. */
export interface HandedOver extends Numbered {
  readonly parts: readonly Uint8Array[];
  /** The last batch of the session that carries some of it. */
  readonly batch: number;
}

/** Which hand-over it was: no other of that id has the same two. */
interface Taken {
  readonly boot: number;
  readonly number: number;
}

export class HandOvers {
  /** In the order of their batches. */
  readonly #onTheirWay = new Map<Peer, HandedOver[]>();
  /** By `homeKey`: the last one that this node has taken. */
  readonly #taken = new Recent<Taken>();

  /** Those that other nodes have not acknowledged, as of the last look. */
  get count(): number {
    let count = 0;
    for (const handed of this.#onTheirWay.values()) count += handed.length;
    return count;
  }

  /** Hands the id over to the peer. @param leave nobody asked for it, because this node drains */
  give(peer: Peer, home: Home, parts: readonly Uint8Array[], leave: boolean): void {
    const { kind, id } = home;
    const number = home.returned || home.number;
    writeHandOver(peer.session, { kind, id, number }, parts, leave);
    if (kind !== HomeKind.subscriber || parts.length === 0) return;
    const handed = this.#onTheirWay.get(peer) ?? [];
    this.#onTheirWay.set(peer, handed);
    handed.push({ kind, id, number, parts, batch: peer.session.writing });
  }

  /** Forgets what the peers have. */
  tick(): void {
    for (const [peer, handed] of this.#onTheirWay) {
      const left = handed.filter(({ batch }) => batch > peer.session.acknowledged);
      if (left.length === 0) this.#onTheirWay.delete(peer);
      else this.#onTheirWay.set(peer, left);
    }
  }

  /** @returns what the peer may not have: only its acknowledgement may be lost */
  sessionEnded(peer: Peer): readonly HandedOver[] {
    this.tick();
    const handed = this.#onTheirWay.get(peer) ?? [];
    this.#onTheirWay.delete(peer);
    return handed;
  }

  /** The peer hands an id over. @returns false if it has done so before: what was given up since must not come back */
  take({ boot }: Peer, { kind, id, number }: Numbered): boolean {
    if (kind !== HomeKind.subscriber) return true;
    const key = homeKey(kind, id);
    const last = this.#taken.get(key);
    if (last?.boot === boot && last.number === number) return false;
    this.#taken.set(key, { boot, number });
    return true;
  }
}
