/** Checks the application's input, so that mistakes show at once. Pure. */
import { EventType } from './wire.ts';

const ID = /^(?!\.\.?$)[\w.:~-]{1,128}$/;
const FILTER = /^[\w.:~-]{0,127}\*$/;

/** Options of `subscribe`, besides the names. */
export interface FollowOptions {
  /** Only events of these types. Default: all. */
  readonly types?: readonly (keyof typeof EventType)[] | undefined;
  /** true: the newest message and status of each device come first, as replays. */
  readonly last?: boolean | undefined;
  /** 1 to 1000: that many of the newest events of each device come first, as replays. */
  readonly history?: number | undefined;
}

/** Whether it is an id or a filter. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && (ID.test(value) || FILTER.test(value));
}

/** Whether this name, an id or a filter, is a filter. */
export function isFilter(name: string): boolean {
  return name.endsWith('*');
}

/** Whether this id or filter follows the device. */
export function matches(name: string, device: string): boolean {
  return isFilter(name) ? device.startsWith(name.slice(0, -1)) : device === name;
}

/** @throws TypeError that says what was given and what is accepted */
function refuse(name: string, given: unknown, accepted: string): never {
  const shown = typeof given === 'string' ? JSON.stringify(given) : String(given);
  throw new TypeError(`${name}: ${shown}; expected ${accepted}`);
}

/** @throws TypeError when it is given and malformed */
export function checkId(id: unknown): void {
  if (id !== undefined && !ID.test(String(id))) refuse('id', id, '1 to 128 of A-Z a-z 0-9 . _ : ~ -');
}

/** @throws TypeError when it is not a list. The elements are checked elsewhere, one by one. */
export function checkList(devices: unknown): void {
  if (!Array.isArray(devices)) refuse('devices', devices, 'a list of ids and filters');
}

/** @throws TypeError when the hub would refuse an option */
export function checkFollow({ types, history }: FollowOptions): void {
  if (types !== undefined && !(types.length > 0 && [...types].every((type) => type in EventType))) {
    refuse('types', types, 'a list of message, status, pong');
  }
  checkNumbers({ history }, 1, 1000);
}

/** @throws TypeError when one of them is given and is not a number in this range */
export function checkNumbers(numbers: object, min = 0, max = Number.POSITIVE_INFINITY): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (value === undefined || (typeof value === 'number' && value >= min && value <= max)) continue;
    refuse(name, value, `a number from ${min} to ${max}`);
  }
}

/**
 * The address with the scheme of WebSockets.
 * @throws TypeError when it is not a URL, or one that no WebSocket can connect to
 */
export function webSocketUrl(given: string | URL): URL {
  const url = new URL(given);
  url.protocol = url.protocol.replace('http', 'ws');
  if (!/^wss?:$/.test(url.protocol) || url.hash !== '') {
    refuse('url', String(given), 'ws:, wss:, http: or https: without a fragment');
  }
  return url;
}
