/** Waits for a condition that can only be asked for. */
import { WAIT_MS } from './waits.ts';

const EVERY_MS = 20;

/**
 * Asks until the answer is neither undefined, null nor false.
 * @param what for the error message; a function is asked once it has failed, so that it can say what was there instead
 */
export async function eventually<Value>(
  what: string | (() => string),
  ask: () => Promise<Value | undefined | null | false> | Value | undefined | null | false,
  timeoutMs = WAIT_MS,
): Promise<Value> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (performance.now() > endMs) {
      throw new Error(`not within ${timeoutMs} ms: ${typeof what === 'string' ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
