/**
 * Waking a thread that sleeps, at most once per sleep: a shared word says whether the consumer sleeps, and only the
 * producer that flips it wakes. A wake costs 20 to 40 µs whichever way, so nobody wakes a thread that is awake.
 *
 * Order that makes it safe: the consumer stores "asleep", then looks at its rings once more; the producer publishes,
 * then looks at the word. One of them sees the other.
 */

const ASLEEP_WORD = 0;
const Awake = 0;
const Asleep = 1;

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
    Atomics.store(this.#word, ASLEEP_WORD, Asleep);
  }

  /** Takes the announcement back. */
  cancel(): void {
    Atomics.store(this.#word, ASLEEP_WORD, Awake);
  }

  /** Blocks the thread until a ringer wakes it or the time is over. Only after `announce`. */
  block(timeoutMs: number): void {
    Atomics.wait(this.#word, ASLEEP_WORD, Asleep, timeoutMs);
    Atomics.store(this.#word, ASLEEP_WORD, Awake);
  }

  /** Pauses without announcing: nobody wakes this thread, which is the point under load. */
  pause(ms: number): void {
    Atomics.wait(this.#word, ASLEEP_WORD, Awake, ms);
  }
}

/** The side that wakes. Any number of threads may hold one for the same sleeper. */
export class Ringer {
  readonly #word: Int32Array;
  readonly #wake: (word: Int32Array) => void;

  /** @param wake how to reach a sleeper on an event loop; left out, it blocks in `Sleeper.block` */
  constructor(memory: SharedArrayBuffer, wake?: () => void) {
    this.#word = new Int32Array(memory);
    this.#wake = wake ?? ((word) => Atomics.notify(word, ASLEEP_WORD));
  }

  /** Call after publishing. */
  ring(): void {
    if (Atomics.load(this.#word, ASLEEP_WORD) !== Asleep) return;
    if (Atomics.compareExchange(this.#word, ASLEEP_WORD, Asleep, Awake) === Asleep) this.#wake(this.#word);
  }
}
