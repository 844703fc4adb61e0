/**
 * The last_seen of a peer was told some ms earlier for once, where the thread that told it lost its core between its
 * readings of the two clocks: it took that for a wall clock that somebody had set.
 */
import { expect, it } from 'vitest';
import { type Clock, toWallMs } from '../../src/clock.ts';

const SEEN_MS = 4000;

it('a time is told the same by a thread that was interrupted while it read the clocks', () => {
  let passedMs = 0;
  let interruptionMs = 0;
  const clock: Clock = {
    now() {
      passedMs += interruptionMs;
      interruptionMs = 0;
      return 5000 + passedMs;
    },
    wallNow: () => 1_764_000_000_000 + passedMs,
  };
  const told = toWallMs(clock, SEEN_MS);
  expect(told).toBe(1_764_000_000_000 - 1000);
  interruptionMs = 50;
  expect(toWallMs(clock, SEEN_MS)).toBe(told);
  expect(toWallMs(clock, SEEN_MS)).toBe(told);
});

it('a time is told right by a thread that was interrupted when it told one for the first time', () => {
  let passedMs = 0;
  const clock: Clock = {
    now() {
      passedMs = 50;
      return 5000 + passedMs;
    },
    wallNow: () => 1_764_000_000_000 + passedMs,
  };
  expect(toWallMs(clock, SEEN_MS)).toBe(1_764_000_000_000 - 1000);
});
