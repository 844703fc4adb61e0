/**
 * How much the peers of an edge may ask for: each `burst` units at once, `perSecond` on average. An allowance is kept
 * as the time at which the peer will have all of it again (the generic cell rate algorithm), so that a peer that asks
 * for little leaves nothing behind.
 *
 * Each frame of ten thousand peers looks at its own allowance. So they are places of one array: a frame reads 32 bytes,
 * where an object with its boxed numbers would lie in five places of memory.
 */

/** A peer that asks for this multiple of its rate for a second is closed. */
const FAR_OVER_FACTOR = 10;
const WINDOW_MS = 1000;
/** A peer whose hub did not run for longer has most likely given up, and reconnects. */
const FORGIVEN_MS_MAX = 30_000;
/** What each id in a frame and each row in an answer costs (wire contract). */
export const COST_PER_DEVICE = 1 / 50;

/** Instead of a place: the peer has not asked for anything yet, or there is no limit. */
export const NO_ALLOWANCE = -1;
/** Instead of a place: the session has ended and no longer pays. */
export const ENDED = -2;

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

/** Cells of a place, hub clock in ms where they are times. */
const Cell = {
  /** When it is full again. */
  fullAt: 0,
  /** What was known of the peer's earlier connections when this one began to count. */
  countsFrom: 1,
  windowStart: 2,
  /** Asked for since then, in units, what was refused included. */
  windowCost: 3,
} as const;
const CELLS = 4;
const PLACES_MIN = 64;

/** Whoever opens a place must close it. */
export class AllowanceTable {
  /** Until then, nothing of the time since `#forgivenFromMs` is lost to a peer that asked for nothing. Hub clock, ms. */
  #forgivenUntilMs = 0;
  #forgivenFromMs = 0;
  #cells = new Float64Array(PLACES_MIN * CELLS);
  /** By place: 1 where the window before was that of a peer far over its rate. */
  #wasFarOver = new Uint8Array(PLACES_MIN);
  #places = 0;
  readonly #free: number[] = [];

  /** Places in use. */
  get size(): number {
    return this.#places - this.#free.length;
  }

  /** @param fullAtMs of an earlier connection of the same peer @returns the place of a new allowance */
  open(nowMs: number, fullAtMs = 0): number {
    const place = this.#free.pop() ?? this.#places++;
    if (place >= this.#wasFarOver.length) this.#grow();
    const cells = this.#cells;
    const at = place * CELLS;
    cells[at + Cell.fullAt] = this.#fullSince(nowMs) + Math.max(0, fullAtMs - nowMs);
    cells[at + Cell.countsFrom] = Math.max(nowMs, fullAtMs);
    cells[at + Cell.windowStart] = nowMs;
    cells[at + Cell.windowCost] = 0;
    this.#wasFarOver[place] = 0;
    return place;
  }

  close(place: number): void {
    this.#free.push(place);
  }

  /**
   * This thread did not run, so what its peers have sent meanwhile comes at once. For as long again, at most
   * `FORGIVEN_MS_MAX`, an allowance may exceed its burst by what it gained in that time.
   * @param fromMs when the thread last ran
   */
  forgive(fromMs: number, nowMs: number): void {
    const since = fromMs < this.#forgivenUntilMs ? this.#forgivenFromMs : fromMs;
    this.#forgivenFromMs = Math.max(since, nowMs - FORGIVEN_MS_MAX);
    this.#forgivenUntilMs = nowMs + nowMs - this.#forgivenFromMs;
  }

  fullAtMs(place: number): number {
    return this.#cells[place * CELLS + Cell.fullAt]!;
  }

  /** An earlier connection has used more than was known at the start: adds that. @param fullAtMs when it ended */
  include(place: number, fullAtMs: number): void {
    const cells = this.#cells;
    const at = place * CELLS;
    const more = fullAtMs - cells[at + Cell.countsFrom]!;
    if (more <= 0) return;
    cells[at + Cell.fullAt]! += more;
    cells[at + Cell.countsFrom] = fullAtMs;
  }

  /** From now on another rate applies: used units stay used. */
  rescale(place: number, from: Rate, to: Rate, nowMs: number): void {
    const at = place * CELLS + Cell.fullAt;
    const usedMs = Math.max(0, this.#cells[at]! - nowMs);
    this.#cells[at] = nowMs + (usedMs * from.perSecond) / to.perSecond;
  }

  /**
   * Takes the cost of a frame. A frame that costs more than the burst is accepted when the allowance is full, and the
   * rest is owed; otherwise it could never be accepted. @returns false if the allowance does not cover it: the caller
   * refuses the frame
   */
  take(place: number, rate: Rate, cost: number, nowMs: number): boolean {
    const cells = this.#cells;
    const at = place * CELLS;
    if (nowMs - cells[at + Cell.windowStart]! >= WINDOW_MS) this.#nextWindow(place, rate, nowMs);
    cells[at + Cell.windowCost]! += cost;
    const { perSecond, burst } = rate;
    const usedFrom = Math.max(cells[at + Cell.fullAt]!, this.#fullSince(nowMs));
    const needed = Math.min(cost, burst);
    if (usedFrom + (needed / perSecond) * 1e3 - nowMs - (burst / perSecond) * 1e3 > 0) return false;
    cells[at + Cell.fullAt] = usedFrom + (cost / perSecond) * 1e3;
    return true;
  }

  /** Takes the cost of an answer, even if it exceeds the allowance: the next page then waits. */
  charge(place: number, rate: Rate, cost: number, nowMs: number): void {
    this.#cells[place * CELLS + Cell.fullAt] = this.#after(place, rate, cost, nowMs);
  }

  /** How long until `take` of this cost succeeds, ms; 0: now. */
  waitMs(place: number, rate: Rate, cost: number, nowMs: number): number {
    const { perSecond, burst } = rate;
    const after = this.#after(place, rate, Math.min(cost, burst), nowMs);
    return Math.max(0, after - nowMs - (burst / perSecond) * 1e3);
  }

  /**
   * Whether the peer asks for so much that refusing it costs more than it pays. Call when `take` has refused it.
   * @param waiting what it has asked for and was not taken yet
   */
  isFarOver(place: number, rate: Rate, nowMs: number, waiting = 0): boolean {
    const asked = this.#cells[place * CELLS + Cell.windowCost]! + waiting - this.#forgiven(rate, nowMs);
    return this.#wasFarOver[place] === 1 || asked > FAR_OVER_FACTOR * rate.perSecond + rate.burst;
  }

  #nextWindow(place: number, rate: Rate, nowMs: number): void {
    const cells = this.#cells;
    const at = place * CELLS;
    const windows = (nowMs - cells[at + Cell.windowStart]!) / WINDOW_MS;
    const most = FAR_OVER_FACTOR * rate.perSecond * windows + this.#forgiven(rate, nowMs);
    this.#wasFarOver[place] = cells[at + Cell.windowCost]! > most ? 1 : 0;
    cells[at + Cell.windowStart] = nowMs;
    cells[at + Cell.windowCost] = 0;
  }

  #after(place: number, { perSecond }: Rate, cost: number, nowMs: number): number {
    return (
      Math.max(this.#cells[place * CELLS + Cell.fullAt]!, this.#fullSince(nowMs)) + (cost / perSecond) * 1e3
    );
  }

  /** An allowance that was full before counts as full since then. */
  #fullSince(nowMs: number): number {
    return nowMs < this.#forgivenUntilMs ? this.#forgivenFromMs : nowMs;
  }

  /** Units that a peer may have beyond its burst. */
  #forgiven({ perSecond }: Rate, nowMs: number): number {
    return ((nowMs - this.#fullSince(nowMs)) * perSecond) / 1e3;
  }

  #grow(): void {
    const cells = new Float64Array(this.#cells.length * 2);
    cells.set(this.#cells);
    const wasFarOver = new Uint8Array(this.#wasFarOver.length * 2);
    wasFarOver.set(this.#wasFarOver);
    this.#cells = cells;
    this.#wasFarOver = wasFarOver;
  }
}
