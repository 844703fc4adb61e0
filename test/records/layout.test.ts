import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRing, RingProducer, ringBytesFor } from '../../src/memory/ring.ts';
import { recordLayout } from '../../src/records/layout.ts';
import { readBack } from './records-harness.ts';

const every = recordLayout(42, {
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
  const bytes = recordLayout(1, { bytes: 'bytes' });
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

it.each([
  ['the last ASCII character', '\u007f'],
  ['the first that is none', '\u0080'],
  ['two units of UTF-16', 'a😀'],
  ['the longest short text', 'x'.repeat(128)],
  ['a longer one', 'x'.repeat(129)],
  ['a longer one that is not ASCII', 'ü'.repeat(129)],
])('has its texts in UTF-8, and as many bytes as they take: %s', (_, text) => {
  const one = recordLayout(3, { text: 'text' });
  const { bytes, values } = readBack((ring) => one.write(ring, { text }), one.read);
  expect([values.text, bytes]).toEqual([text, 4 + Buffer.byteLength(text)]);
});

it('writes nothing behind its last byte: another record may stand there that was not read yet', () => {
  const one = recordLayout(3, { text: 'text' });
  const memory = createRing(ringBytesFor(4096));
  const bytes = new Uint8Array(memory, 256).fill(0xa5);
  one.write(new RingProducer(memory), { text: 'x'.repeat(12) });
  expect([...bytes.subarray(12, 25)]).toEqual([...Array(12).fill(0x78), 0xa5]);
});

it('reads one ring after the other', () => {
  const one = recordLayout(3, { text: 'text' });
  for (const text of ['in the first', 'in the second'])
    expect(readBack((ring) => one.write(ring, { text }), one.read).values).toEqual({ text });
});

it('may have no fields', () => {
  const nothing = recordLayout(7, {});
  expect(readBack((ring) => nothing.write(ring, {}), nothing.read, 8)).toEqual({
    kind: 7,
    bytes: 0,
    values: {},
  });
});
