import { describe, expect, it } from 'vitest';
import { hashBytes, hashPair, randomHashKey } from '../../src/memory/hash.ts';

/** HalfSipHash-1-3 of 0, 1, 2 … by length, under the key 0, 1, 2 … 7: those that Linux checks its own by. */
const vectors = [
  0x5814c896, 0xe7e864ca, 0xbc4b0e30, 0x01539939, 0x7e059ea6, 0x88e3d89b, 0xa0080b65, 0x9d38d9d6, 0x577999b1,
  0xc839caed, 0xe4fa32cf, 0x959246ee, 0x6b28096c, 0x66dd9cd6, 0x16658a7c, 0xd0257b04, 0x8b31d501, 0x2b1cd04b,
  0x06712339, 0x522aca67,
];
const key = { low: 0x03020100, high: 0x07060504 };

describe('the hash of ids', () => {
  it('is HalfSipHash-1-3', () => {
    const bytes = Uint8Array.from({ length: vectors.length }, (_, index) => index);
    expect(vectors.map((_, length) => hashBytes(key, bytes, 0, length))).toEqual(vectors);
  });

  it('looks at the bytes named, wherever they stand', () => {
    const bytes = Uint8Array.from([9, 9, 9, 0, 1, 2, 3, 4, 9]);
    expect(hashBytes(key, bytes, 3, 5)).toBe(vectors[5]);
  });

  it('differs by key', () => {
    const id = Buffer.from('device-000017');
    const hashes = Array.from({ length: 100 }, () => hashBytes(randomHashKey(), id, 0, id.length));
    expect(new Set(hashes).size).toBeGreaterThan(98);
  });
});

describe('the hash of pairs', () => {
  it('spreads pairs of small numbers evenly, under any key', () => {
    for (let keys = 0; keys < 20; keys++) {
      const any = randomHashKey();
      const counts = new Uint32Array(64);
      for (let one = 0; one < 200; one++)
        for (let other = 0; other < 200; other++) counts[hashPair(any, one, other) >>> 26]! += 1;
      expect(Math.max(...counts)).toBeLessThan(1.3 * (40_000 / 64));
      expect(Math.min(...counts)).toBeGreaterThan(0.7 * (40_000 / 64));
    }
  });

  it('differs by key and by order', () => {
    expect(hashPair(key, 1, 2)).not.toBe(hashPair(key, 2, 1));
    expect(hashPair(key, 1, 2)).not.toBe(hashPair({ ...key, high: 1 }, 1, 2));
  });
});
