/** Filters as the hub takes them: an id, a prefix followed by `*`, or `*` alone. */
import { isFilter, isPattern } from '../access/pattern.ts';
import { ID_ACCEPTED } from '../wire/id.ts';
import { CliFailure, Exit } from './failure.ts';

/** @throws CliFailure when one is neither an id nor a filter */
export function checkFilters(texts: readonly string[]): void {
  for (const text of texts) {
    if (isPattern(text)) continue;
    const accepted = `an id, or a prefix followed by *; ids are ${ID_ACCEPTED}`;
    throw new CliFailure(Exit.usage, `${JSON.stringify(text)} is not a device; expected ${accepted}`);
  }
}

/** The part of an id that a filter asks for; '' for `*`. */
export const prefixOf = (filter: string): string => (isFilter(filter) ? filter.slice(0, -1) : filter);
