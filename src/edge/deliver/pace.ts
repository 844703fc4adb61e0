/**
 * Turns of subscribers that want updates at a pace. Time is cut into steps, whose length divides the interval. The turn
 * of a device comes in the same step for all subscribers with that interval: so events of many devices are encoded once,
 * leave in one frame, and the frame is the same for everybody who follows the same devices.
 */
import type { Clock } from '../../clock.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import type { EventEncoder } from './event-encoder.ts';
import { OutboxFrames } from './outbox-frames.ts';
import type { PacedLane } from './paced-audience.ts';
import { SharedEncoding } from './shared-encoding.ts';
import type { SubscriberSession } from './subscriber-session.ts';

/** The longest step: how much later than its interval a turn may come. */
export const PACE_STEP_MS_MAX = 20;

/** Encoded bytes of one turn that are held at most, beyond those of one device. */
const TURN_BYTES_MAX = 4 * 1024 * 1024;

export interface PacesDeps {
  readonly encoder: EventEncoder;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** The paced subscribers of one edge. */
export class Paces {
  readonly #deps: PacesDeps;
  readonly #paces = new Map<number, Pace>();
  readonly #shared: SharedEncoding;
  readonly #frames = new OutboxFrames();

  constructor(deps: PacesDeps) {
    this.#deps = deps;
    this.#shared = new SharedEncoding(deps.encoder);
  }

  /** The pace of an interval, for one more who holds it; `release` gives it back. @param every ms */
  hold(every: number): Pace {
    const { clock } = this.#deps;
    const pace = this.#paces.get(every) ?? new Pace(every, clock, (due) => this.#turn(due));
    this.#paces.set(every, pace);
    pace.holders += 1;
    return pace;
  }

  release(pace: Pace): void {
    pace.holders -= 1;
    if (pace.holders > 0) return;
    pace.stop();
    this.#paces.delete(pace.every);
  }

  /** Takes the turns that are due. A timer calls it; tests do, too. */
  tick(): void {
    for (const pace of this.#paces.values()) pace.tick();
  }

  /** Encodes one event for whoever gets it now, by itself. */
  get shared(): SharedEncoding {
    return this.#shared;
  }

  /** Sends one event that stands in `shared`. @param conflated events that it replaced */
  send(session: SubscriberSession, conflated: number): void {
    session.sendEvent(this.#shared.frame(session.encoding, conflated));
    this.#deps.counters.cells[Counter.deliveries]! += 1;
  }

  /** Sends the newest of each lane to its followers, to each of them all of its devices together. */
  #turn(lanes: readonly PacedLane[]): void {
    const { counters } = this.#deps;
    const shared = this.#shared;
    let touched: SubscriberSession[] = [];
    const add = (session: SubscriberSession, conflated: number): void => {
      shared.encode(session.encoding, conflated);
      counters.cells[Counter.deliveries]! += 1;
      if (session.addToOutbox(shared.start, shared.end)) touched.push(session);
    };
    const flush = (): void => {
      this.#frames.begin(shared.bytes);
      for (const session of touched) session.sendOutbox(this.#frames);
      touched = [];
      shared.clear();
    };
    shared.clear();
    for (const lane of lanes) {
      lane.takeTurn(shared, add);
      if (shared.size > TURN_BYTES_MAX) flush();
    }
    flush();
  }
}

/** The turns of one interval. */
export class Pace {
  readonly every: number;
  /** Of `Paces.hold`. */
  holders = 0;
  readonly #stepMs: number;
  readonly #stepsPerTurn: number;
  readonly #clock: Clock;
  readonly #turn: (due: readonly PacedLane[]) => void;
  /** By step: whose turn comes then. */
  readonly #turns = new Map<number, PacedLane[]>();
  /** All up to this step were taken. */
  #stepDone = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerStep = Number.POSITIVE_INFINITY;

  constructor(every: number, clock: Clock, turn: (due: readonly PacedLane[]) => void) {
    this.every = every;
    this.#clock = clock;
    this.#turn = turn;
    this.#stepsPerTurn = Math.ceil(every / PACE_STEP_MS_MAX);
    this.#stepMs = every / this.#stepsPerTurn;
  }

  /** Takes note that the lane had a turn now. */
  hadTurn(lane: PacedLane): void {
    // Rounded up: turns are never closer than the interval.
    lane.turnStep = Math.ceil(this.#clock.now() / this.#stepMs);
  }

  /** Whether the lane was quiet for so long that its next event need not wait to be one of many. */
  isQuiet(lane: PacedLane): boolean {
    return this.#clock.now() >= (lane.turnStep + 2 * this.#stepsPerTurn) * this.#stepMs;
  }

  /** Something waits: the lane's turn comes one interval after the last, at the end of a step. */
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
        if (lane.waiting === 0) continue; // a more urgent event has replaced what waited
        if (this.#dueStep(lane) > this.#stepDone) this.schedule(lane);
        else {
          lane.turnStep = last; // when this thread is late, so are its next turns
          due.push(lane);
        }
      }
    }
    if (due.length > 0) this.#turn(due);
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
