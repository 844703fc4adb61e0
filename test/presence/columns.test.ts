import { describe, expect, it } from 'vitest';
import { bytesPerRow } from '../../src/memory/layout.ts';
import {
  deviceColumns,
  filterColumns,
  NONE,
  Numbering,
  subscriberColumns,
  subscriptionColumns,
  Vip,
} from '../../src/presence/columns.ts';

describe('the rows of the table', () => {
  it('take no more than docs and sizing reckon with', () => {
    expect(bytesPerRow(deviceColumns)).toBeLessThanOrEqual(124);
    expect(bytesPerRow(subscriberColumns)).toBeLessThanOrEqual(64);
    expect(bytesPerRow(subscriptionColumns)).toBeLessThanOrEqual(32);
    expect(bytesPerRow(filterColumns)).toBeLessThanOrEqual(24);
  });

  it('say what they do not have by values of their own', () => {
    expect(NONE).toBe(2 ** 32 - 1);
    expect(new Set(Object.values(Numbering)).size).toBe(3);
    expect(Vip.operator & Vip.token).toBe(0);
  });
});
