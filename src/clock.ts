/**
 * The hub's clock: CLOCK_MONOTONIC in milliseconds, the same in every thread of the process, unaffected by the wall
 * clock. Fractions are kept; what is stored as last_seen is whole milliseconds.
 */

/** Read as `now()`; tests pass their own. */
export interface Clock {
  /** Monotonic milliseconds with fractions. Never 0: 0 in a last_seen column means never. */
  now(): number;
  /** Wall-clock milliseconds since 1970. */
  wallNow(): number;
}

// performance.now() counts from the thread's start, hrtime from the machine's: the difference is fixed per thread.
const threadOffsetMs = (() => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6 - performance.now();
})();

export const systemClock: Clock = {
  now: () => performance.now() + threadOffsetMs,
  wallNow: () => Date.now(),
};

/** Turns a monotonic last_seen into wall-clock time as of now; 0 (never) stays 0. */
export function toWallMs(clock: Clock, monotonicMs: number): number {
  return monotonicMs === 0 ? 0 : Math.round(clock.wallNow() - (clock.now() - monotonicMs));
}
