import { describe, expect, it } from 'vitest';
import { type Clock, systemClock, toWallMs } from '../src/clock.ts';

describe('a monotonic time, told as wall-clock time', () => {
  it('is the same however often it is asked for', async () => {
    const seen = systemClock.now();
    const told = new Set<number>();
    for (let n = 0; n < 50; n++) {
      told.add(toWallMs(systemClock, seen));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(told.size).toBe(1);
    expect(Math.abs([...told][0]! - Date.now())).toBeLessThan(60_000);
  });

  it('follows the wall clock when that is set', () => {
    let wallMs = 1_764_000_000_000;
    const clock: Clock = { now: () => 5000, wallNow: () => wallMs };
    expect(toWallMs(clock, 4000)).toBe(wallMs - 1000);
    wallMs += 3_600_000;
    expect(toWallMs(clock, 4000)).toBe(wallMs - 1000);
    wallMs -= 7_200_000;
    expect(toWallMs(clock, 4000)).toBe(wallMs - 1000);
  });

  it('stays 0, which is never', () => {
    expect(toWallMs(systemClock, 0)).toBe(0);
  });
});
