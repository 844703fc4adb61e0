/**
 * Decides between waking and polling. A wake costs the two threads tens of microseconds, a poll on a timer about
 * ten: above some hundred records a second a consumer lets records gather and looks at its rings on a timer; below,
 * it sleeps and is woken for each, which keeps latency low when traffic is thin.
 */
import { OWNER_PAUSE_MS_MAX, OWNER_PAUSE_SHARE, TIMER_SLACK_MS } from '../limits.ts';

/** Records per second from which polling costs less than waking. */
const BUSY_RECORDS_PER_SECOND = 1500;
const QUIET_RECORDS_PER_SECOND = 750;
/** The rate is averaged over about this long. */
const WINDOW_MS = 50;

export class Pace {
  #ratePerMs = 0;
  #lastMs: number;
  #busy = false;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** Takes note of a poll that returned `records`. @returns whether to poll on a timer from here on */
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

/** How the flush window is shared: the owner's pause and the edges' poll interval under load, ms; 0 is never. */
export function pausesFor(flushMaxMs: number): { ownerPauseMs: number; edgePollMs: number } {
  const ownerPauseMs = Math.min(OWNER_PAUSE_MS_MAX, flushMaxMs * OWNER_PAUSE_SHARE);
  return { ownerPauseMs, edgePollMs: Math.max(0, Math.floor(flushMaxMs - ownerPauseMs - TIMER_SLACK_MS)) };
}
