/** Filters as the hub takes them: an id, a prefix followed by `*`, or `*` alone. */
import { ID_ACCEPTED, isId, isIdPrefix } from '../wire/id.ts';
import { CliFailure, Exit } from './failure.ts';

export const isFilter = (text: string): boolean => text.endsWith('*');

/** @throws CliFailure when one is neither an id nor a filter */
export function checkFilters(texts: readonly string[]): void {
  for (const text of texts) {
    const isGood = isFilter(text) ? text === '*' || isIdPrefix(text.slice(0, -1)) : isId(text);
    if (isGood) continue;
    const accepted = `an id, or the start of one followed by *; ids are ${ID_ACCEPTED}`;
    throw new CliFailure(Exit.usage, `${JSON.stringify(text)} is not a device; expected ${accepted}`);
  }
}

/** The part of an id that a filter asks for; '' for `*`. */
export const prefixOf = (filter: string): string => (isFilter(filter) ? filter.slice(0, -1) : filter);

export function matches(filter: string, id: string): boolean {
  return isFilter(filter) ? id.startsWith(prefixOf(filter)) : id === filter;
}
