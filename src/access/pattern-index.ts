/**
 * Says which patterns of a list name an id, by one binary search instead of a look at each. Pure; any thread.
 *
 * In the order of strings, what a pattern names is one stretch: of `dev-*` all from `dev-` up to `dev.`, of `dev-1`
 * itself. The ends of all stretches cut the order into at most 2 n + 1 pieces, and all ids of a piece are named by the
 * same patterns: a bit set, made once.
 */

const STAR = '*';
const WORD_BITS = 32;

interface Stretch {
  readonly start: string;
  /** The first string behind it; undefined: there is none. */
  readonly end: string | undefined;
}

/** Never changes. */
export class PatternIndex {
  /** Words of one bit set. Bit `n % 32` of word `n >> 5` stands for pattern `n`. */
  readonly words: number;
  /** The bit sets, one after another; `find` says where one starts. */
  readonly sets: Uint32Array;
  /** First string of each piece, in order; that of the first is ''. */
  readonly #starts: readonly string[];

  /** @param patterns such that `isPattern` accepts each */
  constructor(patterns: readonly string[]) {
    const stretches = patterns.map(stretchOf);
    // Stryker disable next-line ArrayDeclaration,ConditionalExpression: without an end it is a star, whose start is ''
    const cuts = stretches.flatMap(({ start, end }) => (end === undefined ? [start] : [start, end]));
    this.#starts = [...new Set(['', ...cuts])].sort();
    this.words = Math.ceil(patterns.length / WORD_BITS);
    this.sets = new Uint32Array(this.#starts.length * this.words);
    stretches.forEach(({ start, end }, bit) => {
      const last = end === undefined ? this.#starts.length : this.#pieceOf(end);
      for (let piece = this.#pieceOf(start); piece < last; piece++) {
        this.sets[piece * this.words + (bit >> 5)]! |= 1 << (bit & 31);
      }
    });
  }

  /** @returns the word in `sets` where the bit set of the id starts */
  find(id: string): number {
    return this.#pieceOf(id) * this.words;
  }

  /** The last piece that does not start behind the text. */
  #pieceOf(text: string): number {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle]! <= text) low = middle;
      else high = middle;
    }
    return low;
  }
}

function stretchOf(pattern: string): Stretch {
  // Stryker disable next-line ObjectLiteral: a start that is missing is before all others, as '' is
  if (pattern === STAR) return { start: '', end: undefined };
  if (!pattern.endsWith(STAR)) return { start: pattern, end: `${pattern}\0` };
  const prefix = pattern.slice(0, -1);
  const next = String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
  return { start: prefix, end: prefix.slice(0, -1) + next };
}
