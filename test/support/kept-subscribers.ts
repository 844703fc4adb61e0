/** What is kept of a subscriber, as tests give and read it: whole, where a node hands it over in parts. No assertions. */
import {
  decodeKeptPart,
  encodeKeptPart,
  type KeptFilter,
  type KeptPart,
  type KeptRow,
  type KeptTurn,
} from '../../src/cluster/subscribers.ts';

const ROWS_PER_PART = 500;

/** @returns parts with at most 500 subscriptions each, the first with all else; what is absent is empty, and 0 ms away */
export function keptParts({
  rows = [],
  filters = [],
  turns = [],
  awayMs = 0,
}: Partial<KeptPart>): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < rows.length; at += ROWS_PER_PART) {
    const rest = at === 0 ? { filters, turns } : { filters: [], turns: [] };
    parts.push(encodeKeptPart({ rows: rows.slice(at, at + ROWS_PER_PART), ...rest, awayMs }));
  }
  return parts;
}

/** All that the parts name; away as long as the part that was left last. */
export function keptOf(parts: readonly Uint8Array[]): {
  rows: KeptRow[];
  filters: KeptFilter[];
  turns: KeptTurn[];
  awayMs: number;
} {
  const pages = parts.map(decodeKeptPart);
  return {
    rows: pages.flatMap(({ rows }) => rows),
    filters: pages.flatMap(({ filters }) => filters),
    turns: pages.flatMap(({ turns }) => turns),
    awayMs: pages.length === 0 ? 0 : Math.min(...pages.map(({ awayMs }) => awayMs)),
  };
}
