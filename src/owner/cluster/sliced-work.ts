/**
 * Runs work for single ids in slices, so that an id with 100,000 rows delays nobody: work for one id runs in order, and
 * ids take turns. Owner thread only.
 */

/**
 * Rows that may be visited between two steps, and in a step; further work waits for a later step. A few milliseconds.
 */
const ROWS_PER_STEP = 512;
/** The fixed cost of a slice, in rows. */
const SLICE_COST = 16;

/** Yields the rows of each slice. */
export type Slices = Generator<number, void>;

export class SlicedWork {
  readonly #queues = new Map<string, Slices[]>();
  #rowsLeft = ROWS_PER_STEP;

  /** Whether a step has something to do. */
  get hasReady(): boolean {
    return this.#queues.size > 0;
  }

  /** Whether work for the id is under way. */
  isBusy(id: string): boolean {
    return this.#queues.has(id);
  }

  /** Starts work after what is under way for the id; immediately, as far as there are rows left. */
  begin(id: string, slices: Slices): void {
    const queue = this.#queues.get(id);
    if (queue !== undefined) {
      queue.push(slices);
      return;
    }
    this.#queues.set(id, [slices]);
    while (this.#rowsLeft > 0 && this.isBusy(id)) this.#slice(id);
  }

  /** Calls `act` after what is under way for the id; immediately if nothing is. */
  after(id: string, act: () => void): void {
    if (this.isBusy(id)) this.begin(id, once(act));
    else act();
  }

  /** Slices of each id in turn, as long as there are rows left. */
  step(): void {
    this.#rowsLeft = ROWS_PER_STEP;
    for (const id of this.#queues.keys()) {
      if (this.#rowsLeft <= 0) break;
      this.#slice(id);
    }
    this.#rowsLeft = ROWS_PER_STEP;
  }

  #slice(id: string): void {
    const queue = this.#queues.get(id)!;
    const { done, value } = queue[0]!.next();
    this.#rowsLeft -= (value ?? 0) + SLICE_COST;
    if (done === true) queue.shift();
    this.#queues.delete(id); // to the end of the line, if it goes on
    if (queue.length > 0) this.#queues.set(id, queue);
  }
}

function* once(act: () => void): Slices {
  act();
  yield 0;
}
