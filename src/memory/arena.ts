/**
 * Short byte strings (ids, device statuses) in shared memory, in chunks of 16-byte units with one free list per
 * chunk length. The owner writes; any thread may read a chunk while the row that names it is known to be unchanged.
 */

const UNIT_BYTES = 16;
const LENGTH_BYTES = 2; // u16 before the text
export const ARENA_TEXT_BYTES_MAX = 256; // a status: 64 characters of at most 4 bytes
const CLASSES = Math.ceil((ARENA_TEXT_BYTES_MAX + LENGTH_BYTES) / UNIT_BYTES);
/** Chunk number that names nothing. */
export const NO_TEXT = 0;

/** What `expected` texts of `meanBytes` take, bytes. The pages are resident only once they are used. */
export function arenaBytesFor(expected: number, meanBytes: number): number {
  return UNIT_BYTES + expected * Math.ceil((meanBytes + LENGTH_BYTES) / UNIT_BYTES) * UNIT_BYTES;
}

/** Reading side. Any thread. */
export class ArenaReader {
  readonly bytes: Uint8Array;

  constructor(memory: SharedArrayBuffer) {
    this.bytes = new Uint8Array(memory);
  }

  /** Length of a chunk's text, bytes; bounded even when the chunk is being rewritten. */
  length(chunk: number): number {
    const at = chunk * UNIT_BYTES;
    return Math.min(this.bytes[at]! | (this.bytes[at + 1]! << 8), ARENA_TEXT_BYTES_MAX);
  }

  /** Byte offset of a chunk's text in `bytes`. */
  start(chunk: number): number {
    return chunk * UNIT_BYTES + LENGTH_BYTES;
  }

  equals(chunk: number, source: Uint8Array, start: number, length: number): boolean {
    if (this.length(chunk) !== length) return false;
    const { bytes } = this;
    const at = this.start(chunk);
    for (let i = 0; i < length; i++) if (bytes[at + i] !== source[start + i]) return false;
    return true;
  }

  startsWith(chunk: number, prefix: Uint8Array): boolean {
    if (this.length(chunk) < prefix.length) return false;
    const { bytes } = this;
    const at = this.start(chunk);
    for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
    return true;
  }

  /** Whether `needle`, which is in lower case, is in the text; A-Z count as a-z. */
  includes(chunk: number, needle: Uint8Array): boolean {
    const { bytes } = this;
    const start = this.start(chunk);
    const last = start + this.length(chunk) - needle.length;
    for (let at = start; at <= last; at++) {
      let matched = 0;
      while (matched < needle.length && lowerCase(bytes[at + matched]!) === needle[matched]) matched += 1;
      if (matched === needle.length) return true;
    }
    return false;
  }

  /** The text as a string; allocates. `''` for `NO_TEXT`. */
  text(chunk: number): string {
    if (chunk === NO_TEXT) return '';
    const at = this.start(chunk);
    // A copy: TextDecoder refuses shared memory.
    return Buffer.from(this.bytes.slice(at, at + this.length(chunk))).toString('utf8');
  }
}

/** Writing side. Owner only. */
export class Arena extends ArenaReader {
  /** First free chunk by length in units; free chunks are linked through their first four bytes. */
  readonly #free = new Uint32Array(CLASSES + 1);
  readonly #words: Uint32Array;
  readonly #units: number;
  #top = 1; // unit 0 stays empty: chunk 0 names nothing

  constructor(memory: SharedArrayBuffer) {
    super(memory);
    this.#words = new Uint32Array(memory);
    this.#units = memory.byteLength / UNIT_BYTES;
  }

  /** @returns the chunk, or `NO_TEXT` when there is no room (the caller refuses). */
  store(source: Uint8Array, start: number, length: number): number {
    if (length > ARENA_TEXT_BYTES_MAX)
      throw new RangeError(`text of ${length} bytes, at most ${ARENA_TEXT_BYTES_MAX}`);
    const chunk = this.#take(unitsFor(length));
    if (chunk === NO_TEXT) return NO_TEXT;
    const { bytes } = this;
    bytes[chunk * UNIT_BYTES] = length & 0xff;
    bytes[chunk * UNIT_BYTES + 1] = length >> 8;
    const at = this.start(chunk);
    for (let i = 0; i < length; i++) bytes[at + i] = source[start + i]!;
    return chunk;
  }

  release(chunk: number): void {
    if (chunk === NO_TEXT) return;
    const units = unitsFor(this.length(chunk));
    this.#words[(chunk * UNIT_BYTES) >> 2] = this.#free[units]!;
    this.#free[units] = chunk;
  }

  /**
   * Takes over memory that another writer left: all that is not named is free.
   * @param chunks those in use, in any order; sorted in place
   */
  adopt(chunks: Uint32Array): void {
    this.#free.fill(NO_TEXT);
    this.#top = 1;
    for (const chunk of chunks.sort()) {
      this.#freeUnits(this.#top, chunk - this.#top);
      this.#top = chunk + unitsFor(this.length(chunk));
    }
  }

  #take(units: number): number {
    const chunk = this.#free[units]!;
    if (chunk !== NO_TEXT) {
      this.#free[units] = this.#words[(chunk * UNIT_BYTES) >> 2]!;
      return chunk;
    }
    if (this.#top + units > this.#units) return this.#takePartOfLarger(units);
    this.#top += units;
    return this.#top - units;
  }

  #takePartOfLarger(units: number): number {
    for (let larger = units + 1; larger <= CLASSES; larger++) {
      const chunk = this.#free[larger]!;
      if (chunk === NO_TEXT) continue;
      this.#free[larger] = this.#words[(chunk * UNIT_BYTES) >> 2]!;
      this.#freeUnits(chunk + units, larger - units);
      return chunk;
    }
    return NO_TEXT;
  }

  #freeUnits(from: number, units: number): void {
    for (let at = from; at < from + units; ) {
      const size = Math.min(CLASSES, from + units - at);
      this.#words[(at * UNIT_BYTES) >> 2] = this.#free[size]!;
      this.#free[size] = at;
      at += size;
    }
  }
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

function unitsFor(length: number): number {
  return Math.ceil((length + LENGTH_BYTES) / UNIT_BYTES);
}
