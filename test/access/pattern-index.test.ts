import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches } from '../../src/access/pattern.ts';
import { PatternIndex } from '../../src/access/pattern-index.ts';

const name = fc.string({ unit: fc.constantFrom('a', 'b', '-', '~'), minLength: 1, maxLength: 4 });
const pattern = fc.oneof(
  name,
  name.map((prefix) => `${prefix}*`),
  fc.constant('*'),
);

function namedBy(index: PatternIndex, id: string, count: number): number[] {
  const at = index.find(id);
  return Array.from({ length: count }, (_, bit) => bit).filter(
    (bit) => (index.sets[at + (bit >> 5)]! & (1 << (bit & 31))) !== 0,
  );
}

describe('an index of patterns', () => {
  it('finds for each id the patterns that name it, and no others', () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 80 }), name, (list, id) => {
        const expected = list.flatMap((one, bit) => (matches(one, id) ? [bit] : []));
        expect(namedBy(new PatternIndex(list), id, list.length)).toEqual(expected);
      }),
    );
  });

  it('finds each of more patterns than a word has bits', () => {
    const list = [...Array.from({ length: 70 }, (_, n) => `dev-${n}`), '*', 'dev-6*'];
    const index = new PatternIndex(list);
    for (let n = 0; n < 70; n++) {
      const also = String(n).startsWith('6') ? [70, 71] : [70];
      expect(namedBy(index, `dev-${n}`, 72)).toEqual([n, ...also]);
    }
    expect(namedBy(index, 'cam', 72)).toEqual([70]);
  });

  it('takes a bit per pattern for each piece of the order of ids', () => {
    const sizes = [1, 32, 33].map((length) => {
      const { words, sets } = new PatternIndex(Array.from({ length }, (_, n) => `${n}`));
      return [words, sets.length];
    });
    expect(sizes).toEqual([
      [1, 3],
      [1, 65],
      [2, 134],
    ]);
  });

  it('finds nothing for an id before all patterns', () => {
    expect(namedBy(new PatternIndex(['A-1']), 'A-0', 1)).toEqual([]);
  });

  it('finds the longest prefix of the last character of ids', () => {
    const index = new PatternIndex(['~*', '~~*', '~~']);
    expect(namedBy(index, '~', 3)).toEqual([0]);
    expect(namedBy(index, '~~', 3)).toEqual([0, 1, 2]);
    expect(namedBy(index, '~~~', 3)).toEqual([0, 1]);
    expect(namedBy(index, 'z', 3)).toEqual([]);
  });
});
