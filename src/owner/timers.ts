/**
 * The owner's timers: fires what is due, for as long as events may wait for it. What one timer leads to is up to others: a
 * device that leaves the table is taken from everybody whose filters follow it. Owner thread only.
 */
import type { Clock } from '../clock.ts';
import type { Wheel } from '../memory/wheel.ts';
import { PollLimits } from './poll-limits.ts';

/** Timers of one kind. */
export interface Timed {
  readonly wheel: Wheel;
  /** The slot's timer has run out. */
  fire(slot: number): void;
}

export class Timers {
  readonly #clock: Clock;
  readonly #kinds: readonly Timed[];

  constructor(clock: Clock, kinds: readonly Timed[]) {
    this.#clock = clock;
    this.#kinds = kinds;
  }

  /**
   * Fires what is due, of each kind as much as may be in one poll.
   * @param asOfMs when the poll began: who was heard in it is not silent in it, however long it took
   * @returns the timers looked at
   */
  fire(asOfMs: number): number {
    return this.#kinds.reduce((seen, kind) => seen + this.#fire(kind, asOfMs), 0);
  }

  #fire({ wheel, fire }: Timed, asOfMs: number): number {
    const { timers, timersPerLook, timersMs } = PollLimits;
    const startedMs = this.#clock.now();
    let seen = 0;
    for (let some: number = timersPerLook; some === timersPerLook && seen < timers; seen += some) {
      some = wheel.advance(asOfMs, timersPerLook, fire);
      if (this.#clock.now() - startedMs >= timersMs) return seen + some;
    }
    return seen;
  }

  /** Milliseconds until a timer may be due. @param now hub clock, ms */
  untilNextMs(now: number): number {
    return Math.min(...this.#kinds.map(({ wheel }) => wheel.untilNextMs(now)));
  }
}
