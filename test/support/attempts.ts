/**
 * What a test shows only if it was quick enough itself: a peer that comes back within a grace, one that answers pings in
 * time. On a busy host it may come too late, which says nothing of the hub; then it is tried again.
 */
const ATTEMPTS_MAX = 20;

/**
 * @param attempt gives undefined where it came too late to show anything; it starts from scratch each time
 * @param why it may have shown nothing, for the error message
 * @returns what the first attempt that showed anything gave
 */
export async function firstOf<Shown>(why: string, attempt: () => Promise<Shown | undefined>): Promise<Shown> {
  for (let tries = 0; tries < ATTEMPTS_MAX; tries++) {
    const shown = await attempt();
    if (shown !== undefined) return shown;
  }
  throw new Error(`nothing was shown in ${ATTEMPTS_MAX} attempts: ${why}`);
}

const PULSE_MS = 20;

/**
 * Runs `attempt` until it succeeds, or fails although this process came to its turns in time: no peer in it was silent
 * for as long as `limitMs` unless it was meant to be.
 */
export async function whilePrompt<Result>(limitMs: number, attempt: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    let before = performance.now();
    let longestMs = 0;
    const beat = (): void => {
      const now = performance.now();
      longestMs = Math.max(longestMs, now - before);
      before = now;
    };
    const timer = setInterval(beat, PULSE_MS);
    try {
      return await attempt();
    } catch (error) {
      beat();
      if (longestMs < limitMs || tries === ATTEMPTS_MAX) throw error;
    } finally {
      clearInterval(timer);
    }
  }
}
