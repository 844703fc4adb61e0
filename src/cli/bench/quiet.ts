/** Waits until nothing comes any more. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nowUs } from './clock.ts';

const LOOK_MS = 100;
/** After the end of a load; what comes later counts as lost. */
export const QUIET_MAX_MS = 20_000;

/**
 * In many looks: a look may be late because this process did not run; then its sockets are read before the next one.
 * @param count of what has come @param quietMs how long nothing must have come @param maxMs the longest wait
 * @param isOver nobody waits any more
 */
export async function untilQuiet(
  count: () => number,
  quietMs: number,
  maxMs: number,
  isOver: () => boolean = () => false,
): Promise<void> {
  const endUs = nowUs() + maxMs * 1e3;
  let before = count();
  for (let quiet = 0; quiet < quietMs && nowUs() < endUs && !isOver(); quiet += LOOK_MS) {
    await sleep(LOOK_MS);
    const now = count();
    if (now !== before) quiet = -LOOK_MS;
    before = now;
  }
}
