/**
 * Decides when a dead thread is restarted, and when the process should end instead. Crashes count. A thread that could
 * not start because the host was short of something (descriptors, memory) does not count: it is retried at growing
 * intervals until there is enough.
 */
import type { Clock } from '../clock.ts';
import {
  CRASHES_MAX,
  CRASHES_WINDOW_MS,
  RESTART_DELAY_MS,
  RESTART_DELAY_MS_MAX,
  SHORTAGE_MS_MAX,
} from '../limits.ts';

/** Node's error codes for shortages: threads have one code of their own, whatever was missing. */
const shortages: ReadonlySet<unknown> = new Set([
  'ERR_WORKER_INIT_FAILED',
  'EMFILE',
  'ENFILE',
  'EAGAIN',
  'ENOMEM',
]);

/** Whether the thread ended because a descriptor or memory was lacking, not because of a bug. */
export function isShortage(failure: unknown): boolean {
  for (let cause = failure; cause instanceof Error; cause = cause.cause) {
    if (shortages.has((cause as NodeJS.ErrnoException).code)) return true;
  }
  return false;
}

interface Shortage {
  readonly sinceMs: number;
  readonly tries: number;
}

export class CrashLimit {
  readonly #clock: Clock;
  /** When the last crashes were, hub clock. */
  #crashes: number[] = [];
  /** By thread that could not start. */
  readonly #shortages = new Map<string, Shortage>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Notes that a thread ended.
   * @returns when to start it again, ms from now; undefined: not at all, the process should end
   */
  note(thread: string, failure: unknown): number | undefined {
    return isShortage(failure) ? this.#noteShortage(thread) : this.#noteCrash();
  }

  /** The thread serves again. */
  started(thread: string): void {
    this.#shortages.delete(thread);
  }

  #noteShortage(thread: string): number | undefined {
    const nowMs = this.#clock.now();
    const { sinceMs, tries } = this.#shortages.get(thread) ?? { sinceMs: nowMs, tries: 0 };
    if (nowMs - sinceMs > SHORTAGE_MS_MAX) return undefined;
    this.#shortages.set(thread, { sinceMs, tries: tries + 1 });
    return delayOf(tries);
  }

  /** After the first crash, the thread is restarted at once. */
  #noteCrash(): number | undefined {
    const nowMs = this.#clock.now();
    this.#crashes = [...this.#crashes.filter((atMs) => nowMs - atMs < CRASHES_WINDOW_MS), nowMs];
    const count = this.#crashes.length;
    if (count > CRASHES_MAX) return undefined;
    return count === 1 ? 0 : delayOf(count - 2);
  }
}

/** @param tries so far, from 0 */
function delayOf(tries: number): number {
  return Math.min(RESTART_DELAY_MS_MAX, RESTART_DELAY_MS * 2 ** tries);
}
