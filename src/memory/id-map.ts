/**
 * Id → slot: open addressing with linear probing over shared memory; the ids themselves are in the arena, and the
 * map finds them through the row's `id` column. The owner writes; any thread looks up and retries when the map
 * changed under it (a sequence word: odd while the owner moves entries).
 *
 * Memory: one line of header (sequence, key), then entries of two words: slot + 1 (0 when empty), the id's hash. 5
 * entries for 4 slots, so probes end even in a full map. Because the entry has the hash, skipping or moving an entry
 * reads nothing but the entry.
 *
 * Peers choose the ids, so the hash is keyed. The key is random and lives as long as the memory: an owner that takes
 * over and all readers keep using it.
 */
import { ARENA_TEXT_BYTES_MAX, type Arena, type ArenaReader, NO_TEXT } from './arena.ts';
import { type HashKey, hashBytes, randomHashKey } from './hash.ts';

const HEADER_BYTES = 64;
/** Words of the header. */
const Header = { sequence: 0, keyLow: 1, keyHigh: 2 } as const;
/** Words of an entry. */
const Entry = { slot: 0, hash: 1, words: 2 } as const;
const EMPTY = 0;
/** After this many changes in a row, a reader gives up with "not found"; the owner never holds the word for long. */
const READ_TRIES_MAX = 1000;

/** Memory for a map of this many ids. @param key fixed only in tests */
export function createIdMap(capacity: number, key: HashKey = randomHashKey()): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(HEADER_BYTES + 4 * Entry.words * entriesFor(capacity));
  const header = new Uint32Array(memory, 0, HEADER_BYTES / 4);
  header[Header.keyLow] = key.low;
  header[Header.keyHigh] = key.high;
  return memory;
}

/** Entries for this many ids: a fifth of them stays free, so that a lookup passes few. */
export function entriesFor(capacity: number): number {
  return Math.ceil(capacity * 1.25) + 8;
}

/** Lookup. Any thread. */
export class IdMapReader {
  protected readonly sequence: Int32Array;
  protected readonly entries: Uint32Array;
  protected readonly chunks: Uint32Array;
  protected readonly arena: ArenaReader;
  protected readonly key: HashKey;

  /** @param chunks the rows' column that holds each id's arena chunk */
  constructor(memory: SharedArrayBuffer, chunks: Uint32Array, arena: ArenaReader) {
    const header = new Uint32Array(memory, 0, HEADER_BYTES / 4);
    this.sequence = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.entries = new Uint32Array(memory, HEADER_BYTES);
    this.chunks = chunks;
    this.arena = arena;
    this.key = { low: header[Header.keyLow]!, high: header[Header.keyHigh]! };
  }

  /** @returns the slot of the id, or -1. Safe beside the writer. */
  find(source: Uint8Array, start: number, length: number): number {
    for (let tries = 0; tries < READ_TRIES_MAX; tries++) {
      const before = Atomics.load(this.sequence, Header.sequence);
      if ((before & 1) !== 0) continue;
      const slot = this.probe(source, start, length);
      if (Atomics.load(this.sequence, Header.sequence) === before) return slot;
    }
    return -1;
  }

  /** The most entries that a lookup passes, at about a nanosecond each; walks over the whole map. For tests. */
  longestProbe(): number {
    const { entries } = this;
    const size = entries.length / Entry.words;
    let longest = 0;
    for (let at = 0; at < entries.length; at += Entry.words) {
      if (entries[at] === EMPTY) continue;
      const passed = (at - this.home(entries[at + Entry.hash]!)) / Entry.words;
      longest = Math.max(longest, (passed + size) % size);
    }
    return longest;
  }

  protected home(hash: number): number {
    return Math.floor((hash * (this.entries.length / Entry.words)) / 2 ** 32) * Entry.words;
  }

  protected after(at: number): number {
    return at + Entry.words === this.entries.length ? 0 : at + Entry.words;
  }

  protected probe(source: Uint8Array, start: number, length: number): number {
    const { entries } = this;
    const hash = hashBytes(this.key, source, start, length);
    let at = this.home(hash);
    for (let steps = 0; steps < entries.length; steps += Entry.words) {
      const entry = entries[at]!;
      if (entry === EMPTY) return -1;
      if (
        entries[at + Entry.hash] === hash &&
        this.arena.equals(this.chunks[entry - 1]!, source, start, length)
      )
        return entry - 1;
      at = this.after(at);
    }
    return -1;
  }
}

/** Owner only. */
export class IdMap extends IdMapReader {
  readonly #arena: Arena;
  readonly #id = new Uint8Array(ARENA_TEXT_BYTES_MAX);

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
    this.#enter(slot, hashBytes(this.key, source, start, length));
    return true;
  }

  /**
   * Takes over the map of another owner. If it is consistent it stays as it is, and no reader notices.
   * @param slots those whose id is in the arena
   */
  adopt(slots: readonly number[]): void {
    const { sequence } = this;
    if (this.#isWhole(slots)) return;
    Atomics.store(sequence, Header.sequence, Atomics.load(sequence, Header.sequence) | 1);
    this.entries.fill(EMPTY);
    for (const slot of slots) this.#enter(slot, this.#hash(slot));
    Atomics.add(sequence, Header.sequence, 1);
  }

  /** Whether exactly these slots are in the map and are found by their ids. */
  #isWhole(slots: readonly number[]): boolean {
    const { entries } = this;
    if ((Atomics.load(this.sequence, Header.sequence) & 1) !== 0) return false;
    let count = 0;
    for (let at = 0; at < entries.length; at += Entry.words) if (entries[at] !== EMPTY) count += 1;
    if (count !== slots.length) return false;
    return slots.every((slot) => {
      const length = this.arena.copy(this.chunks[slot]!, this.#id);
      return this.probe(this.#id, 0, length) === slot;
    });
  }

  /** Removes the slot's id and closes the hole by moving entries back, so that no tombstones pile up. */
  remove(slot: number): void {
    const { entries, chunks } = this;
    let gap = this.home(this.#hash(slot));
    while (entries[gap] !== slot + 1) gap = this.after(gap);
    Atomics.add(this.sequence, Header.sequence, 1);
    this.#closeGap(gap);
    this.#arena.release(chunks[slot]!);
    chunks[slot] = NO_TEXT;
    Atomics.add(this.sequence, Header.sequence, 1);
  }

  /** Stores the slot last: a reader that sees it sees its hash too. */
  #enter(slot: number, hash: number): void {
    const { entries } = this;
    let at = this.home(hash);
    while (entries[at] !== EMPTY) at = this.after(at);
    entries[at + Entry.hash] = hash;
    Atomics.store(entries, at, slot + 1);
  }

  #hash(slot: number): number {
    return hashBytes(this.key, this.#id, 0, this.arena.copy(this.chunks[slot]!, this.#id));
  }

  /** Backward-shift deletion: moves later entries of the run into the gap. */
  #closeGap(gap: number): void {
    const { entries } = this;
    const size = entries.length;
    let hole = gap;
    for (let at = this.after(gap); entries[at] !== EMPTY; at = this.after(at)) {
      // An entry may move back only if its home is not between the hole and where it stands.
      const fromHome = (at - this.home(entries[at + Entry.hash]!) + size) % size;
      const fromHole = (at - hole + size) % size;
      if (fromHome < fromHole) continue;
      entries[hole] = entries[at]!;
      entries[hole + Entry.hash] = entries[at + Entry.hash]!;
      hole = at;
    }
    entries[hole] = EMPTY;
  }
}
