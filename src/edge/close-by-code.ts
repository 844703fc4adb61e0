/** Close codes: the registry's entry of one that crossed threads as a number, and which are a peer's goodbye. */
import { type CloseEntry, closes } from '../codes.ts';

const closesByCode: ReadonlyMap<number, CloseEntry> = new Map(
  Object.values(closes).map((entry) => [entry.code, entry]),
);

/** @throws Error when it is not a code of the registry: a bug in the caller */
export function closeByCode(code: number): CloseEntry {
  const entry = closesByCode.get(code);
  if (entry === undefined) throw new Error(`${code} is not a close code of the hub`);
  return entry;
}

/** An empty close frame (1005) is an orderly goodbye too: it is what `WebSocket.close()` without a code sends. */
export function isGoodbye(code: number): boolean {
  return code === 1000 || code === 1001 || code === 1005;
}
