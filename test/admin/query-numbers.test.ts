import { describe, expect, it } from 'vitest';
import { inDigits, wholeNumber } from '../../src/admin/query-numbers.ts';

describe('a number of a query', () => {
  const number = inDigits(wholeNumber('1 to 9', 1, 9).default(5));

  it.each([
    ['1', 1],
    ['09', 9],
    [undefined, 5],
  ])('is written in digits, or is its default: %j', (given, value) => {
    expect(number.parse(given)).toBe(value);
  });

  it.each(['', '0', '10', '0x1', '1e0', ' 1', '1.0', '+1', '-1', 'one', ['1', '2']])('is not %j', (given) => {
    const { error } = number.safeParse(given);
    expect(error?.issues[0]?.message).toBe('1 to 9');
  });
});
