/** The end of a hub: every step of it is done, and none may take for ever. Main. */
import { CLOSE_HANDSHAKE_MS, END_SLACK_MS, SNAPSHOT_MS_MAX, THREAD_STOP_MS_MAX } from '../limits.ts';

export interface EndSettings {
  readonly drainTimeoutMs: number;
}

/** The longest that one step may take: the goodbyes, or the snapshot under way and the last one. */
export function endStepMsMax({ drainTimeoutMs }: EndSettings): number {
  return Math.max(drainTimeoutMs + CLOSE_HANDSHAKE_MS + THREAD_STOP_MS_MAX, 2 * SNAPSHOT_MS_MAX);
}

/** The longest that all of it may take; then the process ends as it is. */
export function endMsMax(settings: EndSettings): number {
  return settings.drainTimeoutMs + CLOSE_HANDSHAKE_MS + endStepMsMax(settings) + END_SLACK_MS;
}

/**
 * Does one step after the other, whatever becomes of each: one that fails or hangs must not keep the rest from being done.
 * @returns what failed
 */
export async function doAll(
  steps: readonly (() => unknown)[],
  stepMsMax: number,
): Promise<readonly unknown[]> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await within(stepMsMax, step());
    } catch (failure) {
      failures.push(failure);
    }
  }
  return failures;
}

/** @throws Error when the work takes longer */
async function within(ms: number, work: unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`a step of the end takes longer than ${ms} ms`)), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
