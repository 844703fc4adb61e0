import { describe, expect, it } from 'vitest';
import { isPattern, matches } from '../../src/access/pattern.ts';

describe('a pattern', () => {
  it.each(['dev-1', 'A.b_c:d~e-F', '*', 'dev-*', 'x'.repeat(128), `${'x'.repeat(128)}*`])(
    'may be %s',
    (text) => {
      expect(isPattern(text)).toBe(true);
    },
  );

  it.each(['', 'a*b', '**', '*a', 'a b', 'a b*', `${'x'.repeat(129)}`, `${'x'.repeat(129)}*`, 'ä*', 'a\n'])(
    'may not be %j',
    (text) => expect(isPattern(text)).toBe(false),
  );

  it.each([
    ['dev-1', 'dev-1', true],
    ['dev-1', 'dev-10', false],
    ['dev-*', 'dev-10', true],
    ['dev-*', 'dev-', true],
    ['dev-*', 'dev', false],
    ['*', 'anything', true],
  ])('%s on %s: %s', (pattern, id, expected) => expect(matches(pattern, id)).toBe(expected));
});
