/**
 * Pings every peer of one edge, and closes peers that show no sign of life or whose token has expired. One timer serves
 * all of them, because a scan costs a few nanoseconds per peer.
 */
import type { Clock } from '../clock.ts';
import { type CloseEntry, closes } from '../codes.ts';
import { PONG_GRACE_MS } from '../limits.ts';

export interface WatchedPeer {
  /**
   * Hub clock, whole ms (a small integer stands in the object itself): when the peer was last heard; written by its
   * session on every frame and control pong. Until then negative: when it connected.
   */
  aliveAt: number;
  /** Hub clock, whole ms: when it is pinged next. */
  pingAt: number;
  /** Hub clock, whole ms: when its token expires; 0: never. */
  readonly expiresAt: number;
  ping(): void;
  close(close: CloseEntry): void;
}

/** Whether the peer's token has expired. @param now hub clock, ms */
export function hasExpired({ expiresAt }: Pick<WatchedPeer, 'expiresAt'>, now: number): boolean {
  return expiresAt !== 0 && expiresAt <= now;
}

export interface LivenessSettings {
  readonly pingIntervalMs: number;
  /** How soon a new peer must show its first sign of life; 0: the usual limit. */
  readonly firstFrameTimeoutMs: number;
}

export class Liveness {
  readonly #peers = new Set<WatchedPeer>();
  readonly #clock: Clock;
  readonly #pingIntervalMs: number;
  readonly #firstFrameMs: number;

  constructor(clock: Clock, { pingIntervalMs, firstFrameTimeoutMs }: LivenessSettings) {
    this.#clock = clock;
    this.#pingIntervalMs = pingIntervalMs;
    this.#firstFrameMs = firstFrameTimeoutMs;
  }

  /** How often `tick` should run, ms: a ping is at most 4 % late. */
  get tickMs(): number {
    const shortest = Math.min(this.#pingIntervalMs, this.#firstFrameMs || this.#pingIntervalMs);
    return Math.min(1000, Math.max(10, Math.floor(shortest / 25)));
  }

  add(peer: WatchedPeer): void {
    const now = Math.floor(this.#clock.now());
    peer.aliveAt = -now;
    // Peers that came together are pinged apart.
    const firstPingMs = this.#firstFrameMs > 0 ? 0 : this.#pingIntervalMs * (0.5 + Math.random() / 2);
    peer.pingAt = now + Math.floor(firstPingMs);
    this.#peers.add(peer);
  }

  remove(peer: WatchedPeer): void {
    this.#peers.delete(peer);
  }

  /**
   * The thread did not run for this long, so no peer could be heard: excuses this time for all peers. @param ms whole
   */
  credit(ms: number): void {
    for (const peer of this.#peers) {
      peer.aliveAt += peer.aliveAt < 0 ? -ms : ms;
      peer.pingAt += ms;
    }
  }

  tick(): void {
    const now = Math.floor(this.#clock.now());
    const silentSince = now - this.#pingIntervalMs - PONG_GRACE_MS;
    for (const peer of this.#peers) {
      if (hasExpired(peer, now)) {
        this.#peers.delete(peer);
        peer.close(closes.tokenExpired);
      } else if (Math.abs(peer.aliveAt) < silentSince || this.#isMute(peer, now)) {
        this.#peers.delete(peer);
        peer.close(closes.noPong);
      } else if (peer.pingAt <= now) {
        peer.pingAt = now + this.#pingIntervalMs;
        peer.ping();
      }
    }
  }

  #isMute({ aliveAt }: WatchedPeer, now: number): boolean {
    return this.#firstFrameMs > 0 && aliveAt < 0 && now + aliveAt > this.#firstFrameMs;
  }
}
