import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keeperOf, outranks } from '../../src/cluster/home.ts';

describe('two claims', () => {
  it('are decided by the number, and for equal numbers by the node id', () => {
    expect(outranks(2, 'a', 1, 'b')).toBe(true);
    expect(outranks(1, 'b', 2, 'a')).toBe(false);
    expect(outranks(1, 'b', 1, 'a')).toBe(true);
    expect(outranks(1, 'a', 1, 'b')).toBe(false);
  });

  it('never both win, nor both lose', () => {
    const node = fc.constantFrom('a', 'b', 'c');
    fc.assert(
      fc.property(fc.nat(3), node, fc.nat(3), node, (number, one, otherNumber, other) => {
        fc.pre(one !== other);
        expect(outranks(number, one, otherNumber, other)).toBe(!outranks(otherNumber, other, number, one));
      }),
    );
  });
});

describe('the keeper of an id', () => {
  const nodes = ['hub-1', 'hub-2', 'hub-3', 'hub-4'];
  const ids = Array.from({ length: 4000 }, (_, n) => `sub-${n}`);

  it('is the same whoever asks, in whatever order', () => {
    for (const id of ids) expect(keeperOf(id, [...nodes].reverse())).toBe(keeperOf(id, nodes));
  });

  it('is each node about as often', () => {
    for (const node of nodes) {
      const share = ids.filter((id) => keeperOf(id, nodes) === node).length / ids.length;
      expect(share).toBeGreaterThan(0.2);
      expect(share).toBeLessThan(0.3);
    }
  });

  it('changes only for those of a node that is gone', () => {
    const left = nodes.slice(1);
    for (const id of ids) {
      const before = keeperOf(id, nodes);
      if (before !== nodes[0]) expect(keeperOf(id, left)).toBe(before);
    }
  });

  it('is nobody when there is nobody', () => expect(keeperOf('sub-1', [])).toBeUndefined());
});
