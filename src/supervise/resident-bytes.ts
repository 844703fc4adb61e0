/** Resident memory of the process, for whoever asks often. Any thread. */

/** A reading takes as long as all else that main does in a second without traffic, so those who ask share it. */
const KEPT_MS = 900;

let last = 0;
let readAtMs = Number.NEGATIVE_INFINITY;

/**
 * Linux tells it by a file: without a file descriptor left there is no telling, and the last reading stands, so that
 * peers that use up the descriptors do no more harm than that.
 *
 * @returns bytes, read within the last second; 0 before the first reading
 */
export function residentBytes(): number {
  const nowMs = performance.now();
  if (nowMs - readAtMs < KEPT_MS) return last;
  try {
    last = process.memoryUsage.rss();
    readAtMs = nowMs;
  } catch {
    // EMFILE or ENFILE
  }
  return last;
}
