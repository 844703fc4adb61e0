import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { put, putRange, putString } from '../../src/wire/put.ts';

const bytes = fc.uint8Array({ maxLength: 200 });
const AT = 3;

describe('what is put into a frame', () => {
  it('is the bytes, whole or a range of them, of any length', () => {
    fc.assert(
      fc.property(bytes, fc.nat(200), (source, from) => {
        const out = new Uint8Array(AT + source.length);
        expect(put(out, AT, source)).toBe(AT + source.length);
        expect(out.subarray(AT)).toEqual(source);
        const start = Math.min(from, source.length);
        const end = putRange(out, AT, source, start, source.length);
        expect(out.subarray(AT, end)).toEqual(source.subarray(start));
      }),
    );
  });

  it('is a JSON string that reads as the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const source = Buffer.from(text);
        const out = new Uint8Array(AT + 2 + 6 * source.length);
        const end = putString(out, AT, source, 0, source.length);
        expect(JSON.parse(Buffer.from(out.subarray(AT, end)).toString())).toBe(source.toString());
      }),
    );
  });
});
