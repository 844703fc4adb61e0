/**
 * Every record between nodes. What each means and when it is sent: docs/cluster.md. Numbers are never reused.
 */
import { recordType } from './wire.ts';

/** What has a home. */
export const HomeKind = { device: 0, subscriber: 1, gateway: 2 } as const;
export type HomeKind = (typeof HomeKind)[keyof typeof HomeKind];

/** Whether the number, which came from another node, is a `HomeKind`. */
export function isHomeKind(value: number): value is HomeKind {
  return value === HomeKind.device || value === HomeKind.subscriber || value === HomeKind.gateway;
}

/** What a node needs from a device, by its subscriptions to the device. */
export const Level = { idle: 0, waiting: 1, active: 2 } as const;
export type Level = (typeof Level)[keyof typeof Level];

/** Why a follow ends, or was refused; 3 was used. */
export const Unfollow = { notHere: 1, gone: 2, terminated: 4 } as const;

/** An event record as the hub's rings carry it; its device field holds the handle of the follow. */
export const EVENT = 1;
/**
 * A kept event, for a request: its session field holds the request, and its `received` the seq from which nothing is
 * missing before it.
 */
export const PAST = 2;

/** The first record of a session. `answered`: the last claim of the receiver's boot that the sender has answered. */
export const opened = recordType(3, { answered: 'count', joining: 'flag' });
/** All claims that the receiver had not answered have been sent. */
export const claimed = recordType(4, {});
/** The sender is `in`: it answers lookups and follows. */
export const ready = recordType(5, {});
export const ping = recordType(6, { at: 'time' });
export const pong = recordType(7, { at: 'time' });

export const claim = recordType(8, {
  stamp: 'count',
  number: 'count',
  kind: 'u8',
  fresh: 'flag',
  connected: 'flag',
  id: 'id',
});
export const claimsAnswered = recordType(9, { stamp: 'count' });
export const known = recordType(10, { number: 'count', kind: 'u8', id: 'id' });
export const mine = recordType(11, { number: 'count', kind: 'u8', connected: 'flag', id: 'id' });
export const part = recordType(12, { kind: 'u8', id: 'id', bytes: 'bytes' });
/** `leave`: nobody asked for it, the sender drains. */
export const handOver = recordType(13, { number: 'count', kind: 'u8', leave: 'flag', id: 'id' });
export const contest = recordType(14, { number: 'count', kind: 'u8', alive: 'flag', id: 'id' });

export const ask = recordType(15, { id: 'id' });
export const here = recordType(16, { number: 'count', connected: 'flag', id: 'id' });
/** How many of this session's questions are answered. */
export const asksAnswered = recordType(17, { count: 'count' });
/** `request` is repeated in the answer: only the answer to the newest counts. */
export const follow = recordType(18, {
  known: 'count',
  seq: 'count',
  request: 'u32',
  level: 'u8',
  since: 'flag',
  fromClaim: 'flag',
  /** A subscription by id: the device stays in the home's table while it is offline. */
  holds: 'flag',
  id: 'id',
  epoch: 'text',
});
export const unfollow = recordType(19, { id: 'id' });
/** `seq`: the stream starts after it. */
export const followed = recordType(20, {
  number: 'count',
  seq: 'count',
  lastSeen: 'time',
  request: 'u32',
  handle: 'u32',
  state: 'u8',
  startState: 'u8',
  id: 'id',
  epoch: 'text',
  status: 'text',
});
/** Everything up to `seq` was sent, or is lost. */
export const seq = recordType(21, { seq: 'count', handle: 'u32' });
export const moved = recordType(22, { seq: 'count', number: 'count', handle: 'u32', to: 'id' });
/** `request` 0: not an answer, the follow has ended. */
export const unfollowed = recordType(23, { request: 'u32', why: 'u8', id: 'id' });

/** Ids after `cursor` in the home's own order; '' the first. */
export const list = recordType(24, { request: 'u32', prefix: 'text', cursor: 'text' });
/** `cursor` '' : these were the last. */
export const listed = recordType(25, { request: 'u32', cursor: 'text', ids: 'ids' });
/** Kept events of the epoch with `after` < seq < `before`, the newest `max` of them. `epoch` '' : the present one. */
export const history = recordType(26, {
  after: 'count',
  before: 'count',
  request: 'u32',
  max: 'u32',
  id: 'id',
  epoch: 'text',
});
/** Ends a page. `found` false: not the home, or another epoch. `more`: older ones are kept. */
export const historyEnd = recordType(27, { request: 'u32', found: 'flag', more: 'flag', epoch: 'text' });

export const confirm = recordType(28, { revision: 'count', request: 'u32', bucket: 'text' });
export const confirmed = recordType(29, { request: 'u32' });
export const call = recordType(30, { request: 'u32', more: 'flag', name: 'text', body: 'bytes' });
/**
 * An operator has ended the id: claims up to this number have ended. Sent when a session opens, and to a node that claims
 * the id without knowing it.
 */
export const ended = recordType(32, { number: 'count', kind: 'u8', id: 'id' });
export const reply = recordType(31, { request: 'u32', status: 'u32', more: 'flag', body: 'bytes' });
