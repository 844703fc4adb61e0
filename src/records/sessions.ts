/**
 * Numbers of sessions. A number has its edge's number in the lowest bits, so it is unique in the hub and names the
 * thread that holds the connection. It is reused only after 2^26 further connections of the same edge, and never while
 * a session has it.
 */

const EDGE_BITS = 6;
/** Threads that may hold connections. */
export const EDGES_MAX = 1 << EDGE_BITS;
const COUNTS = 2 ** (32 - EDGE_BITS);

/** @returns the number of the edge that holds the session */
export function edgeOf(session: number): number {
  return session & (EDGES_MAX - 1);
}

/** Memory for the last number that an edge has used; made on main, once per edge. */
export function createSessionNumbers(): SharedArrayBuffer {
  return new SharedArrayBuffer(4);
}

/**
 * @param memory written by this edge alone; a thread that takes another's place continues the count
 * @param isUsed whether a session has the number now
 * @returns the next number with each call
 */
export function sessionNumbers(
  memory: SharedArrayBuffer,
  edge: number,
  isUsed: (session: number) => boolean,
): () => number {
  const last = new Uint32Array(memory);
  const next = (): number => {
    last[0] = (last[0]! % (COUNTS - 2)) + 1; // the highest count would make NONE
    return ((last[0] << EDGE_BITS) | edge) >>> 0;
  };
  return () => {
    for (;;) {
      const session = next();
      if (!isUsed(session)) return session;
    }
  };
}
