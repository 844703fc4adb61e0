/** What the micro benches time with. */

/**
 * CPU time of this process so far, ms: what a busy host takes away does not count. The system counts a single thread's
 * (`schedstat`) with its ticks only, every 4 ms, which is too coarse for stretches of a millisecond.
 */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}
