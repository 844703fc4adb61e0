import { describe, expect, it, vi } from 'vitest';
import { Wheel } from '../../src/memory/wheel.ts';
import { PollLimits } from '../../src/owner/poll-limits.ts';
import { Timers } from '../../src/owner/timers.ts';
import { FakeClock } from '../support/fake-clock.ts';

const SLOTS = 2000;

/** Two kinds of timers, of which all are due. @param tookMs what each one of the first kind takes */
function due(tookMs = 0) {
  const clock = new FakeClock();
  const fired = { devices: 0, subscribers: 0 };
  const [devices, subscribers] = [0, 1].map(() => new Wheel(SLOTS, clock.now()));
  for (let slot = 0; slot < SLOTS; slot++) for (const wheel of [devices!, subscribers!]) wheel.set(slot, 0);
  clock.advance(1000);
  const timers = new Timers(clock, [
    {
      wheel: devices!,
      fire: () => {
        fired.devices += 1;
        clock.advance(tookMs);
      },
    },
    {
      wheel: subscribers!,
      fire: () => {
        fired.subscribers += 1;
      },
    },
  ]);
  return { clock, timers, fired };
}

describe('timers that are due', () => {
  it('fire as far as may be in one poll, of each kind', () => {
    const { clock, timers, fired } = due();
    expect([timers.fire(clock.now()), fired]).toEqual([
      2 * PollLimits.timers,
      { devices: PollLimits.timers, subscribers: PollLimits.timers },
    ]);
    expect(timers.fire(clock.now())).toBe(2 * (SLOTS - PollLimits.timers));
    expect([timers.fire(clock.now()), fired]).toEqual([0, { devices: SLOTS, subscribers: SLOTS }]);
  });

  it('keep events waiting no longer, where each leads to much, and keep the other kind from nothing', () => {
    const { clock, timers, fired } = due(1);
    timers.fire(clock.now());
    expect(fired.devices).toBe(PollLimits.timersPerLook);
    expect(fired.subscribers).toBe(PollLimits.timers);
    for (let polls = 1; polls < SLOTS / PollLimits.timersPerLook; polls++) timers.fire(clock.now());
    expect(fired).toEqual({ devices: SLOTS, subscribers: SLOTS });
  });
});

it('what comes due while the poll lasts fires in the next', () => {
  const clock = new FakeClock();
  const beganMs = clock.now();
  const wheel = new Wheel(1, beganMs);
  const fire = vi.fn();
  const timers = new Timers(clock, [{ wheel, fire }]);
  wheel.set(0, beganMs + 10);
  clock.advance(20);
  expect([timers.fire(beganMs), fire.mock.calls]).toEqual([0, []]);
  expect([timers.fire(clock.now()), fire.mock.calls]).toEqual([1, [[0]]]);
});

it('the next timer is the first of any kind', () => {
  const clock = new FakeClock();
  const wheels = [0, 1].map(() => new Wheel(1, clock.now()));
  const timers = new Timers(
    clock,
    wheels.map((wheel) => ({ wheel, fire: () => {} })),
  );
  expect(timers.untilNextMs(clock.now())).toBe(Number.POSITIVE_INFINITY);
  wheels[1]!.set(0, clock.now() + 500);
  expect(timers.untilNextMs(clock.now())).toBe(500);
  wheels[0]!.set(0, clock.now() + 200);
  expect(timers.untilNextMs(clock.now())).toBe(200);
});
