/**
 * Latencies in microseconds, counted in buckets as an HdrHistogram with three significant digits does: exact below
 * 2048, and to one part in 1024 above. docs/decisions/0031 says why this is not the library.
 */

const SUB_BUCKET_BITS = 10;
const SUB_BUCKETS = 2 ** SUB_BUCKET_BITS;
/** 134 s; what takes longer counts as this long. */
const VALUE_BITS = 27;
const VALUE_MAX = 2 ** VALUE_BITS - 1;
const CELLS = (VALUE_BITS - SUB_BUCKET_BITS + 1) * SUB_BUCKETS;

/** The largest value, then pairs of a cell and its count: what crosses processes. */
export type Packed = readonly number[];

export class Histogram {
  readonly #counts = new Uint32Array(CELLS);
  #count = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  /** The largest value, 0 without any. */
  get max(): number {
    return this.#max;
  }

  /** @param microseconds below 0 and fractions are rounded */
  add(microseconds: number): void {
    const value = Math.min(VALUE_MAX, Math.max(0, Math.round(microseconds)));
    this.#counts[cellOf(value)]! += 1;
    this.#count += 1;
    if (value > this.#max) this.#max = value;
  }

  /**
   * The value that this share of all values does not exceed.
   * @param percent 0 to 100
   * @returns microseconds, 0 without values
   */
  percentile(percent: number): number {
    const rank = Math.max(1, Math.ceil((percent / 100) * this.#count));
    let below = 0;
    for (let cell = 0; cell < CELLS; cell++) {
      below += this.#counts[cell]!;
      if (below >= rank) return Math.min(this.#max, highestOf(cell));
    }
    return 0;
  }

  merge(packed: Packed): void {
    this.#max = Math.max(this.#max, packed[0] ?? 0);
    for (let at = 1; at < packed.length; at += 2) {
      const count = packed[at + 1]!;
      this.#counts[packed[at]!]! += count;
      this.#count += count;
    }
  }

  pack(): Packed {
    const packed: number[] = [this.#max];
    for (let cell = 0; cell < CELLS; cell++) {
      const count = this.#counts[cell]!;
      if (count > 0) packed.push(cell, count);
    }
    return packed;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#max = 0;
  }
}

/** All of them together. */
export function merged(all: Iterable<Packed>): Histogram {
  const histogram = new Histogram();
  for (const packed of all) histogram.merge(packed);
  return histogram;
}

/** Values of one power of two share `SUB_BUCKETS` cells; below 2048 each value has its own. */
function cellOf(value: number): number {
  const shift = shiftOf(value);
  return shift * SUB_BUCKETS + (value >>> shift);
}

function highestOf(cell: number): number {
  const shift = Math.max(0, (cell >> SUB_BUCKET_BITS) - 1);
  return ((cell - shift * SUB_BUCKETS + 1) << shift) - 1;
}

const shiftOf = (value: number): number => Math.max(0, 31 - SUB_BUCKET_BITS - Math.clz32(value));
