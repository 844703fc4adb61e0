import { describe, expect, it } from 'vitest';
import { Registry } from '../../src/owner/registry.ts';
import { RowWalks } from '../../src/owner/row-walks.ts';
import { NONE } from '../../src/presence/columns.ts';
import { RowState } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/memory.ts';

/** A subscriber with four rows, in the order in which a walk visits them. */
function setUp() {
  const registry = new Registry(createPresence({ devices: 9, subscribers: 2, subscriptions: 9 }), 1);
  const walks = new RowWalks(registry);
  const subscriber = registry.ensureSubscriberOf('s-1');
  const add = (id: string): number =>
    registry.createRow(registry.ensureDeviceOf(id), subscriber, RowState.active);
  const rows = ['d', 'c', 'b', 'a'].map(add).reverse();
  const visited: number[] = [];
  const visit = (row: number): boolean => {
    visited.push(row);
    return true;
  };
  return { registry, walks, subscriber, rows, add, visited, visit };
}

describe('a walk over the rows of a subscriber', () => {
  it('visits each row once, in slices of at most so many', () => {
    const { walks, subscriber, rows, visited, visit } = setUp();
    const walk = walks.start(subscriber);
    expect([3, 3, 3].map((rowsMax) => walks.advance(walk, rowsMax, visit))).toEqual([3, 1, 0]);
    expect(visited).toEqual(rows);
    expect(walk.next).toBe(NONE);
  });

  it('stops before a row that is not to be visited, and goes on with it', () => {
    const { walks, subscriber, rows, visited, visit } = setUp();
    const walk = walks.start(subscriber);
    expect(walks.advance(walk, 9, (row) => row !== rows[2] && visit(row))).toBe(2);
    expect(walks.advance(walk, 9, visit)).toBe(2);
    expect(visited).toEqual(rows);
  });

  it('steps over rows that go between its slices, one after another', () => {
    const { registry, walks, subscriber, rows, visited, visit } = setUp();
    const walk = walks.start(subscriber);
    walks.advance(walk, 1, visit);
    registry.removeRow(rows[0]!);
    registry.removeRow(rows[1]!);
    registry.removeRow(rows[2]!);
    walks.advance(walk, 9, visit);
    expect(visited).toEqual([rows[0], rows[3]]);
  });

  it('ends when the rest of its rows goes', () => {
    const { registry, walks, subscriber, rows, visit } = setUp();
    const walk = walks.start(subscriber);
    walks.advance(walk, 3, visit);
    registry.removeRow(rows[3]!);
    expect(walk.next).toBe(NONE);
    expect(walks.advance(walk, 9, visit)).toBe(0);
  });

  it('does not visit rows that are made meanwhile, nor those that come into the place of one that went', () => {
    const { registry, walks, subscriber, rows, add, visited, visit } = setUp();
    const walk = walks.start(subscriber);
    walks.advance(walk, 1, visit);
    registry.removeRow(rows[1]!);
    const made = add('e');
    walks.advance(walk, 9, visit);
    expect(visited).toEqual([rows[0], rows[2], rows[3]]);
    expect(visited.slice(1)).not.toContain(made);
  });

  it('goes its own way beside others of the same subscriber', () => {
    const { registry, walks, subscriber, rows, visited, visit } = setUp();
    const [one, other] = [walks.start(subscriber), walks.start(subscriber)];
    for (const walk of [one, other]) walks.advance(walk, 1, visit);
    registry.removeRow(rows[1]!);
    expect([one.next, other.next]).toEqual([rows[2], rows[2]]);
    walks.advance(one, 1, visit);
    registry.removeRow(rows[2]!);
    expect([one.next, other.next]).toEqual([rows[3], rows[3]]);
    for (const walk of [one, other]) walks.advance(walk, 9, visit);
    expect(visited).toEqual([rows[0], rows[0], rows[2], rows[3], rows[3]]);
  });

  it('is over when it is cancelled, whatever happens to the row that it stood at', () => {
    const { registry, walks, subscriber, rows, visit } = setUp();
    const [cancelled, other] = [walks.start(subscriber), walks.start(subscriber)];
    for (const walk of [cancelled, other]) walks.advance(walk, 1, visit);
    walks.cancel(cancelled);
    expect(cancelled.next).toBe(NONE);
    registry.removeRow(rows[1]!);
    expect([cancelled.next, other.next]).toEqual([NONE, rows[2]]);
    expect(walks.advance(cancelled, 9, visit)).toBe(0);
  });
});
