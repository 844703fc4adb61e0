/** A clock that stands still unless the test moves it. */
import type { Clock } from '../../src/clock.ts';

export class FakeClock implements Clock {
  nowMs = 1_000_000;
  wallMs = 1_764_000_000_000;

  now(): number {
    return this.nowMs;
  }

  wallNow(): number {
    return this.wallMs;
  }

  advance(ms: number): void {
    this.nowMs += ms;
    this.wallMs += ms;
  }
}
