import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlotList } from '../../src/owner/slot-list.ts';

const SLOT_MAX = 2 ** 32 - 1;

describe('slots in a list', () => {
  it('are read in the order in which they were added, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: SLOT_MAX })), (slots) => {
        expect([...SlotList.of(slots)]).toEqual(slots);
      }),
    );
  });

  it('may be as far from each other as slots can be', () => {
    const slots = [SLOT_MAX, 0, SLOT_MAX, SLOT_MAX, 63, 0, 64, 0, 8191, 0, 8192];
    expect([...SlotList.of(slots)]).toEqual(slots);
  });

  it('may be added while others are read', () => {
    const list = SlotList.of([5, 3]);
    const read = list[Symbol.iterator]();
    expect([read.next().value, read.next().value]).toEqual([5, 3]);
    list.push(9);
    expect([read.next().value, list.length, read.next().done]).toEqual([9, 3, true]);
  });

  it('take a byte or two each where they come in the order of a table', () => {
    const dense = SlotList.of(Array.from({ length: 100_000 }, (_, n) => n));
    expect(dense.byteLength).toBeLessThanOrEqual(2 * 100_000);
    const sparse = SlotList.of(Array.from({ length: 100_000 }, (_, n) => n * 1000));
    expect(sparse.byteLength).toBeLessThanOrEqual(4 * 100_000);
    expect(new SlotList().byteLength).toBe(0);
  });
});
