/** The control frames of the hub's own protocol, as JSON text. Ids match the id grammar and need no escaping. */
import { errors, removals } from '../codes.ts';
import { deviceStateNames, statusOf } from '../presence/lifecycle.ts';
import { type Entry, type FilterEntry, Notice, Refusal, type RefusedDevice } from '../records/replies.ts';
import type { OpName } from '../records/requests.ts';
import type { Asked, DeviceCodec, GatewayCodec, Problem, SubscriberCodec, Told } from './codec.ts';
import { Encoding } from './encodings.ts';
import { epochName } from './events.ts';
import { gapFrame } from './gap.ts';
import { ID_ACCEPTED } from './id.ts';

/** @param id raw JSON of the id @param device the member that names the device, '' where it is the peer */
function ackFrame(id: string, seq: number, skipped: boolean, device: string): string {
  return `{"op":"ack",${device}"id":${id},"seq":${seq}${skipped ? ',"skipped":true' : ''}}`;
}

/** @param device as in `ackFrame` */
export function problemFrame({ code, message, id, retryAfterMs }: Problem, device = ''): string {
  const retry = retryAfterMs === undefined ? '' : `,"retryAfterMs":${Math.ceil(retryAfterMs)}`;
  return `{"op":"error",${device}${idMember(id)}"code":${code},"message":${JSON.stringify(message)}${retry}}`;
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
  [Notice.gone]: removed(removals.gone),
  [Notice.filterFull]: { op: 'error', code: errors.limit.code },
  [Notice.entry]: { op: 'subscribed' },
};

function removed(
  removal: (typeof removals)[keyof typeof removals],
  reason: string = removal.reason,
): Readonly<Record<string, string | number>> {
  return { op: 'removed', code: removal.code, reason };
}

export const refusals: Readonly<Record<Refusal, { readonly code: number; readonly message: string }>> = {
  [Refusal.notCovered]: { code: errors.denied.code, message: 'not covered by the token' },
  [Refusal.notAllowed]: { code: errors.denied.code, message: 'not allowed to subscribe to this device' },
  [Refusal.denied]: { code: errors.denied.code, message: 'denied by an operator' },
  [Refusal.notSubscribed]: { code: errors.unknownDevice.code, message: 'not subscribed to this device' },
  [Refusal.tooMany]: {
    code: errors.limit.code,
    message: 'more subscriptions than one subscriber may have (DAT_MAX_SUBSCRIPTIONS_PER_SUBSCRIBER)',
  },
  [Refusal.full]: { code: errors.limit.code, message: 'the hub is at capacity' },
  [Refusal.unusedFull]: {
    code: errors.limit.code,
    message: 'no room for one more id that no device has used yet',
  },
  [Refusal.tooManyFilters]: {
    code: errors.limit.code,
    message: 'more filters than one subscriber may have (DAT_MAX_FILTERS_PER_SUBSCRIBER)',
  },
  [Refusal.alreadyActive]: {
    code: errors.badRequest.code,
    message: 'since: the subscription is active already; connect with ?hold=true to recover',
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
  entries: readonly Told[],
  refused: readonly RefusedDevice[],
  filters: readonly FilterEntry[],
  more: boolean,
): string {
  const name = answerOps[op];
  const isSubscribed = name === 'subscribed';
  const item = isSubscribed ? subscribedItem : op === 'list' ? listItem : nameItem;
  const filterItems = filters.map((filter) => JSON.stringify(filterItem(op, filter)));
  const filtered = filters.length > 0 ? `,"filters":[${filterItems.join(',')}]` : '';
  const problems = isSubscribed || refused.length > 0 ? `,"errors":[${errorItems(refused)}]` : '';
  return `{"op":"${name}",${idMember(id)}"devices":[${entries.map(item).join(',')}]${filtered}${problems}${moreMember(more)}}`;
}

function errorItems(refused: readonly RefusedDevice[]): string {
  return refused.map(({ device, why }) => JSON.stringify({ device, ...refusals[why] })).join(',');
}

/** What an answer says of a filter. */
function filterItem(op: OpName, { filter, value }: FilterEntry): object | string {
  if (op === 'subscribe' || op === 'resume') return value < 0 ? { filter } : { filter, matched: value };
  return op === 'list' ? { filter, status: statusOf(value) } : filter;
}

/** Written by hand, as an answer has a thousand of them. Only the device's own status may need escaping. */
function subscribedItem(entry: Told): string {
  const { device, lastSeen, seq, deviceStatus, recovered } = entry;
  const state = deviceStateNames[entry.deviceState as 1 | 2 | 3];
  const status = deviceStatus === '' ? 'null' : JSON.stringify(deviceStatus);
  const more = recovered === undefined ? '' : `,"recovered":${recovered}`;
  return `{"device":"${device}","status":"${statusOf(entry.rowState)}","state":"${state}","lastSeen":${lastSeen},"seq":${seq},"epoch":"${epochName(entry.epoch)}","deviceStatus":${status}${more}}`;
}

function listItem({ device, rowState }: Entry): string {
  return `{"device":"${device}","status":"${statusOf(rowState)}"}`;
}

function deviceOf({ device }: Entry): string {
  return device;
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

const peer = { problem: (problem: Problem) => problemFrame(problem), draining };

export const jsonDeviceCodec: DeviceCodec = {
  ...peer,
  welcome: (device, pingIntervalMs) => JSON.stringify({ op: 'welcome', device, pingIntervalMs }),
  ack: (id, seq, skipped) => ackFrame(id, seq, skipped, ''),
  interest: (active) => JSON.stringify({ op: 'interest', active }),
};

/** A device behind a gateway: what is for it names it. */
class JsonDeviceOfGateway implements DeviceCodec {
  readonly #device: string;

  constructor(device: string) {
    this.#device = device;
  }

  /** The gateway is told. */
  draining(): undefined {}

  welcome(): undefined {}

  problem(problem: Problem): string {
    return problemFrame(problem, this.#member);
  }

  ack(id: string, seq: number, skipped: boolean): string {
    return ackFrame(id, seq, skipped, this.#member);
  }

  interest(active: boolean): string {
    return JSON.stringify({ op: 'interest', device: this.#device, active });
  }

  get #member(): string {
    return `"device":"${this.#device}",`;
  }
}

export const jsonGatewayCodec: GatewayCodec = {
  ...peer,
  welcome: (gateway, pingIntervalMs) => JSON.stringify({ op: 'welcome', gateway, pingIntervalMs }),
  device: (device) => new JsonDeviceOfGateway(device),
  closed: (device, code) => JSON.stringify({ op: 'closed', device, code }),
};

/** Both subprotocols: they differ in events only. */
function subscriberCodec(encoding: Encoding): SubscriberCodec {
  return {
    ...peer,
    encoding,
    welcome(subscriber, pingIntervalMs, { resumed, filters, held, more }) {
      return JSON.stringify({
        op: 'welcome',
        subscriber,
        pingIntervalMs,
        resumed: resumed.map(deviceOf),
        ...(filters.length > 0 && { resumedFilters: filters.map(({ filter }) => filter) }),
        ...(held && { held }),
        ...(more && { more }),
      });
    },
    answer,
    notice(notice, entries, filters, more) {
      if (notice === Notice.entry)
        return `{"op":"subscribed","devices":[${entries.map(subscribedItem).join(',')}],"errors":[]}`;
      const { op, ...rest } = notices[notice];
      const names = filters.map(({ filter }) => filter);
      if (notice === Notice.filterFull) {
        const message = 'no room for a device that the filter matches';
        return JSON.stringify({ op, ...rest, filter: names[0], message });
      }
      return JSON.stringify({
        op,
        devices: entries.map(deviceOf),
        ...(names.length > 0 && { filters: names }),
        ...rest,
        // `resumed` says of every page whether another follows; the others only where one does.
        ...((more || notice === Notice.resumed) && { more }),
      });
    },
    filterPage(filter, entries, more, refused = []) {
      const problems = refused.length > 0 ? `,"errors":[${errorItems(refused)}]` : '';
      return `{"op":"subscribed","filter":"${filter}","devices":[${entries.map(subscribedItem).join(',')}]${problems},"more":${more}}`;
    },
    gap: gapFrame,
  };
}

export const jsonSubscriberCodec = subscriberCodec(Encoding.json);
export const binarySubscriberCodec = subscriberCodec(Encoding.binary);
