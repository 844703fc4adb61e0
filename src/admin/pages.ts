/** Pages of the listings. A cursor is the slot where the next page starts, in an opaque form. */
import type { SlotPage } from '../presence/reader.ts';

/** @param slot undefined after the last page */
export function encodeCursor(slot: number | undefined): string | null {
  return slot === undefined ? null : Buffer.from(String(slot)).toString('base64url');
}

/** @returns the slot, or -1 when no page ended with this cursor */
export function decodeCursor(text: string): number {
  const digits = Buffer.from(text, 'base64url').toString('latin1');
  if (!/^(0|[1-9][0-9]{0,9})$/.test(digits)) return -1;
  return encodeCursor(Number(digits)) === text ? Number(digits) : -1; // one spelling per slot
}

/** One request makes at most this many scans of the table; if more is needed, that takes another page. */
const SCANS_PER_PAGE = 32;

/**
 * Puts a page together in short looks at the table, between which the thread turns to its sockets. A page may be
 * shorter than its limit, even empty, and not be the last.
 */
export async function collectPage(
  from: number,
  limit: number,
  scan: (from: number, limit: number) => SlotPage,
): Promise<SlotPage> {
  const slots: number[] = [];
  let next: number | undefined = from;
  for (let scans = 0; scans < SCANS_PER_PAGE && next !== undefined && slots.length < limit; scans++) {
    if (scans > 0) await turn();
    const found: SlotPage = scan(next, limit - slots.length);
    slots.push(...found.slots);
    next = found.next;
  }
  return { slots, next };
}

/** Lets the thread turn to its connections. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A query of a URL; what is undefined is left out. */
export function parameters(values: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return new URLSearchParams(
    given.map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
}
