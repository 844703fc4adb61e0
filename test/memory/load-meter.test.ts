import { describe, expect, it } from 'vitest';
import { LoadMeter, ownerPauseMs } from '../../src/memory/load-meter.ts';

/** Polls that find so many records a second, over a quarter of one. @returns whether the last says to pause */
function steady(meter: LoadMeter, fromMs: number, recordsPerSecond: number): boolean {
  let isBusy = false;
  for (let ms = 0; ms < 250; ms += 5) isBusy = meter.note((recordsPerSecond * 5) / 1000, fromMs + ms);
  return isBusy;
}

describe('the load meter', () => {
  it('has the owner pause under load, and be woken when traffic is thin', () => {
    const meter = new LoadMeter(0);
    expect(steady(meter, 5, 100)).toBe(false);
    expect(steady(meter, 255, 20_000)).toBe(true);
    expect(steady(meter, 505, 100)).toBe(false);
  });

  it('does not change with every breath of the load', () => {
    const meter = new LoadMeter(0);
    expect(steady(meter, 5, 1000)).toBe(false);
    expect(steady(meter, 255, 2000)).toBe(true);
    expect(steady(meter, 505, 1000)).toBe(true);
  });

  it('leaves the edges a millisecond of the flush window', () => {
    expect([0, 1, 5, 1000].map(ownerPauseMs)).toEqual([0, 0, 4, 999]);
  });
});
