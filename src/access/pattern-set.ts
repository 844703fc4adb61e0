/** A list of patterns that is asked often: what a token covers. Pure; any thread. */
import { matches } from './pattern.ts';

/** Never changes. */
export class PatternSet {
  /** As they were given; to be sent to another thread. */
  readonly patterns: readonly string[];

  /** @param patterns such that `isPattern` accepts each; an empty list covers nothing */
  constructor(patterns: readonly string[]) {
    this.patterns = patterns;
  }

  /** Whether a pattern names the id. */
  covers(id: string): boolean {
    return this.patterns.some((pattern) => matches(pattern, id));
  }

  /** Whether a pattern names an id that starts with the prefix; '' asks for any. */
  coversSomeOf(prefix: string): boolean {
    return this.patterns.some((pattern) => {
      if (!pattern.endsWith('*')) return pattern.startsWith(prefix);
      const own = pattern.slice(0, -1);
      return own.startsWith(prefix) || prefix.startsWith(own);
    });
  }
}
