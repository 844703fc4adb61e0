import { expect, it } from 'vitest';
import { epochOf } from '../../../src/owner/cluster/numbering.ts';
import { epochName } from '../../../src/wire/events.ts';

it.each([1, 35, 36, 13_368, 2 ** 52, Number.MAX_SAFE_INTEGER])('reads %d as its node wrote it', (epoch) => {
  expect(epochOf(epochName(epoch))).toBe(epoch);
});

it.each([
  ['nothing', ''],
  ['zero, which names no numbering', '0'],
  ['a negative number', '-a'],
  ['capitals', 'ABC'],
  ['a leading zero', '0abc'],
  ['more behind the number', 'abc!'],
  ['no number at all', '!'],
  ['more than a number holds exactly', epochName(2 ** 53)],
])('takes %s for a numbering of its own', (_, name) => {
  expect(epochOf(name)).toBe(0);
});
