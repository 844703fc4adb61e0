import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../src/access/token-bucket.ts';

describe('a token bucket', () => {
  const taken = (bucket: TokenBucket, nowMs: number, tries: number): number =>
    Array.from({ length: tries }, () => bucket.take(nowMs)).filter((isTaken) => isTaken).length;

  it('gives as many at once as its burst', () => {
    expect(taken(new TokenBucket(1, 5, 1000), 1000, 20)).toBe(5);
  });

  it('fills by its rate, whole or in parts', () => {
    const bucket = new TokenBucket(2, 5, 1000);
    taken(bucket, 1000, 5);
    expect(taken(bucket, 1499, 3)).toBe(0);
    expect(taken(bucket, 1500, 3)).toBe(1);
    expect(taken(bucket, 3000, 9)).toBe(3);
  });

  it('never holds more than its burst', () => {
    const bucket = new TokenBucket(1000, 3, 0);
    expect(taken(bucket, 3_600_000, 10)).toBe(3);
    expect(taken(bucket, 7_200_000, 10)).toBe(3);
  });

  it('takes nothing from one that asks in vain', () => {
    const bucket = new TokenBucket(1000, 1, 0);
    bucket.take(0);
    for (const ms of [0.25, 0.5, 0.75]) expect(bucket.take(ms)).toBe(false);
    expect(bucket.take(1)).toBe(true);
  });
});
