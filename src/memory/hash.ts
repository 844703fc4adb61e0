/**
 * Keyed hashes for tables whose keys peers choose. The hash key is random and never leaves the process, so nobody can
 * choose keys that collide.
 */
import { randomFillSync } from 'node:crypto';

/** 64 random bits, as two unsigned words. */
export interface HashKey {
  readonly low: number;
  readonly high: number;
}

/** A key that nobody outside can guess, so that no ids can be chosen that collide. */
export function randomHashKey(): HashKey {
  const [low, high] = randomFillSync(new Uint32Array(2)) as unknown as [number, number];
  return { low, high };
}

/**
 * HalfSipHash-1-3 of a byte string, 32 bits unsigned; Linux uses it for such tables on 32-bit machines. One round per
 * four bytes, one for the rest with the length, and three at the end.
 */
export function hashBytes(key: HashKey, source: Uint8Array, start: number, length: number): number {
  let v0 = key.low;
  let v1 = key.high;
  let v2 = 0x6c796765 ^ key.low;
  let v3 = 0x74656462 ^ key.high;
  const words = length >> 2;
  let at = start;
  for (let round = 0; round < words + 4; round++) {
    let word = 0;
    if (round < words) {
      word = source[at]! | (source[at + 1]! << 8) | (source[at + 2]! << 16) | (source[at + 3]! << 24);
      at += 4;
    } else if (round === words) {
      word = length << 24;
      for (let shift = 0; at < start + length; shift += 8) word |= source[at++]! << shift;
    } else if (round === words + 1) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return (v1 ^ v3) >>> 0;
}

/**
 * Hash of two words, 32 bits unsigned. Each is mixed with the key first, so a change of one cannot cancel one of the
 * other.
 */
export function hashPair(key: HashKey, one: number, other: number): number {
  return mix(mix(one ^ key.low) ^ mix(other ^ key.high));
}

/** murmur3's 32-bit finalizer. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
