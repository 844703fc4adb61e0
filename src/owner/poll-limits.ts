/** Limits on what the owner does in one poll, so that every peer's events get their turn. */
export const PollLimits = {
  /** Timers of one kind that are checked, so that a mass expiry does not delay events. */
  timers: 1024,
  /**
   * How long timers may take, ms, because one timer may cause much work; and how many fire between two reads of the
   * clock.
   */
  timersMs: 2,
  timersPerLook: 8,
  /** What a join or a leave costs of a ring's work, in devices named: a gateway brings and loses thousands at once. */
  joinWork: 4,
  /** What each row costs that a join creates for the filters that match the device. */
  gainWork: 2,
  leaveWork: 2,
  /** Rows that joins may visit in addition to those of sweeps: a returning subscriber gets its first page at once. */
  joinRows: 1024,
  /** Records that the history's cleaner visits when there is nothing else to do. */
  recordsCleanedWhenIdle: 256,
  /** Time until edges that were behind are checked again, ms. */
  heldBackMs: 1,
} as const;

const PAGE_SHARE_OF_QUEUE = 1 / 4;
const PAGE_BYTES_MAX = 128 * 1024;

/** A page must fit into a send queue that is a quarter full, in any encoding. */
export function pageBytesMax(sendQueueMaxBytes: number): number {
  return Math.min(PAGE_BYTES_MAX, sendQueueMaxBytes * PAGE_SHARE_OF_QUEUE);
}
