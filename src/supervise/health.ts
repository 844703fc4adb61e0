/**
 * Checks by their heartbeats whether the hub's other threads run. Main; once a second. It counts checks without
 * progress, not time: after a pause of the whole process, no thread is late until main has checked several times.
 */
import type { Watch } from '../edge/edge-timers.ts';
import { LATE_ALIVE_MS, LATE_READY_MS } from '../limits.ts';
import { beatOf } from '../memory/heartbeat.ts';

const TICK_MS = 1000;

export interface WatchedThread {
  /** `owner`, `fanout-0`, … */
  readonly thread: string;
  readonly heartbeat: SharedArrayBuffer;
}

interface Seen {
  beatMs: number;
  /** Checks since it moved. */
  looks: number;
}

export class Health implements Watch {
  readonly tickMs = TICK_MS;
  readonly #threads: readonly WatchedThread[];
  readonly #seen: Seen[];

  constructor(threads: readonly WatchedThread[]) {
    this.#threads = threads;
    this.#seen = threads.map(({ heartbeat }) => ({ beatMs: beatOf(heartbeat), looks: 0 }));
  }

  /** Call every `tickMs`. */
  tick(): void {
    for (const [index, { heartbeat }] of this.#threads.entries()) {
      const seen = this.#seen[index]!;
      const beatMs = beatOf(heartbeat);
      seen.looks = beatMs === seen.beatMs ? seen.looks + 1 : 0;
      seen.beatMs = beatMs;
    }
  }

  /** Why the hub should admit no new peers, as text; undefined while every thread runs. */
  get reason(): string | undefined {
    return this.#lateBy(LATE_READY_MS);
  }

  /** Why the process should be restarted. */
  get deadReason(): string | undefined {
    return this.#lateBy(LATE_ALIVE_MS);
  }

  /** How long a thread has not run, as far as it was observed; 0 for a thread that is not watched. */
  lateSeconds(thread: string): number {
    const index = this.#threads.findIndex((watched) => watched.thread === thread);
    const looks = this.#seen[index]?.looks ?? 0;
    // A sleeping owner wakes once a second: two looks may fall between two beats.
    return looks < 3 ? 0 : (looks * TICK_MS) / 1e3;
  }

  #lateBy(ms: number): string | undefined {
    for (const { thread } of this.#threads) {
      const seconds = this.lateSeconds(thread);
      if (seconds * 1e3 >= ms) return `thread ${thread} has not run for ${seconds} s`;
    }
    return undefined;
  }
}
