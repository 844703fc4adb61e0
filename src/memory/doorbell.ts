/**
 * Wakes a sleeping thread, at most once per sleep: a shared word says how deep the consumer sleeps, and only the
 * producer that flips it wakes the consumer. A wake costs 20 to 40 µs by any method, so a thread that is awake is never
 * woken.
 *
 * The order makes it safe: the consumer stores "asleep", then looks at its rings once more; the producer commits, then
 * looks at the word. At least one of them sees the other.
 */

const STATE_WORD = 0;
/**
 * How deep the consumer sleeps, deepest last: a caller that wakes it from one state also wakes it from the lighter
 * ones.
 */
const Awake = 0;
/** It looks again soon by itself: only a ring that fills up wakes it. */
const Paused = 1;
/** It looks again later by itself: only records that somebody waits for wake it. */
const Dozing = 2;
/** Any record wakes it. */
const Asleep = 3;

/** Memory for one doorbell. */
export function createDoorbell(): SharedArrayBuffer {
  return new SharedArrayBuffer(128); // a line pair of its own
}

/** The side that sleeps. */
export class Sleeper {
  readonly #word: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#word = new Int32Array(memory);
  }

  /** Announces sleep; the caller must look at its rings once more before it really sleeps. */
  announce(): void {
    Atomics.store(this.#word, STATE_WORD, Asleep);
  }

  /** Like `announce`, if records that nobody waits for may wait until the sleep is over. */
  announceDoze(): void {
    Atomics.store(this.#word, STATE_WORD, Dozing);
  }

  /** Takes the announcement back. */
  cancel(): void {
    Atomics.store(this.#word, STATE_WORD, Awake);
  }

  /** Blocks the thread until a ringer wakes it or the time is up. Only after an announcement. */
  block(timeoutMs: number): void {
    const state = Atomics.load(this.#word, STATE_WORD);
    if (state !== Awake) Atomics.wait(this.#word, STATE_WORD, state, timeoutMs);
    Atomics.store(this.#word, STATE_WORD, Awake);
  }

  /** Pauses without looking again: hardly anything wakes this thread, which is the point under load. */
  pause(ms: number): void {
    Atomics.store(this.#word, STATE_WORD, Paused);
    if (ms > 0) Atomics.wait(this.#word, STATE_WORD, Paused, ms);
    Atomics.store(this.#word, STATE_WORD, Awake);
  }
}

/** The side that wakes. Any number of threads may hold one for the same sleeper. */
export class Ringer {
  readonly #word: Int32Array;
  readonly #wake: (word: Int32Array) => void;

  /** @param wake how to reach a sleeper on an event loop; without it, the sleeper blocks in `Sleeper.block` */
  constructor(memory: SharedArrayBuffer, wake?: (word: Int32Array) => void) {
    this.#word = new Int32Array(memory);
    this.#wake = wake ?? ((word) => Atomics.notify(word, STATE_WORD));
  }

  /** Call after a commit of records that somebody waits for. */
  ring(): void {
    this.#wakeFrom(Dozing);
  }

  /** Call after a commit of records that nobody waits for. */
  ringSoftly(): void {
    this.#wakeFrom(Asleep);
  }

  /** Call when a ring fills up. */
  hurry(): void {
    this.#wakeFrom(Paused);
  }

  #wakeFrom(lightest: number): void {
    const state = Atomics.load(this.#word, STATE_WORD);
    if (state < lightest) return;
    if (Atomics.compareExchange(this.#word, STATE_WORD, state, Awake) === state) this.#wake(this.#word);
  }
}
