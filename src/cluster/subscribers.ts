/**
 * What is kept of a subscriber that is not connected, as it moves from node to node: its subscriptions, filters and
 * pauses. Pure. The host that surrenders a subscriber encodes it, the one that adopts it decodes it; where it is found,
 * and that it is in one place only, is up to `homes.ts`.
 */
import { isFilter, isPattern } from '../access/pattern.ts';
import { ALL_TYPES } from '../wire/events.ts';
import { isId } from '../wire/id.ts';

/** Event types as a set of bits (`typeBit`), one place further left; 0 all. */
const TYPE_BITS = ALL_TYPES << 1;

export interface KeptRow {
  readonly device: string;
  /** Its subscriber paused it; otherwise it is active again when the subscriber is back. */
  readonly paused: boolean;
  /** Bits of the types that it is limited to, 0 for all. */
  readonly types: number;
}

export interface KeptFilter {
  readonly filter: string;
  readonly paused: boolean;
  readonly types: number;
}

export interface KeptSubscriber {
  readonly rows: readonly KeptRow[];
  readonly filters: readonly KeptFilter[];
  /** How long it has been away, ms: it is removed in time as if it had stayed. */
  readonly awayMs: number;
}

/** Rows in a part: about 100 KB of long ids. */
export const ROWS_PER_PART = 500;
const PAUSED = 1;

type Item = readonly [name: string, flags: number, types: number];

/** @returns parts for `surrendered` */
export function encodeKeptSubscriber({ rows, filters, awayMs }: KeptSubscriber): Uint8Array[] {
  const items = rows.map(({ device, paused, types }): Item => [device, paused ? PAUSED : 0, types]);
  const wanted = filters.map(({ filter, paused, types }): Item => [filter, paused ? PAUSED : 0, types]);
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < items.length; at += ROWS_PER_PART) {
    const page = { rows: items.slice(at, at + ROWS_PER_PART), filters: at === 0 ? wanted : [], awayMs };
    parts.push(Buffer.from(JSON.stringify(page)));
  }
  return parts;
}

/**
 * What `adopt` was given. Names that are no ids or filters are left out, as is a part that is none.
 * @returns all parts together; of a device that is named twice, the first row
 */
export function decodeKeptSubscriber(parts: readonly Uint8Array[]): KeptSubscriber {
  const rows = new Map<string, KeptRow>();
  const filters = new Map<string, KeptFilter>();
  let awayMs = Number.POSITIVE_INFINITY; // of the part that was left last: what is older expires with it
  for (const part of parts) {
    const page = parse(part);
    if (page === undefined) continue;
    for (const [device, flags, types] of itemsOf(page['rows'])) {
      if (isId(device) && !rows.has(device)) rows.set(device, { device, paused: flags === PAUSED, types });
    }
    for (const [filter, flags, types] of itemsOf(page['filters'])) {
      if (!isFilter(filter) || !isPattern(filter) || filters.has(filter)) continue;
      filters.set(filter, { filter, paused: flags === PAUSED, types });
    }
    const { awayMs: away } = page;
    if (typeof away === 'number' && away >= 0) awayMs = Math.min(awayMs, away);
  }
  if (awayMs === Number.POSITIVE_INFINITY) awayMs = 0;
  return { rows: [...rows.values()], filters: [...filters.values()], awayMs };
}

function itemsOf(list: unknown): Item[] {
  return Array.isArray(list) ? list.filter(isItem) : [];
}

function isItem(value: unknown): value is Item {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [name, flags, types] = value as readonly unknown[];
  const isMask = typeof types === 'number' && Number.isInteger(types) && (types & ~TYPE_BITS) === 0;
  return typeof name === 'string' && (flags === 0 || flags === PAUSED) && isMask;
}

function parse(part: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // not JSON: nothing of it is kept
  }
}
