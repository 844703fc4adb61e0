/** Times as people read them. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `3 s`, `5 min`, `2 h 10 min`, `3 d 4 h`: the two largest units at most. @param ms 0 or more */
export function duration(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  const [large, small, units] = ms < DAY ? [HOUR, MINUTE, ['h', 'min']] : [DAY, HOUR, ['d', 'h']];
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)} ${units[0]}${rest === 0 ? '' : ` ${rest} ${units[1]}`}`;
}

/** `3 s ago`, `never` for 0. @param at wall-clock ms @param now of the same clock */
export function ago(at: number, now: number): string {
  return at === 0 ? 'never' : `${duration(Math.max(0, now - at))} ago`;
}

/** `14:03:22.123+02:00`, local time with its offset from UTC. @param at wall-clock ms */
export function timeOfDay(at: number): string {
  const offsetMinutes = -new Date(at).getTimezoneOffset();
  const text = new Date(at + offsetMinutes * MINUTE).toISOString().slice(11, -1);
  if (offsetMinutes === 0) return `${text}Z`;
  const minutes = Math.abs(offsetMinutes);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${text}${offsetMinutes < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`;
}
