/** One time for all processes of a run: microseconds of the monotonic clock that they share. */

const TRIES = 100;
const OFFSET_US = measuredOffsetUs();

/** The two clocks cannot be read at once: of many readings the one that was interrupted least. */
function measuredOffsetUs(): number {
  let best = { apart: Number.POSITIVE_INFINITY, offset: 0 };
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const before = Number(process.hrtime.bigint()) / 1e3;
    const now = performance.now() * 1e3;
    const after = Number(process.hrtime.bigint()) / 1e3;
    if (after - before < best.apart) best = { apart: after - before, offset: (before + after) / 2 - now };
  }
  return best.offset;
}

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
