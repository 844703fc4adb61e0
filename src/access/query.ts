/** Checks the names in a query: misspelt or repeated parameters must not be ignored. Pure. */
import { nearest } from '../did-you-mean.ts';

const SHOWN_CHARACTERS_MAX = 40;

/**
 * Values are not shown: one may be a token.
 * @param known names that may be there, once each
 * @returns what is wrong, or undefined
 */
export function queryProblem(query: URLSearchParams, known: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (const name of query.keys()) {
    if (!known.includes(name)) {
      const meant = nearest(name, known);
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      const shown = JSON.stringify(name.slice(0, SHOWN_CHARACTERS_MAX));
      return `unknown query parameter ${shown}; expected ${known.join(', ') || 'none'}${hint}`;
    }
    if (seen.has(name)) return `query parameter ${name} is given more than once${SEVERAL[name] ?? ''}`;
    seen.add(name);
  }
  return undefined;
}

/** How several values go into one. */
const SEVERAL: Readonly<Record<string, string>> = {
  devices: '; separate ids by commas: ?devices=dev-1,dev-2',
  types: '; separate types by commas: ?types=message,status',
};

/** @returns undefined when it is neither true nor false */
export function flagOf(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name) ?? 'false';
  return value === 'true' || value === 'false' ? value === 'true' : undefined;
}
