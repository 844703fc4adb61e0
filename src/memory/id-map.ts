/**
 * Id → slot: open addressing with linear probing over shared memory; the ids themselves are in the arena, and the
 * map finds them through the row's `id` column. The owner writes; any thread looks up and retries when the map
 * changed under it (a sequence word: odd while the owner moves entries).
 *
 * Memory: one line of header (word 0: sequence), then u32 entries: slot + 1, 0 when empty. 5 entries for 4 slots, so
 * a full map still ends its probes.
 */
import { type Arena, type ArenaReader, NO_TEXT } from './arena.ts';

const HEADER_BYTES = 64;
const SEQUENCE_WORD = 0;
const EMPTY = 0;
/** A reader that met this many changes in a row gives up its turn as "not found"; the owner never holds the word. */
const READ_TRIES_MAX = 1000;

export function createIdMap(capacity: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_BYTES + 4 * entriesFor(capacity));
}

export function entriesFor(capacity: number): number {
  return Math.ceil(capacity * 1.25) + 8;
}

/** Multiply-xorshift over bytes: FNV-1a with murmur3's finalizer, 32 bits unsigned. */
export function hashBytes(source: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ source[start + i]!, 0x01000193);
  return mix(hash);
}

/** murmur3's 32-bit finalizer. */
export function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Lookup. Any thread. */
export class IdMapReader {
  protected readonly sequence: Int32Array;
  protected readonly entries: Uint32Array;
  protected readonly chunks: Uint32Array;
  protected readonly arena: ArenaReader;

  /** @param chunks the rows' column that holds each id's arena chunk */
  constructor(memory: SharedArrayBuffer, chunks: Uint32Array, arena: ArenaReader) {
    this.sequence = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.entries = new Uint32Array(memory, HEADER_BYTES);
    this.chunks = chunks;
    this.arena = arena;
  }

  /** @returns the slot of the id, or -1. Safe beside the writer. */
  find(source: Uint8Array, start: number, length: number): number {
    for (let tries = 0; tries < READ_TRIES_MAX; tries++) {
      const before = Atomics.load(this.sequence, SEQUENCE_WORD);
      if ((before & 1) !== 0) continue;
      const slot = this.probe(source, start, length);
      if (Atomics.load(this.sequence, SEQUENCE_WORD) === before) return slot;
    }
    return -1;
  }

  protected home(hash: number): number {
    return Math.floor((hash * this.entries.length) / 2 ** 32);
  }

  protected probe(source: Uint8Array, start: number, length: number): number {
    const { entries } = this;
    let at = this.home(hashBytes(source, start, length));
    for (let steps = 0; steps < entries.length; steps++) {
      const entry = entries[at]!;
      if (entry === EMPTY) return -1;
      if (this.arena.equals(this.chunks[entry - 1]!, source, start, length)) return entry - 1;
      at = at + 1 === entries.length ? 0 : at + 1;
    }
    return -1;
  }
}

/** Owner only. */
export class IdMap extends IdMapReader {
  readonly #arena: Arena;

  constructor(memory: SharedArrayBuffer, chunks: Uint32Array, arena: Arena) {
    super(memory, chunks, arena);
    this.#arena = arena;
  }

  override find(source: Uint8Array, start: number, length: number): number {
    return this.probe(source, start, length);
  }

  /** Stores the id, which must not be in the map, and points it at `slot`. @returns false when the arena is full */
  insert(slot: number, source: Uint8Array, start: number, length: number): boolean {
    const chunk = this.#arena.store(source, start, length);
    if (chunk === NO_TEXT) return false;
    this.chunks[slot] = chunk;
    let at = this.home(hashBytes(source, start, length));
    while (this.entries[at] !== EMPTY) at = at + 1 === this.entries.length ? 0 : at + 1;
    Atomics.store(this.entries, at, slot + 1);
    return true;
  }

  /** Takes over a map that another owner left. @param slots those whose id is in the arena */
  adopt(slots: Iterable<number>): void {
    const { sequence, entries } = this;
    Atomics.store(sequence, SEQUENCE_WORD, Atomics.load(sequence, SEQUENCE_WORD) | 1);
    entries.fill(EMPTY);
    for (const slot of slots) {
      let at = this.#home(slot);
      while (entries[at] !== EMPTY) at = at + 1 === entries.length ? 0 : at + 1;
      entries[at] = slot + 1;
    }
    Atomics.add(sequence, SEQUENCE_WORD, 1);
  }

  /** Takes the slot's id out and closes the gap by moving entries back, so that no tombstones pile up. */
  remove(slot: number): void {
    const { entries, chunks } = this;
    let gap = this.#home(slot);
    while (entries[gap] !== slot + 1) gap = gap + 1 === entries.length ? 0 : gap + 1;
    Atomics.add(this.sequence, SEQUENCE_WORD, 1);
    closeGap(entries, gap, (entry) => this.#home(entry - 1));
    this.#arena.release(chunks[slot]!);
    chunks[slot] = NO_TEXT;
    Atomics.add(this.sequence, SEQUENCE_WORD, 1);
  }

  #home(slot: number): number {
    const chunk = this.chunks[slot]!;
    return this.home(hashBytes(this.arena.bytes, this.arena.start(chunk), this.arena.length(chunk)));
  }
}

/** Backward-shift deletion for linear probing: empties `gap` and moves later entries of the run into it. */
export function closeGap(entries: Uint32Array, gap: number, homeOf: (entry: number) => number): void {
  const size = entries.length;
  let hole = gap;
  let at = gap;
  for (;;) {
    at = at + 1 === size ? 0 : at + 1;
    const entry = entries[at]!;
    if (entry === EMPTY) break;
    // An entry may move back only if its home is not between the hole and where it stands.
    const fromHome = (at - homeOf(entry) + size) % size;
    const fromHole = (at - hole + size) % size;
    if (fromHome >= fromHole) {
      entries[hole] = entry;
      hole = at;
    }
  }
  entries[hole] = EMPTY;
}
