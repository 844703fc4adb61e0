/**
 * Timing wheel over slots: a slot has at most one timer. Linking, moving and cancelling cost O(1). A tick costs only
 * what is in its bucket, and the search for the next tick skips empty buckets 32 at a time. Private to the thread that
 * made it, because it can be rebuilt from the rows.
 */

const TICK_MS = 10;
const BUCKETS = 8192; // one turn is 82 s: a 60 s silence is due within the first
const NONE = 0xffffffff;
/** The bucket that is being processed: taken out as a whole, so that new timers from `fire` land elsewhere. */
const WORKING = BUCKETS;
/** `prev` of a bucket's first entry is the bucket's number with this bit set. */
const HEAD_BIT = 0x80000000;

export class Wheel {
  readonly #next: Uint32Array;
  readonly #prev: Uint32Array;
  /** Ticks since `#originMs` mod 2^32, compared by difference: good for 248 days ahead, settings stay far below. */
  readonly #due: Uint32Array;
  readonly #heads = new Uint32Array(BUCKETS + 1).fill(NONE);
  readonly #occupied = new Uint32Array(BUCKETS / 32 + 1);
  readonly #originMs: number;
  /** The next tick to process; all before it are done or in the working bucket. */
  #tick = 0;
  #count = 0;

  /** @param capacity slots 0 to capacity − 1 can have a timer */
  constructor(capacity: number, nowMs: number) {
    this.#next = new Uint32Array(capacity).fill(NONE);
    this.#prev = new Uint32Array(capacity).fill(NONE);
    this.#due = new Uint32Array(capacity);
    this.#originMs = nowMs;
  }

  get count(): number {
    return this.#count;
  }

  isSet(slot: number): boolean {
    return this.#prev[slot] !== NONE;
  }

  /** When the slot's timer fires; `-Infinity` without one. */
  dueMs(slot: number): number {
    if (!this.isSet(slot)) return Number.NEGATIVE_INFINITY;
    const ticks = this.#tick + ((this.#due[slot]! - this.#tick) | 0);
    return this.#originMs + ticks * TICK_MS;
  }

  /** Sets or moves the slot's timer; it fires at the first `advance` at or after `atMs`. */
  set(slot: number, atMs: number): void {
    this.cancel(slot);
    const due = Math.max(this.#tick, Math.ceil((atMs - this.#originMs) / TICK_MS));
    this.#due[slot] = due % 2 ** 32;
    this.#link(slot, due % BUCKETS);
  }

  cancel(slot: number): void {
    const prev = this.#prev[slot]!;
    if (prev === NONE) return;
    const next = this.#next[slot]!;
    if (next !== NONE) this.#prev[next] = prev;
    if (prev >= HEAD_BIT) this.#setHead(prev - HEAD_BIT, next);
    else this.#next[prev] = next;
    this.#prev[slot] = NONE;
    this.#count -= 1;
  }

  /**
   * Fires what is due.
   * @param limit the most entries to look at now; the rest follows with the next call
   * @param fire called with each due slot, its timer cleared; may set timers of any slot
   * @returns the number of entries looked at
   */
  advance(nowMs: number, limit: number, fire: (slot: number) => void): number {
    const last = Math.floor((nowMs - this.#originMs) / TICK_MS);
    let seen = 0;
    for (;;) {
      for (let slot = this.#heads[WORKING]!; slot !== NONE; slot = this.#heads[WORKING]!) {
        if (seen === limit) return seen;
        seen += 1;
        this.cancel(slot);
        const due = this.#due[slot]!;
        if (((due - this.#tick) | 0) < 0) fire(slot);
        else this.#link(slot, due % BUCKETS); // of a later turn
      }
      this.#tick = this.#count === 0 ? last + 1 : this.#nextOccupied(this.#tick, last + 1);
      if (this.#tick > last) return seen;
      this.#moveToWorking(this.#tick % BUCKETS);
      this.#tick += 1;
    }
  }

  /** Milliseconds until the next bucket with entries comes up; `Infinity` without timers. 0 when one is overdue. */
  untilNextMs(nowMs: number): number {
    if (this.#count === 0) return Number.POSITIVE_INFINITY;
    if (this.#heads[WORKING] !== NONE) return 0;
    const tick = this.#nextOccupied(this.#tick, this.#tick + BUCKETS);
    return Math.max(0, this.#originMs + tick * TICK_MS - nowMs);
  }

  #link(slot: number, bucket: number): void {
    const head = this.#heads[bucket]!;
    this.#next[slot] = head;
    if (head !== NONE) this.#prev[head] = slot;
    this.#prev[slot] = (HEAD_BIT + bucket) >>> 0;
    this.#setHead(bucket, slot);
    this.#count += 1;
  }

  #moveToWorking(bucket: number): void {
    const head = this.#heads[bucket]!;
    this.#setHead(bucket, NONE);
    this.#setHead(WORKING, head);
    if (head !== NONE) this.#prev[head] = HEAD_BIT + WORKING;
  }

  #setHead(bucket: number, slot: number): void {
    this.#heads[bucket] = slot;
    const bit = 1 << (bucket & 31);
    const word = bucket >> 5;
    this.#occupied[word] = slot === NONE ? this.#occupied[word]! & ~bit : this.#occupied[word]! | bit;
  }

  /** First tick from `from` whose bucket has entries, at most `end`. */
  #nextOccupied(from: number, end: number): number {
    let tick = from;
    while (tick < end) {
      const bucket = tick % BUCKETS;
      const word = this.#occupied[bucket >> 5]! >>> (bucket & 31);
      if (word !== 0) return Math.min(end, tick + (31 - Math.clz32(word & -word)));
      tick += 32 - (bucket & 31);
    }
    return Math.min(tick, end);
  }
}
