/** A node's state for a claim that waits for the answers of other nodes. Rules: `homes.ts`. */
import { WAIT_MS } from './limits.ts';
import type { Peer } from './peer.ts';

/** A claim that waits for answers. */
export interface Seek {
  readonly deadlineMs: number;
  /** Nodes that have not answered. */
  waiting: number;
  /** Nodes that promised a hand-over. */
  readonly promised: Set<Peer>;
  parts: readonly Uint8Array[] | undefined;
  partsNumber: number;
}

/** The state of a claim that waits for the answers of other nodes. @param nowMs hub clock */
export function createSeek(nowMs: number): Seek {
  return {
    deadlineMs: nowMs + WAIT_MS,
    waiting: 0,
    promised: new Set(),
    parts: undefined,
    partsNumber: 0,
  };
}

/**
 * Adds handed-over parts. For a subscriber, several nodes may keep something, and all of it counts. For a device, only
 * the newest numbering counts, so it comes first, and all events that no node has numbered.
 */
export function addParts(seek: Seek, number: number, parts: readonly Uint8Array[]): void {
  if (parts.length === 0) return;
  const others = seek.parts ?? [];
  const isNewest = number >= seek.partsNumber;
  seek.parts = isNewest ? [...parts, ...others] : [...others, ...parts];
  if (isNewest) seek.partsNumber = number;
}
