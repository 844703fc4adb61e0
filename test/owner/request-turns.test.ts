import { describe, expect, it } from 'vitest';
import { REQUEST_WORK_PER_POLL } from '../../src/limits.ts';
import { RequestTurns } from '../../src/owner/request-turns.ts';
import { ToOwnerRecord } from '../../src/records/requests.ts';

/** Rings of edges, each with the costs of its requests; 0 is an event. */
function bench(...rings: number[][]) {
  const turns = new RequestTurns();
  /** What a poll takes, as `edge:cost`. */
  const poll = (): string[] => {
    const taken: string[] = [];
    turns.begin();
    for (let edge = rings.length - 1; edge >= 0; edge--) {
      const ring = rings[edge]!;
      turns.enter(edge);
      const peek = (): number =>
        ring.length === 0 ? -1 : ring[0] === 0 ? ToOwnerRecord.Event : ToOwnerRecord.Request;
      while (ring.length > 0 && !turns.isOver(edge, { peek })) {
        const cost = ring.shift()!;
        if (cost > 0) turns.spendOnRequest(cost);
        taken.push(`${edge}:${cost}`);
      }
    }
    return taken;
  };
  return { poll };
}

describe('the requests of all edges in one poll', () => {
  it('are taken as they come while they are small', () => {
    const { poll } = bench([10, 20], [30]);
    expect(poll()).toEqual(['1:30', '0:10', '0:20']);
  });

  it('are one when it is large; events before the next are taken', () => {
    const { poll } = bench([0, 0, 1000, 0], [0, 1000, 1000]);
    expect(poll()).toEqual(['1:0', '1:1000', '0:0', '0:0']);
    expect(poll()).toEqual(['0:1000', '0:0']);
    expect(poll()).toEqual(['1:1000']);
  });

  it('come from every edge in turn, though one always has more', () => {
    const busy = Array.from({ length: 20 }, () => 1000);
    const { poll } = bench([1000, 1000], [1000], busy);
    const polls = Array.from({ length: 8 }, () => poll().join(' '));
    expect(polls.filter((taken) => taken === '0:1000')).toHaveLength(2);
    expect(polls.filter((taken) => taken === '1:1000')).toHaveLength(1);
  });
});

describe('a request that uses up the poll', () => {
  const { Event, Join, Leave, More, Request } = ToOwnerRecord;

  it('lets no other request or page come before the next poll, but all else', () => {
    const turns = new RequestTurns();
    turns.begin();
    turns.enter(0);
    turns.spendOnRequest(REQUEST_WORK_PER_POLL - 1);
    const isOver = (kind: number): boolean => turns.isOver(0, { peek: () => kind });
    expect([Request, More].map(isOver)).toEqual([false, false]);
    turns.spendOnRequest(1);
    expect([Request, More].map(isOver)).toEqual([true, true]);
    expect([Event, Join, Leave, -1].map(isOver)).toEqual([false, false, false, false]);
    turns.begin();
    expect(isOver(Request)).toBe(false);
  });

  it('uses up the turn of its ring, too', () => {
    const turns = new RequestTurns();
    turns.begin();
    turns.enter(0);
    turns.spendOnRequest(REQUEST_WORK_PER_POLL - 1);
    expect(turns.hasWork).toBe(true);
    turns.spendOnRequest(1);
    expect([turns.hasWork, turns.isCutShort]).toEqual([false, false]);
  });
});

describe('the joins and leaves of a ring', () => {
  it('have a bound of their own in each turn of the ring', () => {
    const turns = new RequestTurns();
    turns.begin();
    turns.enter(0);
    turns.spend(500);
    expect(turns.hasWork).toBe(false);
    turns.enter(1);
    expect(turns.hasWork).toBe(true);
    expect(turns.isOver(1, { peek: () => ToOwnerRecord.Request })).toBe(false);
  });

  it('are gone on with at once when they have used it up, but not when a request has', () => {
    const turns = new RequestTurns();
    expect(turns.isCutShort).toBe(false);
    turns.begin();
    turns.enter(0);
    turns.spend(499);
    expect(turns.isCutShort).toBe(false);
    turns.spend(1);
    expect(turns.isCutShort).toBe(true);
    turns.begin();
    turns.enter(0);
    turns.spendOnRequest(1000);
    turns.spend(4);
    expect(turns.isCutShort).toBe(false);
  });
});
