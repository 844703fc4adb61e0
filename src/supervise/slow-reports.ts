/** The latest reports of the fan-out threads about their slow subscribers. Runs on main. */
import type { Clock } from '../clock.ts';
import type { SlowSubscriber } from '../records/commands.ts';

/** A thread reports every second while it has any; older reports than this are outdated. */
const REPORT_MS_MAX = 2500;

export class SlowReports {
  readonly #clock: Clock;
  readonly #byWorker = new Map<number, { atMs: number; subscribers: readonly SlowSubscriber[] }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly report = (worker: number, subscribers: readonly SlowSubscriber[]): void => {
    this.#byWorker.set(worker, { atMs: this.#clock.now(), subscribers });
  };

  /** Those of all workers, those with the most waiting first. */
  list(): SlowSubscriber[] {
    const now = this.#clock.now();
    return [...this.#byWorker.values()]
      .filter(({ atMs }) => now - atMs <= REPORT_MS_MAX)
      .flatMap(({ subscribers }) => subscribers)
      .sort((one, other) => other.queuedBytes - one.queuedBytes);
  }
}
