/** What the owner does in one poll at most, so that every peer's events get their turn. */
export const PollLimits = {
  /** Timers of one kind looked at, so that a mass expiry does not hold up events. */
  timers: 1024,
  /** For as long as this at most, ms: what a timer leads to may be much. So many fire between two looks at the clock. */
  timersMs: 2,
  timersPerLook: 8,
  /** What a join and a leave cost of a ring's work, in devices named: a gateway brings and loses thousands at once. */
  joinWork: 4,
  /** And each row that a join makes for those whose filters follow a device from here on. */
  gainWork: 2,
  leaveWork: 2,
  /** Rows that joins may look at beyond what sweeps have: a subscriber that comes back gets its first page at once. */
  joinRows: 1024,
  /** Records that the history's cleaner looks at when there is nothing else to do. */
  recordsCleanedWhenIdle: 256,
  /** Time until the edges are looked at again that were behind, ms. */
  heldBackMs: 1,
} as const;

const PAGE_SHARE_OF_QUEUE = 1 / 4;
const PAGE_BYTES_MAX = 128 * 1024;

/** A page must fit into a send queue that is a quarter full, in any encoding. */
export function pageBytesMax(sendQueueMaxBytes: number): number {
  return Math.min(PAGE_BYTES_MAX, sendQueueMaxBytes * PAGE_SHARE_OF_QUEUE);
}
