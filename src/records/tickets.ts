/**
 * The order in which peers joined, over all edges: one counter in shared memory. It has 64 bits and never wraps, so it
 * works for connections of any age.
 */

export function createTickets(): SharedArrayBuffer {
  return new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
}

export class Tickets {
  readonly #last: BigInt64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#last = new BigInt64Array(memory);
  }

  /** @returns 1 or more; of two tickets the smaller one was taken first */
  next(): number {
    return Number(Atomics.add(this.#last, 0, 1n)) + 1;
  }
}
