/**
 * Pings every peer of one thread and closes those that show no sign of life. Runs on the thread that owns the
 * sockets; one timer for all of them, since a scan costs a few nanoseconds per peer.
 */
import type { Clock } from '../clock.ts';
import { closes } from '../codes.ts';
import { PONG_GRACE_MS } from '../limits.ts';

export interface Peer {
  /**
   * Hub clock, whole ms (a small integer stands in the object itself): when the peer was last heard; written by its
   * session on every frame and control pong.
   */
  aliveAt: number;
  /** Hub clock, whole ms: when it is pinged next. */
  pingAt: number;
  ping(): void;
  close(code: number, reason: string): void;
}

export class Liveness {
  readonly #peers = new Set<Peer>();
  readonly #clock: Clock;
  readonly #pingIntervalMs: number;

  constructor(clock: Clock, pingIntervalMs: number) {
    this.#clock = clock;
    this.#pingIntervalMs = pingIntervalMs;
  }

  /** How often `tick` should run, ms: a ping is at most 4 % late. */
  get tickMs(): number {
    return Math.min(1000, Math.max(10, Math.floor(this.#pingIntervalMs / 25)));
  }

  add(peer: Peer): void {
    const now = Math.floor(this.#clock.now());
    peer.aliveAt = now;
    // Peers that came together are pinged apart.
    peer.pingAt = now + Math.floor(this.#pingIntervalMs * (0.5 + Math.random() / 2));
    this.#peers.add(peer);
  }

  remove(peer: Peer): void {
    this.#peers.delete(peer);
  }

  tick(): void {
    const now = Math.floor(this.#clock.now());
    const silentSince = now - this.#pingIntervalMs - PONG_GRACE_MS;
    for (const peer of this.#peers) {
      if (peer.aliveAt < silentSince) {
        this.#peers.delete(peer);
        peer.close(closes.noPong.code, closes.noPong.reason);
      } else if (peer.pingAt <= now) {
        peer.pingAt = now + this.#pingIntervalMs;
        peer.ping();
      }
    }
  }
}
