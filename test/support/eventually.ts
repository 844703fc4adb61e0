/** Waits for a condition that can only be asked for. */
import { WAIT_MS } from './waits.ts';

const EVERY_MS = 20;

/**
 * Asks until the answer is neither undefined, null nor false.
 * @param what for the error message
 */
export async function eventually<Value>(
  what: string,
  ask: () => Promise<Value | undefined | null | false> | Value | undefined | null | false,
  timeoutMs = WAIT_MS,
): Promise<Value> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
