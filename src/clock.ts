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

/**
 * By clock: the wall-clock time of its 0. The wall clock is read in whole ms, so each reading gives another by up to
 * one: a new one counts when it is further off, that is when somebody set the clock.
 */
const wallZeros = new WeakMap<Clock, number>();
const WALL_JITTER_MS = 2;
/** Further readings before the wall clock counts as set. */
const ZERO_READS_MORE = 2;

/** Turns a monotonic last_seen into wall-clock time as of now, the same each time; 0 (never) stays 0. */
export function toWallMs(clock: Clock, monotonicMs: number): number {
  if (monotonicMs === 0) return 0;
  let zero = wallZeros.get(clock) ?? Number.NEGATIVE_INFINITY;
  let read = clock.wallNow() - clock.now();
  // A thread that loses its core between the two readings gets a zero that is too early. Of several, the latest is right.
  for (let again = 0; again < ZERO_READS_MORE && Math.abs(read - zero) > WALL_JITTER_MS; again++)
    read = Math.max(read, clock.wallNow() - clock.now());
  if (Math.abs(read - zero) > WALL_JITTER_MS) {
    zero = read;
    wallZeros.set(clock, zero);
  }
  return Math.round(zero + monotonicMs);
}

/**
 * The opposite: a wall-clock time as a monotonic one, whole ms. The monotonic clock starts with the machine: what was
 * before is negative. 0 stays what it means, never; a time in the future, after the wall clock was set back, counts as now.
 */
export function toMonotonicMs(clock: Clock, wallMs: number): number {
  if (wallMs === 0) return 0;
  const monotonicMs = Math.floor(clock.now() - Math.max(0, clock.wallNow() - wallMs));
  return monotonicMs === 0 ? -1 : monotonicMs;
}
