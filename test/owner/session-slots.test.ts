import { expect, it } from 'vitest';
import { SessionSlots } from '../../src/owner/session-slots.ts';
import { EDGES_MAX } from '../../src/records/sessions.ts';

const CAPACITY = 8;

/** The n-th session of an edge. */
const session = (n: number, edge: number): number => n * EDGES_MAX + edge;

it('finds the row of a session until that is over', () => {
  const slots = new SessionSlots(CAPACITY);
  slots.set(session(1, 0), 7, 1);
  expect([slots.get(session(1, 0)), slots.get(session(2, 0))]).toEqual([7, undefined]);
  slots.delete(session(1, 0));
  expect(slots.get(session(1, 0))).toBeUndefined();
});

it('names the sessions of an edge', () => {
  const slots = new SessionSlots(CAPACITY);
  slots.set(session(1, 0), 1, 1);
  slots.adopt(session(1, 1), 2);
  slots.set(session(2, 1), 3, 2);
  expect([slots.ofEdge(0), slots.ofEdge(1), slots.ofEdge(2)]).toEqual([
    [session(1, 0)],
    [session(1, 1), session(2, 1)],
    [],
  ]);
});

it('knows whether a newer session has a row, as long as that has it', () => {
  const slots = new SessionSlots(CAPACITY);
  slots.set(session(2, 0), CAPACITY - 1, 20);
  const hasNewer = (ticket: number): boolean => slots.hasNewer(CAPACITY - 1, ticket);
  expect([hasNewer(19), hasNewer(20), hasNewer(21)]).toEqual([true, false, false]);
  slots.delete(session(9, 0));
  expect(hasNewer(19)).toBe(true);
  slots.delete(session(2, 0));
  expect(hasNewer(19)).toBe(false);
  slots.set(session(2, 0), CAPACITY - 1, 20);
  slots.adopt(session(3, 0), CAPACITY - 1);
  expect(hasNewer(19)).toBe(false);
});

it('waits for the edge to confirm those that were taken over, and for no others', () => {
  const slots = new SessionSlots(CAPACITY);
  slots.set(session(1, 0), 1, 1);
  slots.adopt(session(2, 0), 2);
  slots.adopt(session(3, 0), 3);
  slots.adopt(session(4, 0), 4);
  slots.adopt(session(1, 1), 5);
  expect(slots.confirm(session(1, 0), 1)).toBe(false);
  expect([slots.confirm(session(2, 0), 5), slots.confirm(session(2, 0), 5)]).toEqual([true, false]);
  expect([slots.hasNewer(2, 4), slots.hasNewer(2, 5), slots.hasNewer(4, 4)]).toEqual([true, false, false]);
  slots.delete(session(3, 0));
  expect(slots.unconfirmedOf(0)).toEqual([session(4, 0)]);
  expect(slots.get(session(2, 0))).toBe(2);
});
