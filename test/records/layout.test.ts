import fc from 'fast-check';
import { expect, it } from 'vitest';
import { record } from '../../src/records/layout.ts';
import { readBack } from './records-harness.ts';

const every = record(42, {
  small: 'u8',
  isSet: 'flag',
  text: 'text',
  float: 'f64',
  bytes: 'bytes',
  word: 'u32',
  note: 'text',
});

it('reads every field as it was written, whatever stood there before', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 });
  const values = fc.record({
    small: fc.nat(255),
    isSet: fc.boolean(),
    text,
    float: fc.double({ noNaN: true }),
    bytes: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    word: fc.nat(0xffffffff),
    note: text,
  });
  fc.assert(
    fc.property(values, fc.nat(40), (given, before) => {
      const { kind, values: read } = readBack((ring) => every.write(ring, given), every.read, before);
      expect(kind).toBe(42);
      expect(read).toEqual(given);
    }),
  );
});

it('takes eight bytes for a number, four for a word or a length, one for a byte or a flag, and what texts have', () => {
  const given = { small: 1, isSet: true, text: 'ü', float: 1, bytes: Buffer.from('abc'), word: 1, note: '' };
  expect(readBack((ring) => every.write(ring, given), every.read).bytes).toBe(8 + 4 * 4 + 2 + 2 + 3);
});

it('gives copies: they outlive the ring’s bytes', () => {
  const given = Buffer.from('abc');
  const bytes = record(1, { bytes: 'bytes' });
  let views: { u8: Uint8Array } | undefined;
  const { values } = readBack(
    (ring) => bytes.write(ring, { bytes: given }),
    (at, offset) => {
      views = at;
      return bytes.read(at, offset);
    },
  );
  views!.u8.fill(0);
  expect(values.bytes).toEqual(given);
});

it('may have no fields', () => {
  const nothing = record(7, {});
  expect(readBack((ring) => nothing.write(ring, {}), nothing.read, 8)).toEqual({
    kind: 7,
    bytes: 0,
    values: {},
  });
});
