/** Cursors: the slot where the next page starts, in a form that promises its reader nothing. */

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
