import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { depthOf, lookAtJson } from '../src/json-text.ts';

const everywhere = { keysDownTo: Number.POSITIVE_INFINITY };

function depthOfValue(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOfValue));
}

describe('the depth of a JSON text', () => {
  it('is that of its value, whatever stands in its strings', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        for (const text of [JSON.stringify(value), JSON.stringify(value, undefined, 2)]) {
          expect(depthOf(text)).toBe(depthOfValue(value));
          expect(lookAtJson(text, everywhere).depth).toBe(depthOfValue(value));
        }
      }),
    );
  });

  it('is found without recursion, also where the text ends too early', () => {
    expect(depthOf('['.repeat(1_000_000))).toBe(1_000_000);
    expect(depthOf('{"a":"[[[[\\"')).toBe(1);
  });
});

describe('a duplicate key', () => {
  const duplicateIn = (text: string, keysDownTo = Number.POSITIVE_INFINITY) =>
    lookAtJson(text, { keysDownTo }).duplicate;

  it('is found at any level, however it is written', () => {
    expect(duplicateIn('{"a":1,"b":{"c":[{"d":1,"e":2,"d":3}]}}')).toBe('d');
    expect(duplicateIn('{"a":1,"\\u0061":2}')).toBe('a');
    expect(duplicateIn('{"__proto__":1,"__proto__":2}')).toBe('__proto__');
  });

  it('is none in another object, in a value or below the level that was asked for', () => {
    expect(duplicateIn('[{"a":1},{"a":"a"},{"b":{"a":1},"a":["a","a"]}]')).toBeUndefined();
    expect(duplicateIn('{"data":{"a":1,"a":2}}', 1)).toBeUndefined();
  });

  it('is never found in what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(duplicateIn(JSON.stringify(value, undefined, 1))).toBeUndefined();
      }),
    );
  });
});

describe('a member', () => {
  const textOf = (text: string) => {
    const { member } = lookAtJson(text, { keysDownTo: 1, member: 'data' });
    return member && text.slice(member.start, member.end);
  };

  it('is given as it was written', () => {
    expect(textOf('{"type":"message", "data" : 1.10 }')).toBe('1.10');
    expect(textOf('{"data":{"data":[1, 2 ],"n":12345678901234567890},"type":"message"}')).toBe(
      '{"data":[1, 2 ],"n":12345678901234567890}',
    );
    expect(textOf('{"d\\u0061ta":"a,}\\"b"}')).toBe('"a,}\\"b"');
  });

  it('is none where the outermost object has none', () => {
    expect(textOf('{"more":{"data":1}}')).toBeUndefined();
    expect(textOf('[{"data":1}]')).toBeUndefined();
    expect(textOf('"data"')).toBeUndefined();
  });
});
