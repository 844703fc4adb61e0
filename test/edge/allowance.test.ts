import { beforeEach, describe, expect, it } from 'vitest';
import { AllowanceTable, type Rate, rateOf } from '../../src/edge/allowance.ts';

let table: AllowanceTable;

beforeEach(() => {
  table = new AllowanceTable();
});

/** How many frames of cost 1 are taken at this time. */
function takenAt(place: number, rate: Rate, nowMs: number): number {
  let taken = 0;
  while (taken < 10_000 && table.take(place, rate, 1, nowMs)) taken += 1;
  return taken;
}

describe('an allowance', () => {
  const rate = { perSecond: 10, burst: 20 };

  it('is the burst at once and the rate after it', () => {
    const peer = table.open(0);
    expect(takenAt(peer, rate, 0)).toBe(20);
    expect(takenAt(peer, rate, 1000)).toBe(10);
    expect(takenAt(peer, rate, 100_000)).toBe(20);
  });

  it('lets in a frame that costs more than the burst once all of the burst is there, and what it costs is owed', () => {
    const peer = table.open(0);
    expect(table.take(peer, rate, 1, 0)).toBe(true);
    expect(table.take(peer, rate, 30, 0)).toBe(false);
    expect(table.waitMs(peer, rate, 30, 0)).toBe(100);
    expect(table.take(peer, rate, 30, 100)).toBe(true);
    expect(table.waitMs(peer, rate, 1, 100)).toBe(1100);
    expect(table.take(peer, rate, 1, 1199)).toBe(false);
    expect(table.take(peer, rate, 1, 1200)).toBe(true);
  });

  it('is charged for answers beyond what is there', () => {
    const peer = table.open(0);
    table.charge(peer, rate, 50, 0);
    expect(table.fullAtMs(peer)).toBe(5000);
    expect(table.waitMs(peer, rate, 1, 0)).toBe(3100);
    table.charge(peer, rate, 1, 10_000);
    expect(table.fullAtMs(peer)).toBe(10_100);
  });

  it('takes in what an earlier connection turns out to have used, and what it knew of that once', () => {
    const slow = { perSecond: 1, burst: 10 };
    const unknowing = table.open(0);
    expect(table.take(unknowing, slow, 3, 0)).toBe(true);
    table.include(unknowing, 5000); // five units
    expect(takenAt(unknowing, slow, 0)).toBe(2);
    const knowing = table.open(0, 5000);
    expect(table.take(knowing, slow, 3, 0)).toBe(true);
    table.include(knowing, 5000);
    expect(takenAt(knowing, slow, 0)).toBe(2);
    table.include(knowing, 0);
    expect(takenAt(knowing, slow, 1000)).toBe(1);
  });

  it('whose rate changes keeps what was used, in units', () => {
    const [slow, fast, bursting] = [
      { perSecond: 1, burst: 10 },
      { perSecond: 100, burst: 1000 },
      { perSecond: 1000, burst: 10 },
    ] as const;
    const peer = table.open(0);
    expect(takenAt(peer, slow, 0)).toBe(10);
    table.rescale(peer, slow, fast, 0);
    expect(takenAt(peer, fast, 0)).toBe(990);
    table.rescale(peer, fast, bursting, 0);
    expect(takenAt(peer, bursting, 0)).toBe(0);
    expect(takenAt(peer, bursting, 995)).toBe(5);
  });

  it('of which nothing is used stays whole when its rate changes', () => {
    const peer = table.open(0);
    table.rescale(peer, rate, { perSecond: 1, burst: 5 }, 9000);
    expect(table.fullAtMs(peer)).toBe(9000);
  });
});

describe('a table of allowances', () => {
  const rate = { perSecond: 1, burst: 3 };

  it('keeps those of many peers apart', () => {
    const peers = Array.from({ length: 1000 }, (_, n) => table.open(n));
    expect(new Set(peers).size).toBe(1000);
    for (const [n, peer] of peers.entries()) table.charge(peer, rate, n, n);
    expect(peers.map((peer) => table.fullAtMs(peer))).toEqual(peers.map((_, n) => n * 1001));
  });

  it('gives the place of a peer that has ended to the next, with nothing of what was used', () => {
    const first = table.open(0);
    const second = table.open(0);
    for (let n = 0; n < 100; n++) table.take(first, rate, 1, 2000 + n);
    expect(table.isFarOver(first, rate, 2100)).toBe(true);
    expect(table.size).toBe(2);
    table.close(first);
    expect(table.size).toBe(1);
    const third = table.open(0);
    expect(third).toBe(first);
    expect(table.isFarOver(third, rate, 2100)).toBe(false);
    expect(takenAt(third, rate, 0)).toBe(3);
    expect(takenAt(second, rate, 0)).toBe(3);
    expect(table.size).toBe(2);
  });
});

describe('after a stall of its thread, an allowance', () => {
  const rate = { perSecond: 10, burst: 20 };

  it('covers what was sent meanwhile, beyond the burst, for as long as the stall lasted', () => {
    const peer = table.open(0);
    expect(takenAt(peer, rate, 0)).toBe(20);
    table.forgive(1000, 8000); // ten units are left
    expect(takenAt(peer, rate, 8000)).toBe(80);
    expect(takenAt(peer, rate, 9000)).toBe(10);
    expect(takenAt(peer, rate, 14_999)).toBe(59);
    expect(takenAt(peer, rate, 60_000)).toBe(20);
  });

  it('covers the same if the peer asks for the first time only then, or for an answer', () => {
    table.forgive(1000, 8000);
    const [first, second] = [table.open(8000), table.open(8000)];
    expect(takenAt(first, rate, 8000)).toBe(90);
    table.charge(second, rate, 85, 8000);
    expect(table.waitMs(second, rate, 5, 8000)).toBe(0);
    expect(table.waitMs(second, rate, 6, 8000)).toBe(100);
  });

  it('is the burst again when the time is over, however much was saved', () => {
    const peer = table.open(0);
    table.forgive(1000, 8000);
    expect(takenAt(peer, rate, 14_999)).toBe(159);
    const other = table.open(0);
    expect(takenAt(other, rate, 15_000)).toBe(20);
  });

  it('counts what an earlier connection had used as well', () => {
    table.forgive(1000, 8000);
    const knowing = table.open(8000, 8500);
    expect(takenAt(knowing, rate, 8000)).toBe(85);
    const unknowing = table.open(8000);
    table.include(unknowing, 8500);
    expect(takenAt(unknowing, rate, 8000)).toBe(85);
  });

  it('remembers the first of several stalls, and at most half a minute', () => {
    table.forgive(1000, 3000);
    table.forgive(4000, 6000);
    const peer = table.open(0);
    expect(takenAt(peer, rate, 6000)).toBe(70);
    table.forgive(11_000, 12_000); // that time is over
    expect(takenAt(table.open(0), rate, 12_000)).toBe(30);
    table.forgive(12_000, 100_000);
    expect(takenAt(table.open(0), rate, 100_000)).toBe(320);
    expect(takenAt(table.open(0), rate, 130_000)).toBe(20);
  });

  it('lets nobody count as far over the rate for what it covers', () => {
    const peer = table.open(0);
    table.forgive(0, 30_000);
    expect(takenAt(peer, rate, 30_000)).toBe(320);
    expect(table.isFarOver(peer, rate, 30_000, 99)).toBe(false);
    expect(table.isFarOver(peer, rate, 30_000, 100)).toBe(true);
    table.take(peer, rate, 1, 31_000);
    expect(table.isFarOver(peer, rate, 31_000)).toBe(false);
  });
});

describe('a peer far over its rate', () => {
  const rate = { perSecond: 10, burst: 20 };

  it('asks for its burst and ten times its rate within a second', () => {
    const peer = table.open(0);
    for (let n = 0; n < 120; n++) table.take(peer, rate, 1, 500);
    expect(table.isFarOver(peer, rate, 500)).toBe(false);
    table.take(peer, rate, 1, 500);
    expect(table.isFarOver(peer, rate, 500)).toBe(true);
  });

  it('asks for ten times its rate over a second or longer', () => {
    const peer = table.open(0);
    for (let n = 0; n < 101; n++) table.take(peer, rate, 1, n * 9);
    expect(table.isFarOver(peer, rate, 900)).toBe(false);
    table.take(peer, rate, 1, 1000);
    expect(table.isFarOver(peer, rate, 1000)).toBe(true);
  });

  it('is forgiven after a second in which it asks for less', () => {
    const peer = table.open(0);
    for (let n = 0; n < 101; n++) table.take(peer, rate, 1, n * 9);
    table.take(peer, rate, 1, 1000);
    table.take(peer, rate, 1, 2000);
    expect(table.isFarOver(peer, rate, 2000)).toBe(false);
  });

  it('is known as such though it was silent before', () => {
    const peer = table.open(0);
    for (let n = 0; n < 121; n++) table.take(peer, rate, 1, 60_000);
    expect(table.isFarOver(peer, rate, 60_000)).toBe(true);
  });

  it('is known by what waits to be taken', () => {
    const peer = table.open(0);
    for (let n = 0; n < 20; n++) table.take(peer, rate, 1, 0);
    expect(table.isFarOver(peer, rate, 0, 100)).toBe(false);
    expect(table.isFarOver(peer, rate, 0, 101)).toBe(true);
  });
});

describe('a rate', () => {
  it('of which a part is 0 is no limit', () => {
    expect(rateOf(0, 10)).toBeUndefined();
    expect(rateOf(10, 0)).toBeUndefined();
    expect(rateOf(10, 20)).toEqual({ perSecond: 10, burst: 20 });
  });
});
