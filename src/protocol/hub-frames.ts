/** The control frames the hub sends, as JSON text. Ids match the id grammar and need no escaping. */

export function deviceWelcome(device: string, pingIntervalMs: number): string {
  return JSON.stringify({ op: 'welcome', device, pingIntervalMs });
}

export function subscriberWelcome(
  subscriber: string,
  pingIntervalMs: number,
  resumed: readonly string[],
): string {
  return JSON.stringify({ op: 'welcome', subscriber, pingIntervalMs, resumed });
}

/** @param idRaw raw JSON of the id */
export function ack(idRaw: string, seq: number, skipped: boolean): string {
  return `{"op":"ack","id":${idRaw},"seq":${seq}${skipped ? ',"skipped":true' : ''}}`;
}

/** @param idRaw raw JSON of the refused frame's id, '' when it has none */
export function errorFrame(code: number, message: string, idRaw: string): string {
  return `{"op":"error",${idRaw === '' ? '' : `"id":${idRaw},`}"code":${code},"message":${JSON.stringify(message)}}`;
}

export function statusNotice(devices: readonly string[], status: string, reason: string): string {
  return JSON.stringify({ op: 'status', devices, status, reason });
}

export function removedNotice(devices: readonly string[], code: number, reason: string): string {
  return JSON.stringify({ op: 'removed', devices, code, reason });
}

export function gapFrame(device: string, from: number, to: number, reason: string): string {
  return JSON.stringify({ op: 'gap', device, from, to, reason });
}

export function draining(reconnectAfterMs: number): string {
  return JSON.stringify({ op: 'draining', reconnectAfterMs });
}

/** One device of a `subscribed` answer. */
export interface Snapshot {
  readonly device: string;
  readonly status: string;
  readonly state: string;
  /** Wall-clock ms, 0 never. */
  readonly lastSeen: number;
  readonly seq: number;
  /** '' when the device has told none. */
  readonly deviceStatus: string;
}

export function subscribedItem(snapshot: Snapshot): string {
  return JSON.stringify({ ...snapshot, deviceStatus: snapshot.deviceStatus || null });
}

export function listItem(device: string, status: string): string {
  return JSON.stringify({ device, status });
}

export function refusedItem(device: string, code: number, message: string): string {
  return JSON.stringify({ device, code, message });
}

/**
 * An answer to a subscriber's op.
 * @param idRaw raw JSON of the frame's id, '' when it had none
 * @param items JSON of each device
 * @param refused JSON of each refusal; always part of `subscribed`, else only when there are any
 */
export function answerFrame(
  op: 'subscribed' | 'unsubscribed' | 'paused' | 'list',
  idRaw: string,
  items: readonly string[],
  refused: readonly string[],
): string {
  const id = idRaw === '' ? '' : `"id":${idRaw},`;
  const errors = op === 'subscribed' || refused.length > 0 ? `,"errors":[${refused.join(',')}]` : '';
  return `{"op":"${op}",${id}"devices":[${items.join(',')}]${errors}}`;
}
