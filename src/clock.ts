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

/** Readings of both clocks from which the difference is taken. */
const OFFSET_TRIES = 100;

/**
 * What performance.now(), which counts from the thread's start, is behind the clock that all threads and processes
 * share; fixed per thread. Both cannot be read at once: of many readings the one that was interrupted least counts, or
 * a thread that lost its core in between would be some ms off for as long as it lives.
 *
 * @returns ms
 */
export function threadOffsetMs(): number {
  let best = { apart: Number.POSITIVE_INFINITY, offset: 0 };
  for (let tries = 0; tries < OFFSET_TRIES; tries++) {
    const before = Number(process.hrtime.bigint()) / 1e6;
    const now = performance.now();
    const after = Number(process.hrtime.bigint()) / 1e6;
    if (after - before < best.apart) best = { apart: after - before, offset: (before + after) / 2 - now };
  }
  return best.offset;
}

const offsetMs = threadOffsetMs();

export const systemClock: Clock = {
  now: () => performance.now() + offsetMs,
  wallNow: () => Date.now(),
};

/** Turns a monotonic last_seen into wall-clock time as of now; 0 (never) stays 0. */
export function toWallMs(clock: Clock, monotonicMs: number): number {
  return monotonicMs === 0 ? 0 : Math.round(clock.wallNow() - (clock.now() - monotonicMs));
}
