/** Timers that take any time. Runs in browsers and Node; imports nothing. */

/** What timers can hold, about 25 days; they fire at once for more. */
const MS_MAX = 2 ** 31 - 1;

export type Timer = ReturnType<typeof setTimeout>;

/** As `setTimeout`, for any time from 0 to infinity. */
export function after(ms: number, action: () => void): Timer {
  return setTimeout(action, Math.min(ms, MS_MAX));
}
