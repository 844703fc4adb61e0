/** Listings that may be long: as many entries as are asked for, and a word where there are more. */
import { jsonLine, line, note, table } from './output.ts';

export interface Listing<Entry> {
  /** 0 for all. */
  readonly limit: number;
  readonly json: boolean;
  readonly head: readonly string[];
  cellsOf(entry: Entry): readonly string[];
  /** What to say when there are none. */
  readonly none: string;
}

/** What a listing shows unless it is asked for more. */
export const LISTED = 1000;

/** Prints entries as they come, as a table or as lines of JSON, up to the limit. */
export async function printListing<Entry>(
  entries: AsyncIterable<Entry>,
  { limit, json, head, cellsOf, none }: Listing<Entry>,
): Promise<void> {
  const cells: (readonly string[])[] = [];
  let count = 0;
  for await (const entry of entries) {
    if (limit > 0 && count === limit) {
      note(`there are more than ${limit}; show all with --limit 0`);
      break;
    }
    count += 1;
    if (json) jsonLine(entry);
    else cells.push(cellsOf(entry));
  }
  if (json) return;
  line(cells.length === 0 ? none : table(head, cells));
}
