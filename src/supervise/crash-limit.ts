/** How often threads may die before the process had better be started anew. */
import type { Clock } from '../clock.ts';
import { CRASHES_MAX, CRASHES_WINDOW_MS } from '../limits.ts';

export class CrashLimit {
  readonly #clock: Clock;
  /** When the last ones were, hub clock. */
  #crashes: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes a crash. @returns whether it was one too many */
  note(): boolean {
    const nowMs = this.#clock.now();
    this.#crashes = [...this.#crashes.filter((atMs) => nowMs - atMs < CRASHES_WINDOW_MS), nowMs];
    return this.#crashes.length > CRASHES_MAX;
  }
}
