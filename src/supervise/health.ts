/**
 * Whether the hub's other threads run, by their heartbeats. Main; once a second. What is counted are looks at which a
 * beat had not moved, not time: after a stop of the whole process nobody is late before main has looked some times.
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
  /** Looks since it moved. */
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

  /** Why the hub should take no new peers, for people; undefined while every thread runs. */
  get reason(): string | undefined {
    return this.#lateBy(LATE_READY_MS);
  }

  /** Why the process had better be started anew. */
  get deadReason(): string | undefined {
    return this.#lateBy(LATE_ALIVE_MS);
  }

  /** How long a thread has not run, as far as that was seen; 0 for one that is not watched. */
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
