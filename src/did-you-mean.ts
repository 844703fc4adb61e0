/** Finds the name that was probably meant. Pure. */
import { distance } from 'fastest-levenshtein';

/** A distance takes time with the product of the lengths; no name of ours is longer. */
const CHARACTERS_MAX = 120;

/** A hint may differ by a third of its letters, and by two swapped ones unless it is very short: more is a guess. */
function differenceMax(candidate: string): number {
  return candidate.length < 4 ? 1 : Math.max(2, candidate.length / 3);
}

/**
 * The candidate that was probably meant, or undefined.
 * @param plain brings names into the form in which they are compared
 */
export function nearest(
  given: string,
  candidates: readonly string[],
  plain: (name: string) => string = (name) => name.toLowerCase(),
): string | undefined {
  const wanted = plain(given.slice(0, CHARACTERS_MAX));
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const compared = plain(candidate);
    const away = distance(wanted, compared);
    if (away < bestDistance && away <= differenceMax(compared)) {
      best = candidate;
      bestDistance = away;
    }
  }
  return best;
}
