import { describe, expect, it } from 'vitest';
import { bearerOf } from '../../src/access/bearer.ts';

describe('the token of an Authorization header', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER   a.b-c_d~e+f/g=', 'a.b-c_d~e+f/g='],
    ['Bearer abc  ', 'abc'],
  ])('%j has one', (header, token) => expect(bearerOf(header)).toBe(token));

  it.each(['', 'Bearer', 'Bearer ', 'Bearerabc', 'Basic abc', ' Bearer abc', 'Bearer a b', 'x Bearer abc'])(
    '%j has none',
    (header) => expect(bearerOf(header)).toBeUndefined(),
  );
});
