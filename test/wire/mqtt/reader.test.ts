import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { putVarint, VARINT_MAX, varintBytes } from '../../../src/wire/mqtt/constants.ts';
import { isMqttText, Reader } from '../../../src/wire/mqtt/reader.ts';
import { runs } from '../../support/runs.ts';

function reading(...bytes: number[]): Reader {
  const reader = new Reader();
  // What is behind the packet must not be read.
  reader.open(Uint8Array.from([0xff, ...bytes, 0, 0, 0, 0, 0, 0]), 1, 1 + bytes.length);
  return reader;
}

describe('the reader', () => {
  it('reads numbers, strings and bytes, and knows when it is done', () => {
    const reader = reading(1, 0x12, 0x34, 0xff, 0xff, 0xff, 0xfe, 0, 2, 0xc3, 0xa4, 0, 1, 0x07);
    expect([reader.u8(), reader.u16(), reader.u32(), reader.string()]).toEqual([1, 0x1234, 0xfffffffe, 'ä']);
    expect(reader.isDone).toBe(false);
    expect([...reader.binary()]).toEqual([7]);
    expect(reader.isDone).toBe(true);
  });

  it.each<[string, (reader: Reader) => unknown, number[]]>([
    ['a byte', (reader) => reader.u8(), []],
    ['two bytes', (reader) => reader.u16(), [1]],
    ['four bytes', (reader) => reader.u32(), [1, 2, 3]],
    ['a variable byte integer', (reader) => reader.varint(), [0x80]],
    ['a string', (reader) => reader.string(), [0, 3, 0x61, 0x62]],
    ['binary data', (reader) => reader.binary().length, [0, 1]],
  ])('reads %s that is cut off as nothing, and all that follows', (_, read, bytes) => {
    const reader = reading(...bytes);
    expect([0, '']).toContain(read(reader));
    expect(reader.ok).toBe(false);
    expect([reader.u8(), reader.u16(), reader.u32(), reader.varint(), reader.string()]).toEqual([
      0,
      0,
      0,
      0,
      '',
    ]);
    expect(reader.isDone).toBe(false);
  });

  it('reads back every variable byte integer, in as few bytes as it needs', () => {
    const edges = [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, VARINT_MAX];
    const check = (value: number): void => {
      const bytes = new Uint8Array(4);
      const length = putVarint(bytes, 0, value);
      expect(length).toBe(varintBytes(value));
      const reader = reading(...bytes.subarray(0, length));
      expect([reader.varint(), reader.isDone]).toEqual([value, true]);
    };
    edges.forEach(check);
    fc.assert(fc.property(fc.integer({ min: 0, max: VARINT_MAX }), check));
  });

  it.each([[[0x80, 0]], [[0xff, 0x80, 0]], [[0xff, 0xff, 0xff, 0xff]], [[0x80, 0x80, 0x80, 0x80, 1]]])(
    'refuses the variable byte integer %j',
    (bytes) => {
      const reader = reading(...bytes);
      reader.varint();
      expect(reader.ok).toBe(false);
    },
  );
});

describe('text', () => {
  it('is what UTF-8 allows, without U+0000', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        let isUtf8 = true;
        try {
          new TextDecoder('utf-8', { fatal: true }).decode(bytes);
        } catch {
          isUtf8 = false;
        }
        expect(isMqttText(bytes, 0, bytes.length)).toBe(isUtf8 && !bytes.includes(0));
      }),
      { numRuns: runs(2000) },
    );
  });
});
