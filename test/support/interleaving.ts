/** A thread that sleeps, with something to be done between whatever two things it does. No assertions. */
import { Sleeper } from '../../src/memory/doorbell.ts';

/** Called between two things that the thread under test does. */
export type Step = () => void;

/** Tells whether it sleeps, and calls `step` before and after each change of that. */
export class WatchedSleeper extends Sleeper {
  readonly #word: Int32Array;
  readonly #step: Step;

  constructor(doorbell: SharedArrayBuffer, step: Step) {
    super(doorbell);
    this.#word = new Int32Array(doorbell);
    this.#step = step;
  }

  get isAsleep(): boolean {
    return Atomics.load(this.#word, 0) !== 0;
  }

  override announce(): void {
    this.#step();
    super.announce();
    this.#step();
  }

  override cancel(): void {
    this.#step();
    super.cancel();
    this.#step();
  }
}
