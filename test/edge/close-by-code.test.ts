import { describe, expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import { closeByCode, isGoodbye } from '../../src/edge/close-by-code.ts';

describe('a close code that crossed threads', () => {
  it.each(Object.values(closes))('$code is that entry of the registry', (close) => {
    expect(closeByCode(close.code)).toBe(close);
  });

  it('is one of the registry, or there is a bug', () => {
    expect(() => closeByCode(4999)).toThrow('4999 is not a close code of the hub');
  });
});

describe('a goodbye', () => {
  it('is 1000, 1001 and an empty close frame', () => {
    const codes = [999, 1000, 1001, 1002, 1004, 1005, 1006, 4000];
    expect(codes.filter(isGoodbye)).toEqual([1000, 1001, 1005]);
  });
});
