import { expect, it } from 'vitest';
import { createTickets, isBefore, Tickets } from '../../src/records/tickets.ts';

it('give every thread the next number, and keep their order when they wrap', () => {
  const memory = createTickets();
  const [one, other] = [new Tickets(memory), new Tickets(memory)];
  const tickets = [one.next(), other.next(), one.next()];
  expect(tickets).toEqual([1, 2, 3]);
  new Int32Array(memory)[0] = -2;
  const wrapping = [other.next(), one.next(), other.next()];
  expect(wrapping).toEqual([0xffffffff, 0, 1]);
  for (const [earlier, later] of [
    [1, 2],
    [0xffffffff, 0],
    [0xffffffff, 1],
  ] as const) {
    expect([isBefore(earlier, later), isBefore(later, earlier)]).toEqual([true, false]);
  }
  expect(isBefore(7, 7)).toBe(false);
});
