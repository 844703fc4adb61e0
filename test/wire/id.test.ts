import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ID_BYTES_MAX } from '../../src/limits.ts';
import { isClusterName, isId, isIdPrefix } from '../../src/wire/id.ts';

const accepted = new Set('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:~-');

describe('an id', () => {
  it('is 1 to 128 characters long', () => {
    expect([0, 1, ID_BYTES_MAX, ID_BYTES_MAX + 1].map((length) => isId('a'.repeat(length)))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('holds only the characters of the grammar', () => {
    for (let code = 0; code < 0x300; code++) {
      const char = String.fromCharCode(code);
      for (const text of [`a${char}`, `${char}a`]) {
        expect(isId(text), JSON.stringify(text)).toBe(accepted.has(char));
      }
    }
  });

  it('is neither of the two that URLs resolve, though ids may begin with them', () => {
    for (const text of ['.', '..']) {
      expect(isId(text), text).toBe(false);
      expect(isIdPrefix(text), text).toBe(true);
    }
    for (const text of ['...', '.a', '..a', 'a.', 'a..', '.:']) expect(isId(text), text).toBe(true);
  });

  it('needs no escaping in JSON, and is as many bytes as characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...accepted), minLength: 3, maxLength: 128 }), (id) => {
        expect(isId(id)).toBe(true);
        expect(JSON.stringify(id)).toBe(`"${id}"`);
        expect(Buffer.byteLength(id)).toBe(id.length);
      }),
    );
  });
});

describe('the name of a cluster', () => {
  it('is 1 to 64 characters that separate nothing in a subject of NATS', () => {
    for (const name of ['dat', 'factory-1', 'a_B', 'x'.repeat(64)])
      expect(isClusterName(name), name).toBe(true);
    for (const name of ['', 'a.b', 'a:b', 'a~b', 'a b', '*', '>', 'x'.repeat(65)])
      expect(isClusterName(name), name).toBe(false);
  });
});
