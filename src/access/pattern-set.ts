/** A list of patterns that is asked often: what a token covers. Pure; any thread. */

import { createHash } from 'node:crypto';

/** Before every character of ids, so that prefixes sort alike with and without it. */
const STAR = '*';
const FINGERPRINT_LENGTH = 22; // 132 bits

/** Never changes. Compiling a thousand patterns takes a millisecond, a question less than a microsecond. */
export class PatternSet {
  /** In an order of their own, without those that others cover; to be sent to another thread. */
  readonly patterns: readonly string[];
  readonly #ids: readonly string[];
  /** None starts with another, so that at most one of them can name an id: the last that is not behind it. */
  readonly #prefixes: readonly string[];
  #fingerprint: string | undefined;

  /** @param patterns such that `isPattern` accepts each; an empty list covers nothing */
  constructor(patterns: readonly string[]) {
    const isPrefix = (pattern: string): boolean => pattern.endsWith(STAR);
    const prefixes: string[] = [];
    for (const pattern of patterns.filter(isPrefix).sort()) {
      const prefix = pattern.slice(0, -1);
      const last = prefixes.at(-1);
      if (last === undefined || !prefix.startsWith(last)) prefixes.push(prefix);
    }
    this.#prefixes = prefixes;
    const ids = patterns.filter((pattern) => !isPrefix(pattern)).sort();
    this.#ids = ids.filter((id, at) => id !== ids[at - 1] && !this.#isUnderPrefix(id));
    this.patterns = [...this.#ids, ...prefixes.map((prefix) => prefix + STAR)];
  }

  /** A short text: the same for sets that cover the same. Worked out when it is first asked for. */
  get fingerprint(): string {
    this.#fingerprint ??= createHash('sha256')
      .update(this.patterns.join(' '))
      .digest('base64url')
      .slice(0, FINGERPRINT_LENGTH);
    return this.#fingerprint;
  }

  /** Whether the two cover the same. */
  isSameAs({ patterns }: PatternSet): boolean {
    return patterns.length === this.patterns.length && patterns.every((one, at) => one === this.patterns[at]);
  }

  /** Whether a pattern names the id. */
  covers(id: string): boolean {
    return this.#ids[placeOf(this.#ids, id)] === id || this.#isUnderPrefix(id);
  }

  /** Whether a pattern names an id that starts with the prefix; '' asks for any. */
  coversSomeOf(prefix: string): boolean {
    const startsThere = (list: readonly string[]): boolean =>
      list[placeOf(list, prefix)]?.startsWith(prefix) ?? false;
    return this.#isUnderPrefix(prefix) || startsThere(this.#prefixes) || startsThere(this.#ids);
  }

  #isUnderPrefix(text: string): boolean {
    const at = placeOf(this.#prefixes, text);
    // Of the two around the place, the text itself is the one at it.
    if (this.#prefixes[at] === text) return true;
    const before = this.#prefixes[at - 1];
    return before !== undefined && text.startsWith(before);
  }
}

/** @param sorted in the order of strings @returns where the first stands that is not before the text */
function placeOf(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
