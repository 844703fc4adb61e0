import { describe, expect, it } from 'vitest';
import { Pace, pausesFor } from '../../src/memory/pace.ts';

/** Polls every millisecond with so many records. @returns whether it is busy at the end */
function busyAfter(pace: Pace, fromMs: number, ms: number, recordsPerMs: number): boolean {
  let isBusy = pace.busy;
  for (let n = 1; n <= ms; n++) isBusy = pace.note(recordsPerMs, fromMs + n);
  expect(pace.busy).toBe(isBusy);
  return isBusy;
}

describe('the pace of a consumer', () => {
  it('is busy above 1500 records a second, and not below', () => {
    expect(busyAfter(new Pace(0), 0, 1000, 1.4)).toBe(false);
    expect(busyAfter(new Pace(0), 0, 1000, 1.6)).toBe(true);
  });

  it('stays busy down to 750, and then is not until 1500 again', () => {
    const pace = new Pace(0);
    busyAfter(pace, 0, 1000, 2);
    expect(busyAfter(pace, 1000, 1000, 0.8)).toBe(true);
    expect(busyAfter(pace, 2000, 1000, 0.7)).toBe(false);
    expect(busyAfter(pace, 3000, 1000, 1.4)).toBe(false);
  });

  it('takes the mean of about the last 50 ms', () => {
    const pace = new Pace(0);
    expect(busyAfter(pace, 0, 20, 3)).toBe(false); // a third of it
    expect(busyAfter(pace, 20, 30, 3)).toBe(true);
    expect(busyAfter(pace, 50, 40, 0)).toBe(true);
    expect(busyAfter(pace, 90, 20, 0)).toBe(false);
  });

  it('counts the time between polls, however long', () => {
    const pace = new Pace(1000);
    expect(pace.note(2000, 2000)).toBe(true);
    expect(pace.note(500, 3000)).toBe(false);
  });

  it('is not infinite for two polls at the same time', () => {
    const pace = new Pace(0);
    for (let n = 0; n < 5; n++) expect(pace.note(1, 0)).toBe(false);
    expect(busyAfter(pace, 0, 1000, 2)).toBe(true);
  });

  it('starts quiet', () => expect(new Pace(0).busy).toBe(false));
});

describe('the pauses', () => {
  it.each([
    [0, 0, 0],
    [1, 0.2, 0],
    [3, 0.6, 1],
    [5, 1, 3],
    [20, 1, 18],
  ])(
    'share a flush window of %i ms: %d ms for the owner, %i for the edges',
    (flushMaxMs, ownerPauseMs, edgePollMs) => {
      const pauses = pausesFor(flushMaxMs);
      expect(pauses.ownerPauseMs).toBeCloseTo(ownerPauseMs, 9);
      expect(pauses.edgePollMs).toBe(edgePollMs);
    },
  );
});
