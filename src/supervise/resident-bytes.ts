/** Resident memory of the process, for whoever asks often. Any thread. */

let last = 0;

/**
 * Linux tells it by a file: without a file descriptor left there is no telling, and the last reading stands, so that
 * peers that use up the descriptors do no more harm than that.
 *
 * @returns bytes; 0 before the first reading
 */
export function residentBytes(): number {
  try {
    last = process.memoryUsage.rss();
  } catch {
    // EMFILE or ENFILE
  }
  return last;
}
