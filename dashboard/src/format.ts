/** Numbers and times as they are shown. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const fraction = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });

export const NOTHING = '–';

export function integer(value: number): string {
  return whole.format(value);
}

/** Events per second and the like. */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return NOTHING;
  if (value >= 1e5) return compact.format(value);
  return value >= 10 || value === 0 ? whole.format(value) : fraction.format(value);
}

/** For the axes of plots. */
export function short(value: number): string {
  return compact.format(value);
}

export function milliseconds(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return NOTHING;
  if (seconds === 0) return '0';
  const ms = seconds * 1e3;
  if (ms >= 1000) return `${fraction.format(seconds)} s`;
  return `${ms >= 9.95 ? whole.format(ms) : ms.toFixed(ms >= 1 ? 1 : 2)} ms`;
}

export function percent(ratio: number | null | undefined): string {
  return ratio === null || ratio === undefined ? NOTHING : `${fraction.format(ratio * 100)} %`;
}

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = count;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? whole.format(value) : fraction.format(value)} ${units[unit]}`;
}

/** A span of time with its two largest units. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1e3));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** @param at milliseconds since 1970, 0 never */
export function ago(at: number, now: number): string {
  return at === 0 ? 'never' : now - at < 1000 ? 'now' : `${span(now - at)} ago`;
}

export function clockTime(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB');
}

export function clockTimeMs(at: number): string {
  return `${clockTime(at)}.${String(new Date(at).getMilliseconds()).padStart(3, '0')}`;
}

export function dateTime(at: number): string {
  return at === 0 ? NOTHING : `${new Date(at).toLocaleDateString('sv-SE')} ${clockTime(at)}`;
}
