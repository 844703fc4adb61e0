import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ACK_DELAY_MS, BUSY_MS, QUIET_TICK_MS, TICK_MS } from '../../src/cluster/limits.ts';
import { Ticker } from '../../src/cluster/ticker.ts';
import { FakeClock } from '../support/fake-clock.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function start() {
  const clock = new FakeClock();
  let ticks = 0;
  const ticker = new Ticker(clock, () => {
    ticks += 1;
  });
  return {
    ticker,
    /** @returns ticks in this time */
    pass(ms: number): number {
      ticks = 0;
      for (let passed = 0; passed < ms; passed += 5) {
        clock.advance(5);
        vi.advanceTimersByTime(5);
      }
      return ticks;
    },
  };
}

describe('the looks at time-outs', () => {
  it('are often for a while after a message, then seldom', () => {
    const { ticker, pass } = start();
    expect(pass(BUSY_MS)).toBe(BUSY_MS / TICK_MS);
    pass(TICK_MS);
    expect(pass(10 * QUIET_TICK_MS)).toBe(10);
    ticker.busy();
    expect(pass(BUSY_MS)).toBe(BUSY_MS / TICK_MS);
  });

  it('stay often while messages come', () => {
    const { ticker, pass } = start();
    for (let n = 0; n < 10; n++) {
      ticker.busy();
      expect(pass(BUSY_MS / 2)).toBe(BUSY_MS / 2 / TICK_MS);
    }
  });

  it('come soon after the first message of a quiet time, whenever it comes', () => {
    const { ticker, pass } = start();
    pass(BUSY_MS + TICK_MS + QUIET_TICK_MS / 2);
    ticker.busy();
    expect(pass(TICK_MS)).toBe(1);
    expect(TICK_MS).toBeLessThan(2 * ACK_DELAY_MS); // an acknowledgement is not late by more than it waits anyway
  });

  it('end', () => {
    const { ticker, pass } = start();
    pass(2 * BUSY_MS);
    ticker.stop();
    ticker.busy(); // a message that was on its way
    expect(pass(BUSY_MS)).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
