/** The end of a hub: every step is carried out, and each has a time limit. Main. */
import { CLOSE_HANDSHAKE_MS, END_SLACK_MS, SNAPSHOT_MS_MAX, THREAD_STOP_MS_MAX } from '../limits.ts';

export interface EndSettings {
  readonly drainTimeoutMs: number;
}

/** The time limit of one step: the goodbyes, or the snapshot in progress and the last one. */
export function endStepMsMax({ drainTimeoutMs }: EndSettings): number {
  return Math.max(drainTimeoutMs + CLOSE_HANDSHAKE_MS + THREAD_STOP_MS_MAX, 2 * SNAPSHOT_MS_MAX);
}

/** The time limit for all steps; after that the process ends as it is. */
export function endMsMax(settings: EndSettings): number {
  return settings.drainTimeoutMs + CLOSE_HANDSHAKE_MS + endStepMsMax(settings) + END_SLACK_MS;
}

/**
 * Runs one step after the other, whatever their outcome: a step that fails or hangs must not prevent the rest. @returns
 * what failed
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
