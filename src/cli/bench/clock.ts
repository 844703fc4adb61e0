/** One time for all processes of a run: microseconds of the monotonic clock that they share. */

import { threadOffsetMs } from '../../clock.ts';

const OFFSET_US = threadOffsetMs() * 1e3;

/** Microseconds since an origin that all processes of this host share. */
export function nowUs(): number {
  return performance.now() * 1e3 + OFFSET_US;
}

const parked = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread: to a few tens of microseconds, where a timer of the event loop is a millisecond late. */
export function blockUs(microseconds: number): void {
  Atomics.wait(parked, 0, 0, microseconds / 1e3);
}

/** Waits awake. */
export function spinUntil(timeUs: number): void {
  while (nowUs() < timeUs);
}
