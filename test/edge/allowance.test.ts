import { describe, expect, it } from 'vitest';
import { Allowance } from '../../src/edge/allowance.ts';

/** How many frames of cost 1 are taken at this time. */
function takenAt(allowance: Allowance, nowMs: number): number {
  let taken = 0;
  while (taken < 10_000 && allowance.take(1, nowMs)) taken += 1;
  return taken;
}

describe('an allowance', () => {
  it('is the burst at once and the rate after it', () => {
    const allowance = new Allowance({ perSecond: 10, burst: 20 }, 0);
    expect(takenAt(allowance, 0)).toBe(20);
    expect(takenAt(allowance, 1000)).toBe(10);
    expect(takenAt(allowance, 100_000)).toBe(20);
  });

  it('lets in a frame that costs more than the burst once all of the burst is there, and what it costs is owed', () => {
    const allowance = new Allowance({ perSecond: 10, burst: 20 }, 0);
    expect(allowance.take(1, 0)).toBe(true);
    expect(allowance.take(30, 0)).toBe(false);
    expect(allowance.waitMs(30, 0)).toBe(100);
    expect(allowance.take(30, 100)).toBe(true);
    expect(allowance.waitMs(1, 100)).toBe(1100);
    expect(allowance.take(1, 1199)).toBe(false);
    expect(allowance.take(1, 1200)).toBe(true);
  });

  it('takes in what an earlier connection turns out to have used, and what it knew of that once', () => {
    const rate = { perSecond: 1, burst: 10 };
    const unknowing = new Allowance(rate, 0);
    expect(unknowing.take(3, 0)).toBe(true);
    unknowing.include(5000); // five units
    expect(takenAt(unknowing, 0)).toBe(2);
    const knowing = new Allowance(rate, 0, 5000);
    expect(knowing.take(3, 0)).toBe(true);
    knowing.include(5000);
    expect(takenAt(knowing, 0)).toBe(2);
    knowing.include(0);
    expect(takenAt(knowing, 1000)).toBe(1);
  });

  it('whose rate changes keeps what was used, in units', () => {
    const allowance = new Allowance({ perSecond: 1, burst: 10 }, 0);
    expect(takenAt(allowance, 0)).toBe(10);
    allowance.use({ perSecond: 100, burst: 1000 }, 0);
    expect(takenAt(allowance, 0)).toBe(990);
    allowance.use({ perSecond: 1000, burst: 10 }, 0);
    expect(takenAt(allowance, 0)).toBe(0);
    expect(takenAt(allowance, 995)).toBe(5);
  });
});

describe('a peer far over its rate', () => {
  const rate = { perSecond: 10, burst: 20 };

  it('asks for its burst and ten times its rate within a second', () => {
    const allowance = new Allowance(rate, 0);
    for (let n = 0; n < 120; n++) allowance.take(1, 500);
    expect(allowance.isFarOver()).toBe(false);
    allowance.take(1, 500);
    expect(allowance.isFarOver()).toBe(true);
  });

  it('asks for ten times its rate over a second or longer', () => {
    const allowance = new Allowance(rate, 0);
    for (let n = 0; n < 101; n++) allowance.take(1, n * 9);
    expect(allowance.isFarOver()).toBe(false);
    allowance.take(1, 1000);
    expect(allowance.isFarOver()).toBe(true);
  });

  it('is known as such though it was silent before', () => {
    const allowance = new Allowance(rate, 0);
    for (let n = 0; n < 121; n++) allowance.take(1, 60_000);
    expect(allowance.isFarOver()).toBe(true);
  });

  it('is known by what waits to be taken', () => {
    const allowance = new Allowance(rate, 0);
    for (let n = 0; n < 20; n++) allowance.take(1, 0);
    expect(allowance.isFarOver(100)).toBe(false);
    expect(allowance.isFarOver(101)).toBe(true);
  });
});
