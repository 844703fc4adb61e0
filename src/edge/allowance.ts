/**
 * What a peer may ask for: `burst` units at once, `perSecond` on average. It is kept as the time at which the peer will
 * have all of it again (the generic cell rate algorithm), so that a peer that asks for little leaves nothing behind.
 */

/** A peer that asks for this many times its rate for a second is closed. */
export const FAR_OVER_FACTOR = 10;
const WINDOW_MS = 1000;
/** What each id in a frame and each row in an answer costs (wire contract). */
export const COST_PER_DEVICE = 1 / 50;

export interface Rate {
  /** Units per second. */
  readonly perSecond: number;
  /** Units at once. */
  readonly burst: number;
}

/** @returns undefined where there is no limit */
export function rateOf(perSecond: number, burst: number): Rate | undefined {
  return perSecond > 0 && burst > 0 ? { perSecond, burst } : undefined;
}

export class Allowance {
  #rate: Rate;
  /** Hub clock, ms: when all of it is there again. */
  fullAtMs: number;
  /** What was known of the peer's earlier connections when this began to count: from here on it is its own. */
  #countsFromMs: number;
  #windowStartMs: number;
  /** Asked for since then, what was refused included. */
  #windowCost = 0;
  /** The window before was that of a peer far over its rate. */
  #wasFarOver = false;

  /** @param fullAtMs of an earlier connection of the same peer */
  constructor(rate: Rate, nowMs: number, fullAtMs = nowMs) {
    this.#rate = rate;
    this.fullAtMs = Math.max(nowMs, fullAtMs);
    this.#countsFromMs = this.fullAtMs;
    this.#windowStartMs = nowMs;
  }

  /** An earlier connection has used more than was known at the start: that counts too. @param fullAtMs when it was over */
  include(fullAtMs: number): void {
    if (fullAtMs <= this.#countsFromMs) return;
    this.fullAtMs += fullAtMs - this.#countsFromMs;
    this.#countsFromMs = fullAtMs;
  }

  /** From here on another rate holds: as many units as were used stay used. */
  use(rate: Rate, nowMs: number): void {
    const usedMs = Math.max(0, this.fullAtMs - nowMs);
    this.fullAtMs = nowMs + (usedMs * this.#rate.perSecond) / rate.perSecond;
    this.#rate = rate;
  }

  /**
   * Takes the cost of a frame. One that costs more than the burst is let in when all of the burst is there, and what it
   * costs beyond that is owed: else it would be refused for ever.
   * @returns false when it is not there: the caller refuses the frame
   */
  take(cost: number, nowMs: number): boolean {
    if (nowMs - this.#windowStartMs >= WINDOW_MS) this.#nextWindow(nowMs);
    this.#windowCost += cost;
    const { perSecond, burst } = this.#rate;
    const after = this.#after(cost, nowMs);
    const needed = cost > burst ? this.#after(burst, nowMs) : after;
    if (needed - nowMs - (burst / perSecond) * 1e3 > 0) return false;
    this.fullAtMs = after;
    return true;
  }

  /** Takes what an answer costs, though it be more than there is: the next page waits for it. */
  charge(cost: number, nowMs: number): void {
    this.fullAtMs = this.#after(cost, nowMs);
  }

  /** How long until `take` of this cost succeeds, ms; 0: now. */
  waitMs(cost: number, nowMs: number): number {
    const { perSecond, burst } = this.#rate;
    return Math.max(0, this.#after(Math.min(cost, burst), nowMs) - nowMs - (burst / perSecond) * 1e3);
  }

  /**
   * Whether the peer asks for so much that refusing it costs more than it pays. Call when `take` has refused it.
   * @param waiting what it has asked for and was not taken yet
   */
  isFarOver(waiting = 0): boolean {
    const { perSecond, burst } = this.#rate;
    return this.#wasFarOver || this.#windowCost + waiting > FAR_OVER_FACTOR * perSecond + burst;
  }

  #nextWindow(nowMs: number): void {
    const most = (FAR_OVER_FACTOR * this.#rate.perSecond * (nowMs - this.#windowStartMs)) / WINDOW_MS;
    this.#wasFarOver = this.#windowCost > most;
    this.#windowStartMs = nowMs;
    this.#windowCost = 0;
  }

  #after(cost: number, nowMs: number): number {
    return Math.max(this.fullAtMs, nowMs) + (cost / this.#rate.perSecond) * 1e3;
  }
}
