import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createSlab,
  highWater,
  setHighWater,
  setUsedCount,
  u16,
  usedCount,
} from '../../src/memory/layout.ts';
import { Slots } from '../../src/memory/slots.ts';

const CAPACITY = 5;
const slab = () => createSlab({ generation: u16('count', 'owner') }, CAPACITY);

describe('the slots of a slab', () => {
  it('are given out in order, and -1 when there is none', () => {
    const rows = slab();
    const slots = new Slots(rows);
    expect(Array.from({ length: 6 }, () => slots.take())).toEqual([0, 1, 2, 3, 4, -1]);
    expect([usedCount(rows), highWater(rows), slots.freeCount]).toEqual([5, 5, 0]);
  });

  it('are given out again under another generation, the last one first', () => {
    const rows = slab();
    const slots = new Slots(rows);
    for (let n = 0; n < 4; n++) slots.take();
    slots.release(1);
    slots.release(2);
    expect([...rows.rows.generation]).toEqual([0, 1, 1, 0, 0]);
    expect([usedCount(rows), slots.freeCount]).toEqual([2, 3]);
    expect([slots.take(), slots.take(), slots.take(), slots.take()]).toEqual([2, 1, 4, -1]);
  });

  it('that another owner left are taken over: the free ones are new, and the lowest comes first', () => {
    const rows = slab();
    setHighWater(rows, 4);
    setUsedCount(rows, 99); // it died before it wrote it down
    const slots = new Slots(rows);
    slots.adopt((slot) => slot === 1);
    expect([usedCount(rows), slots.freeCount]).toEqual([1, 4]);
    expect([...rows.rows.generation]).toEqual([1, 0, 1, 1, 0]);
    expect(Array.from({ length: 5 }, () => slots.take())).toEqual([0, 2, 3, 4, -1]);
  });

  it('are each given out once at a time, whatever is taken, given back and taken over', () => {
    const step = fc.constantFrom('take', 'take', 'release', 'adopt');
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat()), { maxLength: 60 }), (steps) => {
        const rows = slab();
        let slots = new Slots(rows);
        const held: number[] = [];
        for (const [what, n] of steps) {
          if (what === 'take') {
            const slot = slots.take();
            expect(slot < 0).toBe(held.length === CAPACITY);
            expect(held).not.toContain(slot);
            if (slot >= 0) held.push(slot);
          } else if (what === 'adopt') {
            slots = new Slots(rows);
            slots.adopt((slot) => held.includes(slot));
          } else if (held.length > 0) slots.release(held.splice(n % held.length, 1)[0]!);
          expect([usedCount(rows), slots.freeCount]).toEqual([held.length, CAPACITY - held.length]);
        }
      }),
    );
  });
});
