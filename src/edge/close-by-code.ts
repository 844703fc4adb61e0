/** The registry's entry of a close code that crossed threads as a number. */
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
