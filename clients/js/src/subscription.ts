/** What a subscriber wants of one device, and which of its events it has seen. Pure. */

/** Both included. */
export interface SeqRange {
  readonly from: number;
  readonly to: number;
}

export class Subscription {
  isPaused = false;
  /** Highest number seen or told on this connection. */
  #last: number | undefined;
  /** Lowest number seen on this connection. */
  #first = Number.POSITIVE_INFINITY;
  /** `#last` when the connection was lost: what came between it and this connection's first event was missed. */
  #lastBefore: number | undefined;

  seen(seq: number): void {
    this.#last = Math.max(this.#last ?? 0, seq);
    this.#first = Math.min(this.#first, seq);
  }

  /** There is a new connection, and this subscription will be made again on it. */
  reconnected(): void {
    // Where the connection before this one ended without a snapshot, the older number stands: rather a gap that
    // names an event too many than one that is not told.
    this.#lastBefore ??= this.#last;
    this.#last = undefined;
    this.#first = Number.POSITIVE_INFINITY;
  }

  /** Nothing is expected any more, so nothing will be missed. */
  forget(): void {
    this.#last = this.#lastBefore = undefined;
  }

  /**
   * The hub told where the device's count stands. All events up to there that this connection gets have come before.
   * @returns what was missed since the last connection
   */
  snapshot(seq: number): SeqRange | undefined {
    const before = this.#lastBefore;
    this.#lastBefore = undefined;
    this.#last = Math.max(this.#last ?? 0, seq);
    if (before === undefined) return undefined;
    // A lower number means that the count began anew: the hub was started again, or had forgotten the device.
    const from = seq < before ? 1 : before + 1;
    const to = Math.min(seq, this.#first - 1);
    return to >= from ? { from, to } : undefined;
  }
}
