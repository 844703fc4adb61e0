import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  entryChange,
  entryKey,
  entryValue,
  markerOf,
  withoutEntry,
} from '../../src/cluster/bucket-entries.ts';
import type { OperatorChange } from '../../src/cluster/host.ts';
import { isId } from '../../src/wire/id.ts';

const id = fc.stringMatching(/^[A-Za-z0-9._:~-]{1,128}$/).filter(isId);
const access = fc.constantFrom('allow' as const, 'deny' as const);
const change: fc.Arbitrary<OperatorChange> = fc.oneof(
  fc.record({ kind: fc.constant('pair' as const), device: id, subscriber: id, access }),
  fc.record({ kind: fc.constant('vip' as const), subscriber: id, vip: fc.constant(true) }),
  fc.record({
    kind: fc.constant('rules' as const),
    rules: fc.array(fc.record({ device: id.map((prefix) => `${prefix}*`), subscriber: id, access }), {
      maxLength: 5,
    }),
  }),
);

describe('an entry of the bucket', () => {
  it('is what an operator set, and its absence the opposite', () => {
    fc.assert(
      fc.property(change, (given) => {
        const key = entryKey(given);
        expect(key).toMatch(/^[A-Za-z0-9._-]+$/);
        expect(entryChange(key, entryValue(given))).toEqual(given);
        const gone = withoutEntry(given);
        if (given.kind !== 'rules') expect(entryValue(gone)).toBeUndefined();
        expect(entryChange(key, undefined)).toEqual(gone);
      }),
    );
  });

  it('is none with another key or value', () => {
    for (const [key, value] of [
      ['', '{}'],
      ['pair', '{}'],
      ['pair.ZGV2LTE', '{"access":"deny"}'],
      ['pair.ZGV2LTE.cy0x.cy0x', '{"access":"deny"}'],
      ['pair.ZGV2LTE.cy0x', '{"access":"maybe"}'],
      ['pair.ZGV2LTE.cy0x', '{}'],
      ['pair.ZGV2LTE.cy0x', 'deny'],
      ['pair.ZGV2LTE.cy0x', 'null'],
      ['vip.cy0x.cy0x', '{}'],
      ['vip.a b', '{}'],
      ['rules', '{"rules":"*"}'],
      ['rules', '{"rules":[{"device":"*","subscriber":"*","access":"maybe"}]}'],
      [
        'rules',
        `{"rules":[${Array.from({ length: 257 }, () => '{"device":"*","subscriber":"*","access":"deny"}')}]}`,
      ],
      ['other.cy0x', '{}'],
    ] as const) {
      expect(entryChange(key, value), `${key} ${value.slice(0, 40)}`).toBeUndefined();
    }
  });

  it('that marks a filled bucket has an id', () => {
    expect(markerOf('{"id":"c368e58f-f8c4"}')).toBe('c368e58f-f8c4');
    for (const wrong of ['', '{}', '{"id":7}', '{"id":"a b"}', 'null'])
      expect(markerOf(wrong)).toBeUndefined();
  });
});
