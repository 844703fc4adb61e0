import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPattern, matches } from '../../src/access/pattern.ts';

const ALPHABET = 'ABCXYZabcxyz0189._:~-';
const text = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...ALPHABET), minLength, maxLength });
const id = text(3, 128);
const pattern = fc.oneof(
  id,
  text(0, 128).map((prefix) => `${prefix}*`),
);

describe('a pattern', () => {
  it.each(['a', 'dev-1', 'x'.repeat(128), '*', 'dev-*', 'A.b_c:d~e-*', '.*', '..*', `${'x'.repeat(128)}*`])(
    'may be %j',
    (given) => expect(isPattern(given)).toBe(true),
  );

  it.each([
    '',
    '**',
    '.',
    '..',
    '*a',
    'a*b',
    'a**',
    'a b',
    'ä*',
    'a,b',
    'a?',
    'a\n',
    'a*\n',
    'x'.repeat(129),
    `${'x'.repeat(129)}*`,
  ])('may not be %j', (given) => expect(isPattern(given)).toBe(false));

  it('is every id and every prefix of one with a star', () => {
    fc.assert(fc.property(pattern, (given) => isPattern(given)));
  });

  it('is nothing that holds another character', () => {
    const other = fc.string({ unit: 'binary' }).filter((given) => !/^[A-Za-z0-9._:~-]*\*?$/.test(given));
    fc.assert(fc.property(other, (given) => !isPattern(given)));
  });
});

describe('matching', () => {
  it('of an id is equality', () => {
    expect(matches('dev-1', 'dev-1')).toBe(true);
    for (const other of ['dev-10', 'dev-', 'Dev-1', 'xdev-1']) expect(matches('dev-1', other)).toBe(false);
  });

  it('of a prefix takes every id that starts with it, itself too', () => {
    for (const one of ['dev-', 'dev-1', 'dev-x.y']) expect(matches('dev-*', one)).toBe(true);
    for (const other of ['dev', 'Dev-1', 'a-dev-1']) expect(matches('dev-*', other)).toBe(false);
  });

  it('takes no character but the star for more than itself', () => {
    expect(matches('a.c', 'abc')).toBe(false);
    expect(matches('a.*', 'abc')).toBe(false);
    expect(matches('a.*', 'a.c')).toBe(true);
  });

  it('of the star takes all', () => {
    fc.assert(fc.property(id, (one) => matches('*', one)));
  });

  it('is what a walk over the characters says', () => {
    fc.assert(
      fc.property(pattern, id, (given, one) => {
        const literal = given.replace('*', '');
        const expected = given.endsWith('*')
          ? [...literal].every((character, index) => one[index] === character)
          : literal === one;
        expect(matches(given, one)).toBe(expected);
      }),
    );
  });

  it('finds an id by each of its prefixes', () => {
    fc.assert(fc.property(id, fc.nat(128), (one, length) => matches(`${one.slice(0, length)}*`, one)));
  });
});
