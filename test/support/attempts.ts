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

/**
 * Enters with a token that expires soon. On a busy host it may be over before the hub has looked at it, or before the
 * peer is welcomed: then it is tried again with another, which lives twice as long.
 * @param enter gets the seconds that the token is to live, and throws where the peer is not let in
 * @returns what `enter` gave
 */
export function enterBeforeExpiry<Peer>(enter: (expiresIn: number) => Promise<Peer>): Promise<Peer> {
  let expiresIn = 1;
  return firstOf('the token had expired before the peer was in', async () => {
    const expiryMs = (Math.floor(Date.now() / 1e3) + expiresIn) * 1e3; // a token has whole seconds
    try {
      return await enter(expiresIn);
    } catch (error) {
      if (!EXPIRED.test(String(error)) || Date.now() < expiryMs) throw error;
      expiresIn *= 2;
      return undefined;
    }
  });
}

/** What a peer says of a hub that refused it, or closed it before its welcome. */
const EXPIRED = /refused with 401|closed with 4202/;

/**
 * Tries again where something failed because an answer came too late, not where it failed although all came in time.
 * @param attempt passes what must be done within `limitMs`, from when it begins, to `inTime`; what is not there yet is
 * begun anew each time, under names of its own
 */
export async function unlessLate<Result>(
  limitMs: number,
  attempt: (inTime: <Value>(step: () => Promise<Value>) => Promise<Value>) => Promise<Result>,
): Promise<Result> {
  for (let tries = 1; ; tries++) {
    let isLate = false;
    try {
      return await attempt(async (step) => {
        const since = performance.now();
        const value = await step();
        isLate ||= performance.now() - since >= limitMs;
        return value;
      });
    } catch (error) {
      if (!isLate || tries === ATTEMPTS_MAX) throw error;
    }
  }
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
