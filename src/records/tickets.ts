/** The order in which peers joined, over all edges: one counter in shared memory, of 32 bits that wrap. */

export function createTickets(): SharedArrayBuffer {
  return new SharedArrayBuffer(4);
}

export class Tickets {
  readonly #last: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#last = new Int32Array(memory);
  }

  next(): number {
    return (Atomics.add(this.#last, 0, 1) + 1) >>> 0;
  }
}

/** Whether the ticket was taken before the other; of two that are less than 2^31 apart. */
export function isBefore(ticket: number, other: number): boolean {
  return ((ticket - other) | 0) < 0;
}
