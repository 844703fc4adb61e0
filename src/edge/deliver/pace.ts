/**
 * Turns of the devices that are followed at one interval. Time is divided into steps, whose length divides the
 * interval. All turns of a step come together, so events of many devices are encoded once and leave in one frame.
 */
import type { Clock } from '../../clock.ts';
import type { PacedLane } from './paced-audience.ts';

/** The longest step: how much later than its interval a turn may come. */
export const PACE_STEP_MS_MAX = 20;

/** Called when the lanes have their turns. Each lane notes the step when it is done. */
export type Turn = (due: readonly PacedLane[], step: number) => void;

/** The turns of one interval. */
export class Pace {
  readonly every: number;
  /** Kinds of subscribers that have it. */
  holders = 0;
  readonly #stepMs: number;
  readonly #stepsPerTurn: number;
  readonly #clock: Clock;
  readonly #turn: Turn;
  /** By step: whose turn comes then. */
  readonly #turns = new Map<number, PacedLane[]>();
  /** All steps up to this one are done. */
  #stepDone = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerStep = Number.POSITIVE_INFINITY;

  constructor(every: number, clock: Clock, turn: Turn) {
    this.every = every;
    this.#clock = clock;
    this.#turn = turn;
    this.#stepsPerTurn = Math.ceil(every / PACE_STEP_MS_MAX);
    this.#stepMs = every / this.#stepsPerTurn;
  }

  /** Notes that the lane had a turn now. */
  hadTurn(lane: PacedLane): void {
    // Rounded up: turns are never closer than the interval.
    lane.turnStep = Math.ceil(this.#clock.now() / this.#stepMs);
  }

  /** Whether the lane was quiet for so long that its next event need not wait for others. */
  isQuiet(lane: PacedLane): boolean {
    return this.#clock.now() >= (lane.turnStep + 2 * this.#stepsPerTurn) * this.#stepMs;
  }

  /** Whether an interval has passed since the lane's last turn. */
  isDue(lane: PacedLane): boolean {
    return this.#clock.now() >= this.#dueStep(lane) * this.#stepMs;
  }

  /** An event waits: the lane's turn comes one interval after the last, at the end of a step. */
  schedule(lane: PacedLane): void {
    if (this.#turns.size === 0) this.#stepDone = Math.floor(this.#clock.now() / this.#stepMs);
    // A turn that is due already comes with the next step.
    const due = Math.max(this.#stepDone + 1, this.#dueStep(lane));
    const lanes = this.#turns.get(due);
    if (lanes === undefined) this.#turns.set(due, [lane]);
    else lanes.push(lane);
    lane.isScheduled = true;
    if (due < this.#timerStep) this.#wakeAt(due);
  }

  tick(): void {
    const last = Math.floor(this.#clock.now() / this.#stepMs);
    const due: PacedLane[] = [];
    while (this.#stepDone < last && this.#turns.size > 0) {
      const lanes = this.#turns.get(++this.#stepDone) ?? [];
      this.#turns.delete(this.#stepDone);
      for (const lane of lanes) {
        lane.isScheduled = false;
        if (!lane.isWaitedFor) continue; // a more urgent event has replaced what waited
        if (this.#dueStep(lane) > this.#stepDone) this.schedule(lane);
        else due.push(lane);
      }
    }
    if (due.length > 0) this.#turn(due, last); // when this thread is late, so are the next turns
    this.#wakeNext();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerStep = Number.POSITIVE_INFINITY;
  }

  #dueStep(lane: PacedLane): number {
    return lane.turnStep + this.#stepsPerTurn;
  }

  #wakeNext(): void {
    if (this.#turns.has(this.#timerStep)) return;
    this.stop();
    if (this.#turns.size === 0) return;
    let step = this.#stepDone + 1;
    while (!this.#turns.has(step)) step += 1;
    this.#wakeAt(step);
  }

  #wakeAt(step: number): void {
    this.stop();
    this.#timerStep = step;
    const wake = (): void => {
      this.stop();
      this.tick();
    };
    this.#timer = setTimeout(wake, Math.ceil(step * this.#stepMs - this.#clock.now())).unref();
  }
}
