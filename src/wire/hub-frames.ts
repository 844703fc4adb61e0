/** The control frames of the hub's own protocol, as JSON text. Ids match the id grammar and need no escaping. */
import { errors, removals } from '../codes.ts';
import { deviceStateNames, statusOf } from '../presence/lifecycle.ts';
import { type Entry, Notice, Refusal, type RefusedDevice } from '../records/replies.ts';
import type { OpName } from '../records/requests.ts';
import type { Asked, DeviceCodec, Problem, SubscriberCodec } from './codec.ts';
import { Encoding } from './encodings.ts';
import { gapFrame } from './gap.ts';
import { ID_ACCEPTED } from './id.ts';

/** @param id raw JSON of the id */
function ack(id: string, seq: number, skipped: boolean): string {
  return `{"op":"ack","id":${id},"seq":${seq}${skipped ? ',"skipped":true' : ''}}`;
}

export function problemFrame({ code, message, id, retryAfterMs }: Problem): string {
  const retry = retryAfterMs === undefined ? '' : `,"retryAfterMs":${Math.ceil(retryAfterMs)}`;
  return `{"op":"error",${idMember(id)}"code":${code},"message":${JSON.stringify(message)}${retry}}`;
}

function draining(reconnectAfterMs: number): string {
  return JSON.stringify({ op: 'draining', reconnectAfterMs });
}

/** What a notice says beside its devices. */
const notices: Readonly<Record<Notice, Readonly<Record<string, string | number>>>> = {
  [Notice.resumed]: { op: 'resumed' },
  [Notice.silent]: { op: 'status', status: 'inactive', reason: 'silent' },
  [Notice.heard]: { op: 'status', status: 'active', reason: 'activity' },
  [Notice.operatorActive]: { op: 'status', status: 'active', reason: 'operator' },
  [Notice.operatorInactive]: { op: 'status', status: 'inactive', reason: 'paused' },
  [Notice.deniedByOperator]: removed(removals.denied, 'denied by an operator'),
  [Notice.removedByOperator]: removed(removals.denied, 'removed by an operator'),
  [Notice.deniedByRule]: removed(removals.denied, 'denied by an access rule'),
  [Notice.notCovered]: removed(removals.denied, 'not covered by the token'),
  [Notice.inactiveTooLong]: removed(removals.inactiveTooLong),
  [Notice.terminated]: removed(removals.terminated),
};

function removed(
  removal: (typeof removals)[keyof typeof removals],
  reason: string = removal.reason,
): Readonly<Record<string, string | number>> {
  return { op: 'removed', code: removal.code, reason };
}

const refusals: Readonly<Record<Refusal, { readonly code: number; readonly message: string }>> = {
  [Refusal.notCovered]: { code: errors.denied.code, message: 'not covered by the token' },
  [Refusal.notAllowed]: { code: errors.denied.code, message: 'not allowed to subscribe to this device' },
  [Refusal.denied]: { code: errors.denied.code, message: 'denied by an operator' },
  [Refusal.notSubscribed]: { code: errors.unknownDevice.code, message: 'not subscribed to this device' },
  [Refusal.tooMany]: {
    code: errors.limit.code,
    message: 'more subscriptions than one subscriber may have (DAT_MAX_SUBSCRIPTIONS_PER_SUBSCRIBER)',
  },
  [Refusal.full]: { code: errors.limit.code, message: 'the hub is at its capacity' },
  [Refusal.unusedFull]: {
    code: errors.limit.code,
    message: 'no room for one more id that no device has used yet',
  },
  [Refusal.malformed]: {
    code: errors.badRequest.code,
    message: `not an id; expected ${ID_ACCEPTED}`,
  },
};

const answerOps: Readonly<Record<OpName, string>> = {
  subscribe: 'subscribed',
  resume: 'subscribed',
  unsubscribe: 'unsubscribed',
  pause: 'paused',
  list: 'list',
};

/** `errors` is always part of `subscribed`, else only when there are any. */
function answer(
  { op, id }: Asked,
  entries: readonly Entry[],
  refused: readonly RefusedDevice[],
  more: boolean,
): string {
  const name = answerOps[op];
  const isSubscribed = name === 'subscribed';
  const item = isSubscribed ? subscribedItem : op === 'list' ? listItem : nameItem;
  const errorItems = refused.map(({ device, why }) => JSON.stringify({ device, ...refusals[why] }));
  const problems = isSubscribed || refused.length > 0 ? `,"errors":[${errorItems.join(',')}]` : '';
  return `{"op":"${name}",${idMember(id)}"devices":[${entries.map(item).join(',')}]${problems}${moreMember(more)}}`;
}

function subscribedItem(entry: Entry): string {
  const { device, lastSeen, seq, deviceStatus } = entry;
  const status = statusOf(entry.rowState);
  const state = deviceStateNames[entry.deviceState as 1 | 2 | 3];
  return JSON.stringify({ device, status, state, lastSeen, seq, deviceStatus: deviceStatus || null });
}

function listItem({ device, rowState }: Entry): string {
  return JSON.stringify({ device, status: statusOf(rowState) });
}

function nameItem({ device }: Entry): string {
  return `"${device}"`;
}

function idMember(id: string): string {
  return id === '' ? '' : `"id":${id},`;
}

function moreMember(more: boolean): string {
  return more ? ',"more":true' : '';
}

const peer = { problem: problemFrame, draining };

export const jsonDeviceCodec: DeviceCodec = {
  ...peer,
  welcome: (device, pingIntervalMs) => JSON.stringify({ op: 'welcome', device, pingIntervalMs }),
  ack,
};

/** Both subprotocols: they differ in events only. */
function subscriberCodec(encoding: Encoding): SubscriberCodec {
  return {
    ...peer,
    encoding,
    welcome(subscriber, pingIntervalMs, resumed, more) {
      const devices = resumed.map(({ device }) => device);
      const welcome = { op: 'welcome', subscriber, pingIntervalMs, resumed: devices };
      return JSON.stringify(more ? { ...welcome, more } : welcome);
    },
    answer,
    notice(notice, entries, more) {
      const { op, ...rest } = notices[notice];
      const devices = entries.map(({ device }) => device);
      // `resumed` says of every page whether another follows; the others only where one does.
      return JSON.stringify({ op, devices, ...rest, ...((more || notice === Notice.resumed) && { more }) });
    },
    gap: gapFrame,
  };
}

export const jsonSubscriberCodec = subscriberCodec(Encoding.json);
export const binarySubscriberCodec = subscriberCodec(Encoding.binary);
