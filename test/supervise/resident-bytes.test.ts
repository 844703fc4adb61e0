import { afterEach, beforeEach, expect, it, vi } from 'vitest';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  vi.resetModules(); // another file may have read it just now
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it('the resident memory is read once a second at most, and the last reading stands while none can be had', async () => {
  const { residentBytes } = await import('../../src/supervise/resident-bytes.ts');
  const rss = vi.spyOn(process.memoryUsage, 'rss').mockReturnValue(1000);
  expect(residentBytes()).toBe(1000);
  rss.mockReturnValue(2000);
  vi.advanceTimersByTime(800);
  expect(residentBytes()).toBe(1000);
  vi.advanceTimersByTime(200);
  expect(residentBytes()).toBe(2000);
  vi.advanceTimersByTime(1000);
  rss.mockImplementation(() => {
    throw new Error('EMFILE');
  });
  expect(residentBytes()).toBe(2000);
  rss.mockReturnValue(3000);
  expect(residentBytes()).toBe(3000);
});
