/** The owner thread's only loop: polls, obeys commands, pauses under load, sleeps when there is nothing to do. */
import type { Clock } from '../clock.ts';
import { POLL_RECORDS_MAX } from '../limits.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { Sleeper } from '../memory/doorbell.ts';
import type { Heart } from '../memory/heartbeat.ts';
import { LoadMeter } from '../memory/load-meter.ts';
import { threadCpuSeconds } from '../memory/thread-cpu.ts';
import type { Owner } from './owner.ts';

export interface OwnerLoopDeps {
  readonly owner: Owner;
  readonly sleeper: Sleeper;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly heart: Heart;
  /** From one poll to the next under load, ms; 0: it never pauses. */
  readonly pauseMs: number;
  /** Carries out the commands that wait. @returns how many, or -1 to stop */
  obeyCommands(): number;
}

const SLEEP_MS_MAX = 1000;
/** How long events that nobody waits for may stay in the rings: 25 ms at 30,000 per second are 150 KB. */
const DOZE_MS_MAX = 25;
const BACKLOG_PAUSE_MS = 1;
/** The pause while a long answer continues or timers are due: the edges process one slice before they get the next. */
const SLICE_PAUSE_MS = 1;
const LAG_WINDOW_MS = 1000;
const BEAT_MS = 100;

/**
 * Runs until it is told to stop. Blocks its thread. Between polls it sleeps until there is a record. Under load it
 * pauses instead, for longer if nobody waits for the events.
 */
export function runOwnerLoop(deps: OwnerLoopDeps): void {
  const { owner, sleeper, clock, counters, pauseMs, obeyCommands } = deps;
  const load = new LoadMeter(clock.now());
  const signs = new SignsOfLife(deps);
  const idleMs = (): number => (owner.hasBacklog() ? BACKLOG_PAUSE_MS : owner.untilNextTimerMs());
  let unheard = counters.cells[Counter.unheard]!;
  let dozes = false;
  for (;;) {
    // Before the poll: so it need not look for what came meanwhile, of which there is always something.
    if (dozes) sleeper.announceDoze();
    const hasDozed = dozes;
    const startMs = clock.now();
    const done = owner.poll(POLL_RECORDS_MAX);
    const isBusy = load.note(done, clock.now()) && pauseMs > 0;
    dozes = isBusy && done === counters.cells[Counter.unheard]! - unheard;
    unheard = counters.cells[Counter.unheard]!;
    if (!isBusy) sleeper.announce();
    const commands = obeyCommands();
    if (commands < 0) return;
    const now = clock.now();
    signs.polled(startMs, now);
    if (done >= POLL_RECORDS_MAX || owner.isCutShort || commands > 0) sleeper.cancel();
    else if (dozes && hasDozed) sleeper.block(Math.min(DOZE_MS_MAX, idleMs()));
    else if (dozes) sleeper.cancel();
    else if (isBusy) sleeper.pause(Math.min(pauseMs - (now - startMs), Math.max(SLICE_PAUSE_MS, idleMs())));
    else if (owner.hasRecords()) sleeper.cancel();
    else sleeper.block(Math.min(SLEEP_MS_MAX, Math.max(SLICE_PAUSE_MS, idleMs())));
  }
}

/** Beats, and reports how late the loop runs and how much CPU it uses. */
class SignsOfLife {
  readonly #heart: Heart;
  readonly #cells: Float64Array;
  #worstMs = 0;
  #windowStart: number;
  #beatAt = 0;

  constructor({ heart, counters, clock }: OwnerLoopDeps) {
    this.#heart = heart;
    this.#cells = counters.cells;
    this.#windowStart = clock.now();
  }

  polled(startMs: number, now: number): void {
    this.#worstMs = Math.max(this.#worstMs, now - startMs);
    if (now >= this.#beatAt) {
      this.#beatAt = now + BEAT_MS;
      this.#heart.beat();
    }
    if (now - this.#windowStart < LAG_WINDOW_MS) return;
    this.#cells[Counter.loopLagSeconds] = this.#worstMs / 1e3;
    this.#cells[Counter.cpuSeconds] = threadCpuSeconds() ?? this.#cells[Counter.cpuSeconds]!;
    this.#worstMs = 0;
    this.#windowStart = now;
  }
}
