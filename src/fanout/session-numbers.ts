/** Numbers of a fan-out thread's connections, never used again: a thread that takes another's place goes on counting. */

export function createSessionNumbers(): SharedArrayBuffer {
  return new SharedArrayBuffer(4);
}

/** @param memory written by this thread alone @returns the next number, from 1, with each call */
export function sessionNumbers(memory: SharedArrayBuffer): () => number {
  const last = new Uint32Array(memory);
  return () => {
    last[0]! += 1;
    return last[0]!;
  };
}
