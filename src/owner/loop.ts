/** The owner thread's only loop: polls, obeys commands, pauses under load, sleeps when there is nothing to do. */
import type { Clock } from '../clock.ts';
import { POLL_RECORDS_MAX } from '../limits.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { Sleeper } from '../memory/doorbell.ts';
import type { Heart } from '../memory/heartbeat.ts';
import { Pace } from '../memory/pace.ts';
import { threadCpuSeconds } from '../memory/thread-cpu.ts';
import type { Owner } from './owner.ts';

export interface OwnerLoopDeps {
  readonly owner: Owner;
  readonly sleeper: Sleeper;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly heart: Heart;
  /** Pause between polls under load, ms; 0: never pause. */
  readonly pauseMs: number;
  /** Carries out the commands that wait. @returns how many, or -1 to stop */
  obeyCommands(): number;
}

const SLEEP_MS_MAX = 1000;
const BACKLOG_PAUSE_MS = 1;
const LAG_WINDOW_MS = 1000;
const BEAT_MS = 100;

/** Runs until it is told to stop. Blocks its thread. */
export function runOwnerLoop({
  owner,
  sleeper,
  clock,
  counters,
  heart,
  pauseMs,
  obeyCommands,
}: OwnerLoopDeps): void {
  const pace = new Pace(clock.now());
  let worstMs = 0;
  let windowStart = clock.now();
  let beatAt = 0;
  for (;;) {
    const startMs = clock.now();
    const done = owner.poll(POLL_RECORDS_MAX);
    const commands = obeyCommands();
    if (commands < 0) return;
    const now = clock.now();
    worstMs = Math.max(worstMs, now - startMs);
    if (now >= beatAt) {
      beatAt = now + BEAT_MS;
      heart.beat();
    }
    if (now - windowStart >= LAG_WINDOW_MS) {
      counters.cells[Counter.loopLagSeconds] = worstMs / 1e3;
      counters.cells[Counter.cpuSeconds] = threadCpuSeconds() ?? counters.cells[Counter.cpuSeconds]!;
      worstMs = 0;
      windowStart = now;
    }
    const busy = pace.note(done, now);
    if (done >= POLL_RECORDS_MAX || commands > 0) continue;
    if (busy && pauseMs > 0) {
      sleeper.pause(pauseMs);
      continue;
    }
    if (done > 0) continue;
    sleeper.announce();
    const late = obeyCommands();
    if (late < 0) return;
    if (late > 0 || owner.hasRecords()) sleeper.cancel();
    else if (owner.hasBacklog()) sleeper.block(BACKLOG_PAUSE_MS);
    else sleeper.block(Math.min(SLEEP_MS_MAX, owner.untilNextTimerMs()));
  }
}
