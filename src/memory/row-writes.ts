/** Writes rows that other threads read, and the lists that link them. Owner thread only. */

/** Ends a list. */
const NONE = 0xffffffff;

/** Marks the row as being written; readers wait. */
export function begin(version: Uint16Array, slot: number): void {
  Atomics.add(version, slot, 1);
}

/** The row is whole again: a reader before `begin` or after this sees one consistent state. */
export function end(version: Uint16Array, slot: number): void {
  Atomics.add(version, slot, 1);
}

/** Unmarks a row that nobody is writing: an owner that died in the middle of a write left it marked. */
export function settle(version: Uint16Array, slot: number): void {
  if ((Atomics.load(version, slot) & 1) !== 0) Atomics.add(version, slot, 1);
}

/** Puts `row` at the head of the list of its owner `of`. */
export function linkFirst(
  row: number,
  of: number,
  first: Uint32Array,
  next: Uint32Array,
  prev: Uint32Array,
): void {
  const head = first[of]!;
  next[row] = head;
  prev[row] = NONE;
  if (head !== NONE) prev[head] = row;
  first[of] = row;
}

/** Takes `row` out of the list of its owner `of`. */
export function unlink(
  row: number,
  of: number,
  first: Uint32Array,
  next: Uint32Array,
  prev: Uint32Array,
): void {
  const after = next[row]!;
  const before = prev[row]!;
  if (after !== NONE) prev[after] = before;
  if (before === NONE) first[of] = after;
  else next[before] = after;
}
