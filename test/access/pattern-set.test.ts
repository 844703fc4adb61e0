import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches } from '../../src/access/pattern.ts';
import { PatternSet } from '../../src/access/pattern-set.ts';

const name = fc.string({ unit: fc.constantFrom('a', 'b', '-', '~'), minLength: 1, maxLength: 5 });
const pattern = fc.oneof(
  name,
  name.map((prefix) => `${prefix}*`),
  fc.constant('*'),
);
const patterns = fc.array(pattern, { maxLength: 12 });

describe('a set of patterns', () => {
  it('covers nothing when it is empty', () => {
    const none = new PatternSet([]);
    expect(none.covers('dev-1')).toBe(false);
    expect(none.coversSomeOf('')).toBe(false);
  });

  it('covers an id when one of its patterns names it', () => {
    fc.assert(
      fc.property(patterns, name, (list, id) => {
        expect(new PatternSet(list).covers(id)).toBe(list.some((one) => matches(one, id)));
      }),
    );
  });

  it('covers some ids of a prefix when a pattern names one', () => {
    fc.assert(
      fc.property(patterns, fc.oneof(name, fc.constant('')), (list, prefix) => {
        const names = (one: string): boolean => {
          const own = one.replace('*', '');
          return own.startsWith(prefix) || (one.endsWith('*') && prefix.startsWith(own));
        };
        expect(new PatternSet(list).coversSomeOf(prefix)).toBe(list.some(names));
      }),
    );
  });

  it('keeps of its patterns those that no other covers, ids first, in order', () => {
    expect(new PatternSet(['b', 'a*', 'ab', 'bc', 'b', 'abc*', 'aa', 'za*', 'az*', 'Z']).patterns).toEqual([
      'Z',
      'b',
      'bc',
      'a*',
      'za*',
    ]);
    expect(new PatternSet(['a*', '*', 'b']).patterns).toEqual(['*']);
  });

  it('covers by a prefix what equals it, what starts with it, and nothing before all prefixes', () => {
    const set = new PatternSet(['dev-*', 'z*']);
    expect(['dev-', 'dev-1', 'dev', 'dew', 'y', 'z', 'zz'].map((id) => set.covers(id))).toEqual([
      true,
      true,
      false,
      false,
      false,
      true,
      true,
    ]);
    expect(new PatternSet(['z*']).covers('undefined-1')).toBe(false);
  });

  it('is the same again when it is made of its own patterns', () => {
    fc.assert(
      fc.property(patterns, (list) => {
        const set = new PatternSet(list);
        expect(new PatternSet(set.patterns).patterns).toEqual(set.patterns);
        expect(set.patterns.length).toBeLessThanOrEqual(list.length);
      }),
    );
  });

  it('has a short text that tells it from sets that cover something else', () => {
    const textOf = (...list: string[]): string => new PatternSet(list).fingerprint;
    expect(textOf('b-*', 'a', 'b-1')).toBe(textOf('a', 'b-*'));
    const others = [[], ['a'], ['a*'], ['a', 'b'], ['ab'], ['a', 'b*'], ['*']].map((list) => textOf(...list));
    expect(new Set(others).size).toBe(others.length);
    expect(new Set(others.map(({ length }) => length))).toEqual(new Set([22]));
  });

  it('is the same as one that covers the same', () => {
    const isSame = (one: readonly string[], other: readonly string[]): boolean =>
      new PatternSet(one).isSameAs(new PatternSet(other));
    expect(isSame(['b-*', 'a', 'b-1'], ['a', 'b-*'])).toBe(true);
    for (const other of [[], ['a'], ['a', 'b-*', 'c'], ['a', 'c-*']])
      expect([other, isSame(['a', 'b-*'], other)]).toEqual([other, false]);
  });
});
