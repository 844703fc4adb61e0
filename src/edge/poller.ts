/**
 * Runs the ring consumer of a thread that has an event loop: on a wake while traffic is thin, on a timer under load
 * (see `pace.ts`). Bounded work per turn, so that the sockets of the thread get theirs.
 */
import type { Clock } from '../clock.ts';
import { POLL_RECORDS_MAX } from '../limits.ts';
import type { Sleeper } from '../memory/doorbell.ts';
import { Pace } from '../memory/pace.ts';

export interface PollerDeps {
  /** Works off what waits, bounded; returns the records done. */
  poll(): number;
  /** Whether records wait. Reads the shared words. */
  hasRecords(): boolean;
  /** Whether events wait for a further poll, though no record may come. */
  hasUnsent(): boolean;
  /** Whether this thread has records of its own that wait for room: then it must not sleep. */
  hasBacklog(): boolean;
  readonly sleeper: Sleeper;
  readonly clock: Clock;
  /** Time between polls under load, ms; 0: never wait, always be woken. */
  readonly pollMs: number;
}

const BACKLOG_POLL_MS = 1;
/** Records worked off in one turn of the event loop, so that the sockets of the thread get their turn too. */
const TURN_RECORDS_MAX = 16 * POLL_RECORDS_MAX;

export class Poller {
  readonly #deps: PollerDeps;
  readonly #pace: Pace;
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(deps: PollerDeps) {
    this.#deps = deps;
    this.#pace = new Pace(deps.clock.now());
  }

  /** Starts listening; also what a wake calls. */
  readonly wake = (): void => {
    if (this.#timer === undefined && !this.#stopped) this.#turn();
  };

  /** Polls now, from within other work of this thread: what it produces must not pile up until the turn's end. */
  turnNow(): void {
    this.#unschedule();
    this.#turn();
  }

  stop(): void {
    this.#stopped = true;
    this.#unschedule();
  }

  #unschedule(): void {
    // What it is, a timer or an immediate, only its own function tells.
    clearTimeout(this.#timer as NodeJS.Timeout | undefined);
    clearImmediate(this.#timer as NodeJS.Immediate | undefined);
    this.#timer = undefined;
  }

  readonly #turn = (): void => {
    this.#timer = undefined;
    if (this.#stopped) return;
    const { poll, hasRecords, hasUnsent, hasBacklog, sleeper, clock, pollMs } = this.#deps;
    let done = 0;
    let last: number;
    do {
      last = poll();
      done += last;
      // A full poll left records behind: on one thread with ingest they must not pile up turn by turn.
    } while (last >= POLL_RECORDS_MAX && done < TURN_RECORDS_MAX);
    const busy = this.#pace.note(done, clock.now());
    if (hasUnsent()) {
      this.#timer = setImmediate(this.#turn); // after the sockets' turn
      return;
    }
    if (pollMs > 0 && busy) {
      this.#timer = setTimeout(this.#turn, pollMs);
      return;
    }
    sleeper.announce();
    if (hasRecords()) {
      sleeper.cancel();
      this.#timer = setTimeout(this.#turn, 0); // after the sockets' turn
    } else if (hasBacklog()) {
      sleeper.cancel();
      this.#timer = setTimeout(this.#turn, BACKLOG_POLL_MS);
    }
  };
}
