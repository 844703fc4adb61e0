/** Pages of lists as people want them: full. */

export interface Page {
  readonly limit: number;
  readonly cursor: string;
  readonly signal: AbortSignal;
}

/** So many requests fill a page; what the hub has scanned by then is shown. */
const REQUESTS_PER_PAGE_MAX = 20;

/**
 * The hub's pages may be short, even empty, though there is more: where a search finds little, or a node of a cluster has
 * no more. Asks on until the page is full.
 */
export async function fullPage<Entry>(
  { limit, cursor }: Page,
  askFor: (limit: number, cursor: string) => Promise<{ entries: readonly Entry[]; cursor: string | null }>,
): Promise<{ entries: readonly Entry[]; cursor: string | null }> {
  const entries: Entry[] = [];
  let next: string | null = cursor;
  for (let asked = 0; next !== null && entries.length < limit && asked < REQUESTS_PER_PAGE_MAX; asked++) {
    const page = await askFor(limit - entries.length, next);
    entries.push(...page.entries);
    next = page.cursor;
  }
  return { entries, cursor: next };
}
