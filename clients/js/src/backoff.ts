/**
 * Decides when to reconnect, by the hub's close codes. Pure, apart from the clock and the random numbers it is given.
 */
import { retryAfterClose } from './wire.ts';

/** How long the client waits before it connects again. */
export interface ReconnectOptions {
  /** The first wait is at most this, ms; it doubles with each failure. Default 1000. */
  readonly baseMs?: number;
  /** No wait is longer than this, ms, unless the hub asks for it. Default 30 000. */
  readonly capMs?: number;
  /** After a connection has lasted this long, ms, earlier failures no longer count. Default 10 000. */
  readonly stableAfterMs?: number;
}

export class Backoff {
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #stableAfterMs: number;
  readonly #now: () => number;
  readonly #random: () => number;
  /** Since the last stable connection. */
  #failures = 0;
  #connectedAt = Number.POSITIVE_INFINITY;

  /**
   * @param now monotonic ms
   * @param random from 0 up to, not including, 1
   */
  constructor(
    { baseMs = 1000, capMs = 30_000, stableAfterMs = 10_000 }: ReconnectOptions,
    now: () => number = () => performance.now(),
    random: () => number = Math.random,
  ) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#stableAfterMs = stableAfterMs;
    this.#now = now;
    this.#random = random;
  }

  /** A connection is up. */
  connected(): void {
    this.#connectedAt = this.#now();
  }

  /**
   * A connection was lost, or could not be made.
   * @param closeCode of the WebSocket; 1006 when there was no close frame
   * @param reconnectAfterMs the wait that the hub asked for, if any; the hub has spread its peers already, so no
   *   randomness is added
   * @returns ms to wait; undefined: do not reconnect
   */
  next(closeCode: number, reconnectAfterMs?: number): number | undefined {
    const retry = retryAfterClose(closeCode);
    if (retry === 'never') return undefined;
    if (this.#now() - this.#connectedAt >= this.#stableAfterMs) this.#failures = 0;
    this.#connectedAt = Number.POSITIVE_INFINITY;
    const windowMs = Math.min(this.#capMs, this.#baseMs * 2 ** this.#failures);
    this.#failures += 1;
    if (reconnectAfterMs !== undefined) return reconnectAfterMs;
    // "Now" counts only once: if the hub closes the same peer again and again, the peer must back off.
    if (retry === 'now' && this.#failures === 1) return 0;
    return this.#random() * windowMs; // full jitter
  }
}
