import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochName } from '../../src/wire/events.ts';

describe('the name of an epoch', () => {
  it('is the number to the base 36: names that clients kept from earlier versions are still good', () => {
    for (const epoch of [0, 1, 35, 36, 36 ** 2 - 1, 36 ** 2, 36 ** 3, 2 ** 52])
      expect(epochName(epoch)).toBe(epoch.toString(36));
    fc.assert(
      fc.property(fc.maxSafeNat(), (epoch) => {
        expect(epochName(epoch)).toBe(epoch.toString(36));
      }),
    );
  });
});
