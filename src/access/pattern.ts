/**
 * Patterns that name devices or subscribers: an id, a prefix of ids ending in `*`, or `*` for all. Access rules and
 * tokens use the same. Pure; any thread. The star is not in the grammar of ids, so no pattern is mistaken for one.
 */
import { isId, isIdPrefix } from '../wire/id.ts';

/** Completes "expected …". */
export const PATTERN_ACCEPTED = 'an id, a prefix of one ending in *, or *';

const STAR = '*';

/** Whether the text is an id, `*`, or 1 to 128 characters of the id alphabet followed by `*`. */
export function isPattern(text: string): boolean {
  if (text === STAR) return true;
  return isFilter(text) ? isIdPrefix(text.slice(0, -1)) : isId(text);
}

/** Whether this id or pattern is no id: a prefix with its star, or the star alone, as subscribers' filters are. */
export function isFilter(name: string): boolean {
  return name.endsWith(STAR);
}

/** Ids and filters apart, each in their order. */
export function splitNames(names: readonly string[]): { devices: string[]; filters: string[] } {
  return { devices: names.filter((name) => !isFilter(name)), filters: names.filter(isFilter) };
}

/**
 * Whether the pattern names the id; a prefix names itself too. For few questions: `PatternIndex` and `PatternSet` are
 * for many.
 * @param pattern one that `isPattern` accepts
 */
export function matches(pattern: string, id: string): boolean {
  return isFilter(pattern) ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
}
