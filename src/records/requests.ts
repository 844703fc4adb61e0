/**
 * What an edge tells the owner, beside events: who came, who left, who was heard again, and what its peers ask for.
 * A session is one peer in one role; its number carries the number of its edge, so it is unique in the hub.
 */
import type { Actor, Role } from '../access/actor.ts';
import { PatternSet } from '../access/pattern-set.ts';
import { EVENT_KIND } from './event.ts';
import { record } from './layout.ts';

/** Roles that join, by number. */
export const SessionKind = { device: 0, subscriber: 1 } as const;
export type SessionKind = (typeof SessionKind)[keyof typeof SessionKind];

/** A peer connected. `again`: told to a new owner, of a peer that an earlier one had welcomed. */
const join = record(2, {
  session: 'u32',
  kind: 'u8',
  again: 'flag',
  vip: 'flag',
  restricted: 'flag',
  hold: 'flag',
  interest: 'flag',
  connectedAt: 'f64',
  id: 'text',
  patterns: 'text',
});
/** A connection is over. `clean`: by a goodbye. */
const leave = record(3, { session: 'u32', clean: 'flag' });
/** A peer whose silence is on record was heard. */
const active = record(4, { session: 'u32' });
/** A subscriber asks for something. `request` comes back in the answer. */
const request = record(5, {
  session: 'u32',
  request: 'u32',
  op: 'u8',
  all: 'flag',
  types: 'u8',
  devices: 'text',
  filters: 'text',
});
/** The next page of an answer may come; `request` 0: of what the hub itself tells. */
const more = record(6, { session: 'u32', request: 'u32' });
/** All joins after a `Resync` were told. */
const synced = record(7, {});

export const ToOwnerRecord = {
  Event: EVENT_KIND,
  Join: join.kind,
  Leave: leave.kind,
  Active: active.kind,
  Request: request.kind,
  More: more.kind,
  Synced: synced.kind,
} as const;

export const { write: writeLeave, read: readLeave } = leave;
export const { write: writeActive, read: readActive } = active;
export const { write: writeMore, read: readMore } = more;
export const { write: writeSynced } = synced;

export interface Join {
  readonly session: number;
  readonly kind: SessionKind;
  readonly actor: Actor;
  readonly again: boolean;
  /** A subscriber that does not want its kept subscriptions back yet. */
  readonly hold: boolean;
  /** A device that wants to know whether anybody listens. */
  readonly interest: boolean;
  /** Wall-clock ms. */
  readonly connectedAt: number;
}

const roles = ['device', 'subscriber'] as const satisfies readonly Role[];

/** Ids and patterns hold no newline: a list travels as lines. */
export function writeJoin(ring: Parameters<typeof join.write>[0], value: Join): void {
  const { session, kind, actor, again, hold, interest, connectedAt } = value;
  const { id, devices, vip } = actor;
  const patterns = devices?.patterns.join('\n') ?? '';
  join.write(ring, {
    session,
    kind,
    again,
    hold,
    interest,
    vip,
    restricted: devices !== undefined,
    connectedAt,
    id,
    patterns,
  });
}

export function readJoin(...at: Parameters<typeof join.read>): Join {
  const { session, kind, again, hold, interest, vip, restricted, connectedAt, id, patterns } = join.read(
    ...at,
  );
  const devices = restricted ? new PatternSet(lines(patterns)) : undefined;
  const actor = { role: roles[kind as SessionKind], id, devices, vip };
  return { session, kind: kind as SessionKind, again, hold, interest, connectedAt, actor };
}

/** What a subscriber may ask for through the owner. */
export const Op = { subscribe: 1, unsubscribe: 2, pause: 3, resume: 4, list: 5 } as const;
export type OpName = keyof typeof Op;
const opNames = ['list', 'subscribe', 'unsubscribe', 'pause', 'resume', 'list'] as const;

export interface Request {
  readonly session: number;
  /** Number of the request within its session, from 1. */
  readonly request: number;
  readonly op: OpName;
  /** undefined: all of the subscriber's. */
  readonly devices: readonly string[] | undefined;
  /** Prefixes, each with its star. */
  readonly filters: readonly string[];
  /** Bits of the event types that a subscribe asks for. */
  readonly types: number;
}

export function writeRequest(ring: Parameters<typeof request.write>[0], value: Request): void {
  const { session, request: number, op, devices, types } = value;
  request.write(ring, {
    session,
    request: number,
    op: Op[op],
    all: devices === undefined,
    types,
    devices: devices?.join('\n') ?? '',
    filters: value.filters.join('\n'),
  });
}

export function readRequest(...at: Parameters<typeof request.read>): Request {
  const { session, request: number, op, all, types, devices, filters } = request.read(...at);
  return {
    session,
    request: number,
    op: opNames[op as 0 | 1],
    devices: all ? undefined : lines(devices),
    filters: lines(filters),
    types,
  };
}

function lines(text: string): string[] {
  return text === '' ? [] : text.split('\n');
}
