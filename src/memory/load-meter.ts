/**
 * Decides between sleeping and pausing. A wake costs the two threads tens of microseconds. Above some hundred records a
 * second the owner lets records gather while it pauses, and wakes each edge once for all of them. Below, it sleeps and
 * is woken for each record, which keeps latency low when traffic is thin.
 */
import { EDGE_WAKE_MS_MAX } from '../limits.ts';

/** Records per second from which pausing costs less than waking. */
const BUSY_RECORDS_PER_SECOND = 1500;
const QUIET_RECORDS_PER_SECOND = 750;
/** The rate is averaged over about this long. */
const WINDOW_MS = 50;

export class LoadMeter {
  #ratePerMs = 0;
  #lastMs: number;
  #busy = false;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
  }

  /** Notes a poll that returned `records`. @returns whether to pause between polls from now on */
  note(records: number, nowMs: number): boolean {
    const elapsedMs = Math.max(0.05, nowMs - this.#lastMs);
    const keep = Math.exp(-elapsedMs / WINDOW_MS);
    this.#ratePerMs = this.#ratePerMs * keep + (records / elapsedMs) * (1 - keep);
    this.#lastMs = nowMs;
    const limit = this.#busy ? QUIET_RECORDS_PER_SECOND : BUSY_RECORDS_PER_SECOND;
    this.#busy = this.#ratePerMs * 1e3 > limit;
    return this.#busy;
  }
}

/** Time between two polls of the owner under load, ms; 0: it never pauses. */
export function ownerPauseMs(flushMaxMs: number): number {
  return Math.max(0, flushMaxMs - EDGE_WAKE_MS_MAX);
}
