import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JSON_DEPTH_MAX, scanKey, scanString, scanValue, skipSpace } from '../../src/wire/json-scan.ts';
import { runs } from '../support/runs.ts';

const isJson = (bytes: Uint8Array): boolean => {
  try {
    JSON.parse(Buffer.from(bytes).toString());
    return true;
  } catch {
    return false;
  }
};

const scans = (bytes: Uint8Array): boolean => {
  const end = scanValue(bytes, skipSpace(bytes, 0));
  return end >= 0 && skipSpace(bytes, end) === bytes.length;
};

/** JSON text as bytes, with a few bytes overwritten. */
const damaged = fc
  .tuple(
    fc.json(),
    fc.array(
      fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[],:-+.eEu0 \n')))),
      {
        maxLength: 3,
      },
    ),
  )
  .map(([text, changes]) => {
    const bytes = Uint8Array.from(Buffer.from(text));
    for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
    return bytes;
  });

describe('the JSON scanner on bytes', () => {
  it('agrees with JSON.parse on damaged JSON, broken UTF-8 included', () => {
    fc.assert(
      fc.property(damaged, (bytes) => {
        expect(scans(bytes)).toBe(isJson(bytes));
      }),
      { numRuns: runs(4000) },
    );
  });

  it('agrees with JSON.parse on every byte in every place of a small value', () => {
    const text = Buffer.from('{"k":[-1.5e+3,"\\u00e9\\n",true,null]}');
    for (let at = 0; at < text.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const bytes = Uint8Array.from(text);
        bytes[at] = byte;
        if (scans(bytes) !== isJson(bytes)) expect.fail(`byte ${byte} at ${at}: ${Buffer.from(bytes)}`);
      }
    }
  });

  it('refuses every beginning of an object that is cut short', () => {
    const text = Buffer.from('{"key":["\\u00e9\\\\",false,-0.5e-7,{"a":{}}],"b":"c"}');
    for (let length = 0; length < text.length; length++) {
      expect(scans(Uint8Array.from(text.subarray(0, length))), `${length} bytes`).toBe(false);
    }
  });

  it('does not look at what stands behind its bytes', () => {
    for (const [given, behind] of [
      ['"abc', '"'],
      ['[1', ']'],
      ['tru', 'e'],
      ['"\\u00e', '9"'],
      ['{"a":', '1}'],
      ['1e', '5'],
    ] as const) {
      const memory = Uint8Array.from(Buffer.from(given + behind));
      expect(scanValue(memory.subarray(0, given.length), 0), given).toBe(-1);
    }
  });

  it('counts empty lists and objects as levels too', () => {
    const nested = (levels: number, inner: string): Uint8Array =>
      Uint8Array.from(Buffer.from('[{"a":'.repeat(levels / 2 - 1) + inner + '}]'.repeat(levels / 2 - 1)));
    for (const inner of ['[{}]', '[[]]', '[{"a":1}]']) {
      expect(scans(nested(JSON_DEPTH_MAX, inner)), inner).toBe(true);
    }
    for (const inner of ['[[{}]]', '[{"a":[]}]', '[[[1]]]']) {
      expect(scans(nested(JSON_DEPTH_MAX, inner)), inner).toBe(false);
    }
  });

  it('says where a string, a key and a value end', () => {
    const bytes = Uint8Array.from(Buffer.from('"a\\"b" : [1, 2] ,'));
    expect([scanString(bytes, 0), scanKey(bytes, 0), scanValue(bytes, 9)]).toEqual([6, 9, 15]);
  });
});
