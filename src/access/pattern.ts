/**
 * Patterns over ids, as tokens and access rules name them: an id itself, or a prefix that ends in `*`. Pure.
 * `*` alone matches every id. There is no other wildcard, so that a pattern reads at a glance.
 */
import { isId } from '../protocol/id.ts';

const REST = '*';

/** Whether the text is an id, or `*` after none or some characters of ids. */
export function isPattern(text: string): boolean {
  return text.endsWith(REST) ? text === REST || isId(text.slice(0, -1)) : isId(text);
}

/** @param pattern one that `isPattern` accepts */
export function matches(pattern: string, id: string): boolean {
  return pattern.endsWith(REST) ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
}
