/**
 * Runs the ring consumer of a thread that has an event loop, when the owner wakes it: once for what gathered while the
 * owner paused (see `memory/load-meter.ts`). Bounded work per turn, so that the sockets of the thread get theirs.
 */
import { POLL_RECORDS_MAX } from '../limits.ts';
import type { Sleeper } from '../memory/doorbell.ts';

export interface PollerDeps {
  /** Processes what waits, bounded; returns the number of records. */
  poll(): number;
  /** Whether records wait. Reads the shared words. */
  hasRecords(): boolean;
  /** Whether events wait for a further poll, though no record may come. */
  hasUnsent(): boolean;
  /** Whether this thread has records of its own that wait for room: then it must not sleep. */
  hasBacklog(): boolean;
  readonly sleeper: Sleeper;
}

const BACKLOG_POLL_MS = 1;
/** Records processed in one turn of the event loop, so that the thread's sockets get their turn too. */
const TURN_RECORDS_MAX = 16 * POLL_RECORDS_MAX;

export class Poller {
  readonly #deps: PollerDeps;
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(deps: PollerDeps) {
    this.#deps = deps;
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
    const { poll, hasRecords, hasUnsent, hasBacklog, sleeper } = this.#deps;
    let done = 0;
    let last: number;
    do {
      last = poll();
      done += last;
      // A full poll left records behind: on one thread with ingest they must not pile up turn by turn.
    } while (last >= POLL_RECORDS_MAX && done < TURN_RECORDS_MAX);
    if (hasUnsent()) {
      this.#timer = setImmediate(this.#turn); // after the sockets' turn
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
