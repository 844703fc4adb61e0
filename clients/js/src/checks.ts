/** Looks at what the application hands over before anything is sent, so that a mistake is told at once. Pure. */

const ID = /^(?!\.\.?$)[\w.:~-]{1,128}$/;

/** Whether the hub takes it as the id of a device or a subscriber. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

/** @throws TypeError that says what was given and what is accepted */
function refuse(name: string, given: unknown, accepted: string): never {
  const shown = typeof given === 'string' ? JSON.stringify(given) : String(given);
  throw new TypeError(`${name}: ${shown} given; ${accepted} is accepted`);
}

/** @throws TypeError when it is given and the hub would refuse it */
export function checkId(id: string | undefined): void {
  if (id !== undefined && !isId(id)) refuse('id', id, '1 to 128 of A-Z a-z 0-9 . _ : ~ -');
}

/** @throws TypeError when it is no list; what is in it is looked at one by one */
export function checkList(devices: unknown): void {
  if (!Array.isArray(devices)) refuse('devices', devices, 'a list of ids');
}

/** @throws TypeError when one of them is given and is not a number from 0 */
export function checkNumbers(numbers: object): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== undefined && !(typeof value === 'number' && value >= 0)) refuse(name, value, '0 or more');
  }
}

/**
 * The address with the scheme of WebSockets.
 * @throws TypeError when it is no URL, or one that no WebSocket connects to
 */
export function webSocketUrl(given: string | URL): URL {
  const url = new URL(given);
  url.protocol = url.protocol.replace('http', 'ws');
  if (!/^wss?:$/.test(url.protocol) || url.hash !== '') {
    refuse('url', String(given), 'ws:, wss:, http: or https: without a fragment');
  }
  return url;
}
