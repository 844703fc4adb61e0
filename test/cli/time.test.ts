import { afterEach, describe, expect, it, vi } from 'vitest';
import { ago, duration, timeOfDay } from '../../src/cli/time.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('a duration', () => {
  it.each([
    [0, '0 s'],
    [3.9 * SECOND, '3 s'],
    [59.9 * SECOND, '59 s'],
    [MINUTE, '1 min'],
    [59 * MINUTE, '59 min'],
    [HOUR, '1 h'],
    [2 * HOUR + 10 * MINUTE, '2 h 10 min'],
    [DAY, '1 d'],
    [3 * DAY + 4 * HOUR + MINUTE, '3 d 4 h'],
  ])('of %i ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});

describe('a time in the past', () => {
  it('is so long ago', () => {
    expect(ago(97_000, 100_000)).toBe('3 s ago');
    expect(ago(0, 100_000)).toBe('never');
  });

  it('is now where the clocks differ', () => {
    expect(ago(101_000, 100_000)).toBe('0 s ago');
  });
});

describe('a time of the day', () => {
  const at = Date.UTC(2026, 10, 25, 23, 30, 1, 234);
  afterEach(() => void vi.unstubAllEnvs());

  it.each([
    ['UTC', '23:30:01.234Z'],
    ['Europe/Berlin', '00:30:01.234+01:00'],
    ['America/St_Johns', '20:00:01.234-03:30'],
    ['Asia/Kolkata', '05:00:01.234+05:30'],
  ])('has its offset: %s', (zone, time) => {
    vi.stubEnv('TZ', zone);
    expect(timeOfDay(at)).toBe(time);
  });
});
