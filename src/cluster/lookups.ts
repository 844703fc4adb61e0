/**
 * Lookups of followed devices: asks every node, and tells the host when all have answered, after at most a second.
 * Cluster thread only.
 */
import type { Clock } from '../clock.ts';
import type { LinkCounts } from './figures.ts';
import type { Follow } from './follow.ts';
import type { ClusterHost } from './host.ts';
import { ASK_AFTER_MS, LOST_SPREAD_MS, WAIT_MS } from './limits.ts';
import type { Peer } from './peer.ts';

export interface LookupsDeps {
  readonly clock: Clock;
  readonly figures: LinkCounts;
  readonly host: ClusterHost;
  /** Peers that answer lookups. */
  ready(): Iterable<Peer>;
  /** Asks a peer; answered with `answered`. */
  ask(peer: Peer, follow: Follow): void;
}

export class Lookups {
  readonly #deps: LookupsDeps;
  /** Follows that wait for a time. */
  readonly #timed = new Set<Follow>();

  constructor(deps: LookupsDeps) {
    this.#deps = deps;
  }

  /** Asks every node now. */
  start(follow: Follow): void {
    follow.askAtMs = 0;
    if (follow.current !== undefined) return;
    this.#deps.figures.lookups += 1;
    for (const peer of this.#deps.ready()) this.ask(peer, follow);
    if (follow.waiting === 0) this.settle(follow, false);
  }

  /** Asks every node after a moment: the new home may not know yet. */
  startLater(follow: Follow): void {
    this.#startAt(follow, ASK_AFTER_MS);
  }

  /** The same for one of the many devices of a lost node, spread over some seconds. */
  startSpread(follow: Follow): void {
    this.#startAt(follow, ASK_AFTER_MS + LOST_SPREAD_MS * spreadOf(follow.ref));
  }

  ask(peer: Peer, follow: Follow): void {
    follow.waiting += 1;
    this.#deps.ask(peer, follow);
  }

  /** A node has answered, or will not answer. */
  answered(follow: Follow): void {
    follow.waiting -= 1;
    if (follow.waiting === 0 && follow.current === undefined) this.settle(follow, false);
  }

  /** From now on the host waits for the result. */
  hostWaits(follow: Follow): void {
    follow.askedUntilMs = this.#deps.clock.now() + WAIT_MS;
    this.#timed.add(follow);
  }

  /** Tells the host the result. */
  settle(follow: Follow, found: boolean): void {
    if (follow.askedUntilMs === 0) return;
    follow.askedUntilMs = 0;
    this.#deps.host.settled(follow.id, found);
  }

  /** The device is no longer wanted: late answers have no effect. */
  drop(follow: Follow): void {
    follow.askedUntilMs = 0;
    this.#timed.delete(follow);
  }

  tick(): void {
    const now = this.#deps.clock.now();
    for (const follow of this.#timed) {
      if (follow.askedUntilMs > 0 && follow.askedUntilMs <= now) this.settle(follow, false);
      if (follow.askAtMs > 0 && follow.askAtMs <= now) this.start(follow);
      if (follow.askedUntilMs === 0 && follow.askAtMs === 0) this.#timed.delete(follow);
    }
  }

  #startAt(follow: Follow, delayMs: number): void {
    follow.askAtMs = this.#deps.clock.now() + delayMs;
    this.#timed.add(follow);
  }
}

/** A value from 0 to 1, evenly distributed over many devices. */
function spreadOf(ref: number): number {
  return (Math.imul(ref, 0x9e3779b1) >>> 0) / 2 ** 32;
}
