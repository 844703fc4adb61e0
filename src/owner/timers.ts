/**
 * The owner's timers: fires those that are due, within the time that events may wait. One timer may cause much work: a
 * device that leaves the table is removed from everybody whose filters follow it. Owner thread only.
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
   * Fires timers that are due, of each kind as many as one poll allows. @param asOfMs when the poll began: a peer heard
   * during the poll is not silent in it, however long the poll took @returns the timers checked
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
