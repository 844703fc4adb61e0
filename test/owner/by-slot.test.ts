import { expect, it } from 'vitest';
import { BySlot } from '../../src/owner/by-slot.ts';

it('a slot has what it was given last, until that is taken away', () => {
  const values = new BySlot<string>();
  expect(values.get(0)).toBeUndefined();
  values.delete(7);
  values.set(3, 'a');
  values.set(0, 'b');
  expect([0, 1, 2, 3, 4].map((slot) => values.get(slot))).toEqual([
    'b',
    undefined,
    undefined,
    'a',
    undefined,
  ]);
  values.set(3, 'c');
  values.set(4, 'd');
  expect([values.get(3), values.get(4)]).toEqual(['c', 'd']);
  values.delete(3);
  values.delete(4);
  values.set(4, 'e');
  expect([0, 3, 4, 5].map((slot) => values.get(slot))).toEqual(['b', undefined, 'e', undefined]);
});
