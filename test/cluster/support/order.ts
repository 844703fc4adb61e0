/** What must hold of everything that a follower got, whatever happened. */
import { expect } from 'vitest';
import type { Got } from './fake-host.ts';

/** An event's payload carries its connection's number, and its own within that. */
export const PER_CONNECTION = 100_000;

export interface Position {
  readonly epoch: string;
  seq: number;
}

/** Of a connection in order, never twice, no hole that was not told. @param what for the message */
export function checkOrder(got: readonly Got[], what: string): void {
  const payloads = new Set<number>();
  const last = new Map<number, number>();
  let position: Position | undefined;
  for (const [index, one] of got.entries()) {
    const where = `${what}: ${JSON.stringify(got.slice(Math.max(0, index - 8), index + 1))}`;
    if (one.is === 'entry') {
      // Within an epoch an entry only jumps ahead, past what nobody here listened to.
      if (position?.epoch === one.epoch) expect(one.seq, where).toBeGreaterThanOrEqual(position.seq);
      position = { epoch: one.epoch, seq: one.seq };
    } else if (one.is === 'inactive') {
      position = undefined;
    } else if (one.is === 'event') {
      position ??= { epoch: '', seq: one.seq - 1 };
      expect(one.seq, where).toBe(position.seq + 1);
      const connection = Math.floor(one.payload / PER_CONNECTION);
      expect(one.payload, where).toBeGreaterThan(last.get(connection) ?? 0);
      last.set(connection, one.payload);
      expect(payloads.has(one.payload), where).toBe(false);
      payloads.add(one.payload);
      position.seq = one.seq;
    } else if (one.is === 'gap') {
      position ??= { epoch: '', seq: one.from - 1 };
      expect(one.from, where).toBe(position.seq + 1);
      expect(one.to, where).toBeGreaterThanOrEqual(one.from);
      position.seq = one.to;
    }
  }
}

/** Where a follower is after all that it got. */
export function positionOf(got: readonly Got[]): Position | undefined {
  let position: Position | undefined;
  for (const one of got) {
    if (one.is === 'entry') position = { epoch: one.epoch, seq: one.seq };
    else if (one.is === 'event' && position !== undefined) position.seq = one.seq;
    else if (one.is === 'gap' && position !== undefined) position.seq = one.to;
  }
  return position;
}
