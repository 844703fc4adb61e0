/**
 * What is kept for a subscriber that is not connected, as it moves from node to node: its subscriptions, filters and
 * pauses. Pure. The host that surrenders a subscriber encodes it, and the host that adopts the subscriber decodes it;
 * `homes.ts` ensures that only one node has it.
 */
import { isFilter, isPattern } from '../access/pattern.ts';
import { ALL_TYPES } from '../wire/events.ts';
import { isId } from '../wire/id.ts';

/** Event types as a set of bits (`typeBit`), one place further left; 0 all. */
const TYPE_BITS = ALL_TYPES << 1;

export interface KeptRow {
  readonly device: string;
  /** Whether its subscriber paused it; otherwise it becomes active again when the subscriber is back. */
  readonly paused: boolean;
  /** Bits of the types that it is limited to, 0 for all. */
  readonly types: number;
}

export interface KeptFilter {
  readonly filter: string;
  readonly paused: boolean;
  readonly types: number;
}

/** A device that only filters follow, and that its subscriber has paused or resumed individually. */
export interface KeptTurn {
  readonly device: string;
  readonly paused: boolean;
}

/** A part of what is kept; all parts together are everything. */
export interface KeptPart {
  /** At most `ROWS_PER_PART`, together with `turns`. */
  readonly rows: readonly KeptRow[];
  readonly filters: readonly KeptFilter[];
  /** Devices that match the filters of this part, or of an earlier one. */
  readonly turns: readonly KeptTurn[];
  /** How long it has been away, ms: it expires as if it had stayed. */
  readonly awayMs: number;
}

/** Rows in a part: about 100 KB of long ids. */
export const ROWS_PER_PART = 500;
const PAUSED = 1;

type Item = readonly [name: string, flags: number, types: number];

/** @returns a part for `surrendered` */
export function encodeKeptPart({ rows, filters, turns, awayMs }: KeptPart): Uint8Array {
  const page = {
    rows: rows.map(({ device, ...rest }) => itemOf(device, rest)),
    filters: filters.map(({ filter, ...rest }) => itemOf(filter, rest)),
    turns: turns.map(({ device, paused }) => itemOf(device, { paused, types: 0 })),
    awayMs,
  };
  return Buffer.from(JSON.stringify(page));
}

/** Decodes a part that `adopt` was given. Names that are not ids or filters are left out, and so are invalid parts. */
export function decodeKeptPart(part: Uint8Array): KeptPart {
  const { rows, filters, turns, awayMs } = parse(part) ?? {};
  const isAway = Number.isFinite(awayMs) && (awayMs as number) >= 0;
  return {
    rows: itemsOf(rows, isId).map(([device, flags, types]) => ({ device, paused: flags === PAUSED, types })),
    filters: itemsOf(filters, isPrefixFilter).map(([filter, flags, types]) => ({
      filter,
      paused: flags === PAUSED,
      types,
    })),
    turns: itemsOf(turns, isId).map(([device, flags]) => ({ device, paused: flags === PAUSED })),
    awayMs: isAway ? (awayMs as number) : 0,
  };
}

function itemOf(name: string, { paused, types }: { readonly paused: boolean; readonly types: number }): Item {
  return [name, paused ? PAUSED : 0, types];
}

function isPrefixFilter(name: string): boolean {
  return isFilter(name) && isPattern(name);
}

function itemsOf(list: unknown, isName: (name: string) => boolean): Item[] {
  return Array.isArray(list) ? list.filter(isItem).filter(([name]) => isName(name)) : [];
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
