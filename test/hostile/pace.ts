/** Loops of attackers, at a rate and until they are told to stop. */
import { setTimeout as sleep } from 'node:timers/promises';

const TICK_MS = 5;
/** An attacker that was held up makes up for no more than this: bursts are not what it is about. */
const BEHIND_MS_MAX = 100;

/** Acts so often per second. @param act gets the number of the act; what it throws ends the loop */
export async function paced(
  perSecond: number,
  signal: AbortSignal,
  act: (n: number) => unknown,
): Promise<void> {
  const fromMs = performance.now();
  const behindMax = Math.max(1, (BEHIND_MS_MAX / 1e3) * perSecond);
  let acts = 0;
  let done = 0;
  while (!signal.aborted) {
    const due = ((performance.now() - fromMs) / 1e3) * perSecond;
    for (done = Math.max(done, due - behindMax); done < due && !signal.aborted; done++) await act(acts++);
    await pause(TICK_MS, signal);
  }
}

/** Waits, or until it is over. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

const RETRY_MS = 100;

/** Opens something and lives with it; once it has ended, the same again, until it is over. An attacker does not back off. */
export async function again<Opened>(
  signal: AbortSignal,
  open: () => Promise<Opened | undefined>,
  live: (opened: Opened, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    const opened = await open();
    if (opened === undefined) await pause(RETRY_MS, signal);
    else await live(opened, signal);
  }
}
