import { expect, it } from 'vitest';
import { createTickets, Tickets } from '../../src/records/tickets.ts';

it('give every thread the next number, beyond 32 bits too', () => {
  const memory = createTickets();
  const [one, other] = [new Tickets(memory), new Tickets(memory)];
  expect([one.next(), other.next(), one.next()]).toEqual([1, 2, 3]);
  new BigInt64Array(memory)[0] = 2n ** 32n - 1n;
  expect([other.next(), one.next()]).toEqual([2 ** 32, 2 ** 32 + 1]);
});
