import { expect, it } from 'vitest';
import { JoinOrder } from '../../src/owner/join-order.ts';
import { type Join, SessionKind } from '../../src/records/requests.ts';

const EDGES = 3;

/** A device that joins on the edge. */
function joining(edge: number, ticket: number): Join {
  const actor = { role: 'device', id: `dev-${ticket}`, devices: undefined, vip: false } as const;
  const session = (ticket << 6) | edge;
  const rest = { again: false, hold: false, interest: false, connectedAt: 1, gateway: '' };
  return { session, kind: SessionKind.device, actor, ticket, ...rest };
}

/** Edges that have said what stands in the lists: a number is a device that joins, a text something else. */
function owner(said: (number | string)[][]) {
  const done: (number | string)[] = [];
  const take = (edge: number): Join | undefined => {
    for (let next = said[edge]!.shift(); next !== undefined; next = said[edge]!.shift()) {
      if (typeof next === 'number') return joining(edge, next);
      done.push(next);
    }
    return undefined;
  };
  const order = new JoinOrder({ edges: EDGES, advance: take, join: ({ ticket }) => done.push(ticket) });
  const poll = (edge: number): void => {
    order.resume(edge);
    for (let join = take(edge); join !== undefined; join = take(edge)) order.join(join);
  };
  return { done, order, poll };
}

it('lets devices of all edges join in the order in which they came, whichever ring is read first', () => {
  const { done, order, poll } = owner([
    ['a', 1, 'b', 5],
    ['c', 3, 'd'],
    [2, 'e', 6],
  ]);
  for (const edge of [2, 1, 0]) poll(edge);
  expect(done.filter((one) => typeof one === 'number')).toEqual([1, 2, 3, 5, 6]);
  expect(done.filter((one) => typeof one === 'string').sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(order.hasWaiting).toBe(false);
});

it('keeps the order of what one edge has said', () => {
  const said = [['a', 1, 'b', 5, 'c'], ['d', 3], [2]];
  const { done, poll } = owner(said);
  for (const edge of [2, 1, 0]) poll(edge);
  expect(done.filter((one) => ['a', 1, 'b', 5, 'c'].includes(one))).toEqual(['a', 1, 'b', 5, 'c']);
});

it('does not hold a device back for one that came later', () => {
  const { done, order, poll } = owner([[9, 'later'], [4], []]);
  poll(1);
  expect(done).toEqual([4]);
  expect(order.hasWaiting).toBe(true);
  poll(0);
  expect(done).toEqual([4, 9, 'later']);
});
