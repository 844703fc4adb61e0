/** Token bucket: `burst` events at once, `perSecond` on average. Refills by elapsed time, without a timer. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #refilledAt: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1e3;
    this.#burst = burst;
    this.#tokens = burst;
    this.#refilledAt = nowMs;
  }

  /** @returns false when the peer is over its rate: the caller refuses and counts */
  take(nowMs: number): boolean {
    const tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#refilledAt) * this.#perMs);
    this.#refilledAt = nowMs;
    this.#tokens = tokens >= 1 ? tokens - 1 : tokens;
    return tokens >= 1;
  }
}
