import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { begin, end, linkFirst, settle, unlink } from '../../src/memory/row-writes.ts';

const NONE = 0xffffffff;

describe('the version of a row', () => {
  it('is odd while it is written, and even before and after', () => {
    const version = new Uint16Array(new SharedArrayBuffer(8));
    begin(version, 1);
    expect([...version]).toEqual([0, 1, 0, 0]);
    end(version, 1);
    expect([...version]).toEqual([0, 2, 0, 0]);
  });

  it('is even once it is settled, and the same if it was', () => {
    const version = new Uint16Array(new SharedArrayBuffer(8));
    begin(version, 1);
    for (const slot of [0, 1, 1]) settle(version, slot);
    expect([...version]).toEqual([0, 2, 0, 0]);
  });
});

describe('the lists of rows', () => {
  it('have the newest first, and none that was taken out, whatever comes and goes', () => {
    const ROWS = 6;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(ROWS - 1), fc.nat(1)), { maxLength: 40 }), (steps) => {
        const [next, prev] = [new Uint32Array(ROWS), new Uint32Array(ROWS)];
        const first = new Uint32Array(2).fill(NONE);
        const lists: number[][] = [[], []];
        for (const [row, of] of steps) {
          const holder = lists.findIndex((list) => list.includes(row));
          if (holder < 0) {
            linkFirst(row, of, first, next, prev);
            lists[of]!.unshift(row);
          } else {
            unlink(row, holder, first, next, prev);
            lists[holder] = lists[holder]!.filter((other) => other !== row);
          }
          for (const [owner, list] of lists.entries()) {
            const found: number[] = [];
            for (let at = first[owner]!; at !== NONE; at = next[at]!) found.push(at);
            expect(found).toEqual(list);
            expect(list.map((at) => prev[at])).toEqual(list.map((_, n) => (n === 0 ? NONE : list[n - 1])));
          }
        }
      }),
    );
  });
});
