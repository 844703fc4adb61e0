/**
 * Short byte strings (ids, device statuses) in shared memory. A text is a chain of 32-byte units. All units have the
 * same size, so any free unit serves any text: memory never fragments, and an arena with room for its table's longest
 * texts never refuses one. Most texts take one unit.
 *
 *   first unit  | u32 next | u16 length | 26 bytes of text |       chunk number of a text: that of its first unit
 *   others      | u32 next | 28 bytes of text             |       next: 0 at the end of a chain
 *   unit 0      | u32 units in use |                              names no text
 *
 * The owner writes; any thread may read a chain while the row that names it is known to be unchanged. A reader that
 * hits a chain in the middle of a change reads garbage, but within bounds, and its caller notices that the row has
 * changed.
 */

const UNIT_BYTES = 32;
const WORDS = UNIT_BYTES / 4; // words of a unit
const NEXT_BYTES = 4;
const LENGTH_BYTES = 2;
const FIRST_TEXT_BYTES = UNIT_BYTES - NEXT_BYTES - LENGTH_BYTES;
const TEXT_BYTES = UNIT_BYTES - NEXT_BYTES;
export const ARENA_TEXT_BYTES_MAX = 256; // a status: 64 characters of at most 4 bytes
/** Chunk number that stands for no text. */
export const NO_TEXT = 0;
/** Word of unit 0: units in use. */
const USED_WORD = 0;

function unitsFor(length: number): number {
  return 1 + Math.max(0, Math.ceil((length - FIRST_TEXT_BYTES) / TEXT_BYTES));
}

/** Memory for texts of up to this many bytes, bytes. The pages become resident only when they are used. */
export function arenaBytesFor(
  texts: readonly { readonly count: number; readonly bytesMax: number }[],
): number {
  return texts.reduce(
    (sum, { count, bytesMax }) => sum + count * unitsFor(bytesMax) * UNIT_BYTES,
    UNIT_BYTES,
  );
}

/** Reading side. Any thread. */
export class ArenaReader {
  protected readonly bytes: Uint8Array;
  protected readonly words: Uint32Array;
  readonly #copy = Buffer.alloc(ARENA_TEXT_BYTES_MAX);

  constructor(memory: SharedArrayBuffer) {
    this.bytes = new Uint8Array(memory);
    this.words = new Uint32Array(memory);
  }

  /** Bytes of the units in use, and of all. */
  usage(): { readonly used: number; readonly capacity: number } {
    const used = Atomics.load(this.words, USED_WORD);
    return { used: used * UNIT_BYTES, capacity: this.bytes.length - UNIT_BYTES };
  }

  /** Length of a chunk's text, bytes; bounded even when the chunk is being rewritten. */
  length(chunk: number): number {
    const at = chunk * UNIT_BYTES + NEXT_BYTES;
    return Math.min(this.bytes[at]! | (this.bytes[at + 1]! << 8), ARENA_TEXT_BYTES_MAX);
  }

  equals(chunk: number, source: Uint8Array, start: number, length: number): boolean {
    return this.length(chunk) === length && this.#hasAtStart(chunk, source, start, length);
  }

  startsWith(chunk: number, prefix: Uint8Array): boolean {
    return this.length(chunk) >= prefix.length && this.#hasAtStart(chunk, prefix, 0, prefix.length);
  }

  #hasAtStart(chunk: number, source: Uint8Array, start: number, length: number): boolean {
    const { bytes } = this;
    let unit = chunk;
    let at = unit * UNIT_BYTES + NEXT_BYTES + LENGTH_BYTES;
    for (let i = 0, end = FIRST_TEXT_BYTES; ; end += TEXT_BYTES) {
      for (const stop = Math.min(end, length); i < stop; i++)
        if (bytes[at++] !== source[start + i]) return false;
      if (i === length) return true;
      unit = this.next(unit);
      at = unit * UNIT_BYTES + NEXT_BYTES;
    }
  }

  /**
   * Copies the text.
   * @param into has room for `ARENA_TEXT_BYTES_MAX` bytes from `start` on
   * @returns the text's length
   */
  copy(chunk: number, into: Uint8Array, start = 0): number {
    const { bytes } = this;
    const length = this.length(chunk);
    let unit = chunk;
    let at = unit * UNIT_BYTES + NEXT_BYTES + LENGTH_BYTES;
    for (let i = 0, end = FIRST_TEXT_BYTES; ; end += TEXT_BYTES) {
      for (const stop = Math.min(end, length); i < stop; i++) into[start + i] = bytes[at++]!;
      if (i === length) return length;
      unit = this.next(unit);
      at = unit * UNIT_BYTES + NEXT_BYTES;
    }
  }

  /** Whether `needle`, which is in lower case, is in the text; A-Z count as a-z. */
  includes(chunk: number, needle: Uint8Array): boolean {
    const text = this.#copy;
    const last = this.copy(chunk, text) - needle.length;
    for (let at = 0; at <= last; at++) {
      let matched = 0;
      while (matched < needle.length && lowerCase(text[at + matched]!) === needle[matched]) matched += 1;
      if (matched === needle.length) return true;
    }
    return false;
  }

  /** The text as a string; allocates. `''` for `NO_TEXT`. */
  text(chunk: number): string {
    // Stryker disable next-line ConditionalExpression: unit 0 reads as '' too, at the price of a call
    if (chunk === NO_TEXT) return '';
    return this.#copy.toString('utf8', 0, this.copy(chunk, this.#copy));
  }

  /** The unit after this one; within bounds even when the chain is being changed. */
  protected next(unit: number): number {
    const next = this.words[unit * WORDS]!;
    // Stryker disable next-line ArithmeticOperator,ConditionalExpression,EqualityOperator: out there is nothing, read slowly
    return next * WORDS < this.words.length ? next : NO_TEXT;
  }
}

/** Writing side. Owner only. */
export class Arena extends ArenaReader {
  readonly #units: number;
  /** First of the free units below `#top`, linked as a chain is. */
  #free = NO_TEXT;
  /** Units from here on were never used. */
  #top = 1;
  #used = 0;

  constructor(memory: SharedArrayBuffer) {
    super(memory);
    this.#units = Math.floor(memory.byteLength / UNIT_BYTES);
  }

  /** @returns the chunk, or `NO_TEXT` when there is no room (the caller refuses). */
  store(source: Uint8Array, start: number, length: number): number {
    if (length > ARENA_TEXT_BYTES_MAX)
      throw new RangeError(`text of ${length} bytes, at most ${ARENA_TEXT_BYTES_MAX}`);
    if (this.#used + unitsFor(length) >= this.#units) return NO_TEXT;
    const { bytes, words } = this;
    const chunk = this.#take();
    let unit = chunk;
    let at = unit * UNIT_BYTES + NEXT_BYTES;
    bytes[at++] = length & 0xff;
    bytes[at++] = length >> 8;
    for (let i = 0, end = FIRST_TEXT_BYTES; ; end += TEXT_BYTES) {
      for (const stop = Math.min(end, length); i < stop; i++) bytes[at++] = source[start + i]!;
      if (i === length) break;
      const next = this.#take();
      words[unit * WORDS] = next;
      unit = next;
      at = unit * UNIT_BYTES + NEXT_BYTES;
    }
    words[unit * WORDS] = NO_TEXT;
    Atomics.store(words, USED_WORD, this.#used);
    return chunk;
  }

  release(chunk: number): void {
    if (chunk === NO_TEXT) return;
    const { words } = this;
    let last = chunk;
    this.#used -= 1;
    for (let next = words[last * WORDS]!; next !== NO_TEXT; next = words[last * WORDS]!) {
      last = next;
      this.#used -= 1;
    }
    words[last * WORDS] = this.#free;
    this.#free = chunk;
    Atomics.store(words, USED_WORD, this.#used);
  }

  /**
   * Takes over memory that another writer left: every unit that is not named is free.
   * @param chunks those in use, in any order
   */
  adopt(chunks: Iterable<number>): void {
    const { words } = this;
    const isUsed = new Uint8Array(this.#units);
    this.#top = 1;
    this.#used = 0;
    for (const chunk of chunks) {
      for (let unit = chunk; unit !== NO_TEXT; unit = words[unit * WORDS]!) {
        isUsed[unit] = 1;
        this.#used += 1;
        this.#top = Math.max(this.#top, unit + 1);
      }
    }
    this.#free = NO_TEXT;
    for (let unit = this.#top - 1; unit > 0; unit--) {
      if (isUsed[unit] === 1) continue;
      words[unit * WORDS] = this.#free;
      this.#free = unit;
    }
    Atomics.store(words, USED_WORD, this.#used);
  }

  /** There is a free unit. */
  #take(): number {
    this.#used += 1;
    const unit = this.#free;
    if (unit === NO_TEXT) return this.#top++;
    this.#free = this.words[unit * WORDS]!;
    return unit;
  }
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}
