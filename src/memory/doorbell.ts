/**
 * Waking a thread that sleeps, at most once per sleep: a shared word says how the consumer sleeps, and only the
 * producer that flips it wakes. A wake costs 20 to 40 µs whichever way, so nobody wakes a thread that is awake.
 *
 * Order that makes it safe: the consumer stores "asleep", then looks at its rings once more; the producer commits,
 * then looks at the word. One of them sees the other.
 */

const STATE_WORD = 0;
/** How deep the consumer sleeps, in order: who wakes it from one state wakes it from those below too. */
const Awake = 0;
/** It looks again by itself, soon: only what fills its ring wakes it. */
const Paused = 1;
/** It looks again by itself, later: what somebody waits for wakes it. */
const Dozing = 2;
/** Whatever there is for it wakes it. */
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

  /** As `announce`, where what nobody waits for may wait until the sleep is over. */
  announceDoze(): void {
    Atomics.store(this.#word, STATE_WORD, Dozing);
  }

  /** Takes the announcement back. */
  cancel(): void {
    Atomics.store(this.#word, STATE_WORD, Awake);
  }

  /** Blocks the thread until a ringer wakes it or the time is over. Only after an announcement. */
  block(timeoutMs: number): void {
    const state = Atomics.load(this.#word, STATE_WORD);
    if (state !== Awake) Atomics.wait(this.#word, STATE_WORD, state, timeoutMs);
    Atomics.store(this.#word, STATE_WORD, Awake);
  }

  /** Pauses without a further look: hardly anybody wakes this thread, which is the point under load. */
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

  /** @param wake how to reach a sleeper on an event loop; left out, it blocks in `Sleeper.block` */
  constructor(memory: SharedArrayBuffer, wake?: (word: Int32Array) => void) {
    this.#word = new Int32Array(memory);
    this.#wake = wake ?? ((word) => Atomics.notify(word, STATE_WORD));
  }

  /** Call after a commit of what somebody waits for. */
  ring(): void {
    this.#wakeFrom(Dozing);
  }

  /** Call after a commit of what nobody waits for. */
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
