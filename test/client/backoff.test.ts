import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backoff } from '../../clients/js/src/backoff.ts';
import { closes } from '../../src/codes.ts';

const LOST = 1006;
const options = { baseMs: 1000, capMs: 30_000, stableAfterMs: 10_000 };

/** A backoff with a clock that a test sets and random numbers that it chooses. */
function backoffWith(random: () => number): { backoff: Backoff; clock: { ms: number } } {
  const clock = { ms: 0 };
  return { backoff: new Backoff(options, () => clock.ms, random), clock };
}

const mostly = (): number => 0.999_999;

describe('the wait before the next connection', () => {
  it('is spread over a window that doubles with each failure, up to the cap', () => {
    const { backoff } = backoffWith(mostly);
    const waits = Array.from({ length: 8 }, () => Math.ceil(backoff.next(LOST) ?? -1));
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('is full jitter: from nothing to the whole window', () => {
    const { backoff } = backoffWith(() => 0);
    for (let n = 0; n < 5; n++) expect(backoff.next(LOST)).toBe(0);
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.nat(40),
        (share, failures) => {
          const one = backoffWith(() => share).backoff;
          for (let n = 0; n < failures; n++) one.next(LOST);
          const waitMs = one.next(LOST) ?? -1;
          expect(waitMs).toBeGreaterThanOrEqual(0);
          expect(waitMs).toBeLessThanOrEqual(Math.min(options.capMs, options.baseMs * 2 ** failures));
        },
      ),
    );
  });

  it('begins anew after a connection that held long enough', () => {
    const { backoff, clock } = backoffWith(mostly);
    for (let n = 0; n < 4; n++) backoff.next(LOST);
    backoff.connected();
    clock.ms += options.stableAfterMs;
    expect(backoff.next(LOST)).toBeCloseTo(1000, 0);
  });

  it('goes on growing after connections that did not hold', () => {
    const { backoff, clock } = backoffWith(mostly);
    for (const expected of [1000, 2000, 4000]) {
      backoff.connected();
      clock.ms += options.stableAfterMs - 1;
      expect(backoff.next(LOST)).toBeCloseTo(expected, 0);
    }
  });

  it('does not count a long outage as a connection that held', () => {
    const { backoff, clock } = backoffWith(mostly);
    backoff.connected();
    clock.ms += 1;
    backoff.next(LOST);
    clock.ms += 1_000_000;
    expect(backoff.next(LOST)).toBeCloseTo(2000, 0);
  });

  it.each(Object.values(closes))('after $code ($reason) is as the code asks: $retry', ({ code, retry }) => {
    const { backoff } = backoffWith(mostly);
    const expected = { never: undefined, later: options.baseMs, now: 0 }[retry];
    const waitMs = backoff.next(code);
    expect(waitMs === undefined ? waitMs : Math.ceil(waitMs)).toBe(expected);
  });

  it('backs off when the hub sends the peer away again and again', () => {
    const { backoff } = backoffWith(mostly);
    const waits = [1, 2, 3].map(() => {
      backoff.connected();
      return Math.ceil(backoff.next(closes.tokenExpired.code) ?? -1);
    });
    expect(waits).toEqual([0, 2000, 4000]);
  });

  it('is what the hub asked for, to the millisecond', () => {
    const { backoff } = backoffWith(mostly);
    expect(backoff.next(closes.drain.code, 4321)).toBe(4321);
    expect(backoff.next(LOST, 90_000)).toBe(90_000);
  });

  it('does not come when a code that says never follows a request to come back', () => {
    const { backoff } = backoffWith(mostly);
    expect(backoff.next(closes.kicked.code, 4321)).toBeUndefined();
  });

  it.each([1000, 1001, 1005, 1011, 3000, 3999, 4300, 4999])(
    'after %i, which is not of the hub, backs off',
    (code) => {
      expect(Math.ceil(backoffWith(mostly).backoff.next(code) ?? -1)).toBe(options.baseMs);
    },
  );
});
