/** Timers without a maximum. Runs in browsers and Node; imports nothing. */

/** The longest time of a timer, about 25 days; with a longer one it fires at once. */
const MS_MAX = 2 ** 31 - 1;

export type Timer = ReturnType<typeof setTimeout>;

/** Like `setTimeout`, for any time from 0 to infinity. */
export function after(ms: number, action: () => void): Timer {
  return setTimeout(action, Math.min(ms, MS_MAX));
}
