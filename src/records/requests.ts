/**
 * The records from an edge to the owner, besides events: who came, who left, who was heard again, and what its peers
 * ask for. A session is one peer in one role; its number contains the number of its edge, so it is unique in the hub.
 */
import type { Actor } from '../access/actor.ts';
import { PatternSet } from '../access/pattern-set.ts';
import { DEVICES_PER_SLICE } from '../limits.ts';
import { peerRoles } from '../roles.ts';
import { EVENT_KIND } from './event.ts';
import { recordLayout } from './layout.ts';

/** Roles that join, by number. */
export const SessionKind = { device: 0, subscriber: 1, gateway: 2 } as const;
export type SessionKind = (typeof SessionKind)[keyof typeof SessionKind];

/** A peer connected. `again`: told to a new owner, of a peer that an earlier one had welcomed. */
const join = recordLayout(2, {
  session: 'u32',
  kind: 'u8',
  again: 'flag',
  vip: 'flag',
  restricted: 'flag',
  hold: 'flag',
  interest: 'flag',
  generated: 'flag',
  fresh: 'flag',
  silenceMsMin: 'f64',
  connectedAt: 'f64',
  ticket: 'f64',
  id: 'text',
  patterns: 'text',
  gateway: 'text',
});
/** A session has ended. `clean`: by a goodbye. `confirm`: the edge waits for `Left`. `keepMs`: see `Leave`. */
const leave = recordLayout(3, { session: 'u32', clean: 'flag', confirm: 'flag', keepMs: 'f64' });
/** A peer that counts as silent was heard. */
const active = recordLayout(4, { session: 'u32' });
/** A subscriber's request. `request` comes back in the answer. */
const request = recordLayout(5, {
  session: 'u32',
  request: 'u32',
  op: 'u8',
  all: 'flag',
  types: 'u8',
  past: 'flag',
  slice: 'u8',
  devices: 'text',
  filters: 'text',
});
/** The next page of an answer may come; `request` 0: of the hub's own notices. */
const more = recordLayout(6, { session: 'u32', request: 'u32' });
/** All joins after a `Resync` have been sent. `term`: that of the `Resync`. */
const synced = recordLayout(7, { term: 'u32' });
/**
 * An MQTT client takes its id, before it has any role; the owner answers with `Registered` once an older connection
 * with the id has left. `again`: told to a new owner, of a client that an earlier one had registered. `ticket`: its
 * place in the order of all peers (`tickets.ts`).
 */
const register = recordLayout(20, {
  session: 'u32',
  clean: 'flag',
  again: 'flag',
  ticket: 'f64',
  id: 'text',
});
/** It has left. `kept`: what its session keeps for `keepMs`; 0: nothing. `id`: for an owner that does not know it. */
const deregister = recordLayout(21, { session: 'u32', keepMs: 'f64', id: 'text', kept: 'text' });
/**
 * What is published for a device when it is lost; `type` 0: nothing any more. `delayMs`: replaces a longer leave grace.
 */
const will = recordLayout(22, {
  session: 'u32',
  type: 'u8',
  payloadIsJson: 'flag',
  delayMs: 'f64',
  status: 'text',
  payload: 'bytes',
});

export const ToOwnerRecord = {
  Event: EVENT_KIND,
  Join: join.kind,
  Leave: leave.kind,
  Active: active.kind,
  Request: request.kind,
  More: more.kind,
  Synced: synced.kind,
  Register: register.kind,
  Deregister: deregister.kind,
  Will: will.kind,
} as const;

/** A will is withdrawn. */
export const NO_WILL = {
  type: 0,
  payloadIsJson: false,
  delayMs: Number.POSITIVE_INFINITY,
  status: '',
  payload: new Uint8Array(0),
} as const;

/** A subscriber's subscriptions are kept as the settings say. */
export const KEEP_AS_SET = -1;

export interface Leave {
  readonly session: number;
  readonly clean: boolean;
  /** Whether the owner answers with `Left`. */
  readonly confirm?: boolean;
  /** How long a subscriber's subscriptions are kept, ms, 0 not at all; or `KEEP_AS_SET`. */
  readonly keepMs?: number;
}

/** Writes that a session has ended. */
export function writeLeave(ring: Parameters<typeof leave.write>[0], value: Leave): void {
  leave.write(ring, { confirm: false, keepMs: KEEP_AS_SET, ...value });
}

export const { read: readLeave } = leave;
export const { write: writeRegister, read: readRegister } = register;
export const { write: writeDeregister, read: readDeregister } = deregister;
export const { write: writeWill, read: readWill } = will;
export type Register = ReturnType<typeof readRegister>;
export type Deregister = ReturnType<typeof readDeregister>;
export type Will = ReturnType<typeof readWill>;
export const { write: writeActive, read: readActive } = active;
export const { write: writeMore, read: readMore } = more;
export const { write: writeSynced, read: readSynced } = synced;

export interface Join {
  readonly session: number;
  readonly kind: SessionKind;
  readonly actor: Actor;
  readonly again: boolean;
  /** A subscriber that does not want its kept subscriptions back yet. */
  readonly hold: boolean;
  /** A device that wants to know whether anybody listens. */
  readonly interest: boolean;
  /** The hub has generated the id: no other node knows it. */
  readonly generated?: boolean;
  /** A subscriber for whom nothing is to be kept from an earlier connection. */
  readonly fresh?: boolean;
  /** Lower bound of all silence limits, ms; Infinity: an open connection is never silent. */
  readonly silenceMsMin?: number;
  /** The gateway that speaks for the device; '' for a connection of its own. */
  readonly gateway: string;
  /** Wall-clock ms. */
  readonly connectedAt: number;
  /** Order in which peers joined, over all edges (`tickets.ts`). */
  readonly ticket: number;
}

/** Ids and patterns contain no newline, so a list travels as lines. */
export function writeJoin(ring: Parameters<typeof join.write>[0], value: Join): void {
  const { session, kind, actor, again, hold, interest, gateway, connectedAt, ticket } = value;
  const { fresh = false, silenceMsMin = 0, generated = false } = value;
  const { id, devices, vip } = actor;
  const patterns = devices?.patterns.join('\n') ?? '';
  join.write(ring, {
    session,
    kind,
    again,
    hold,
    interest,
    generated,
    fresh,
    silenceMsMin,
    vip,
    restricted: devices !== undefined,
    connectedAt,
    ticket,
    id,
    patterns,
    gateway,
  });
}

/** @param at the ring's views and the offset of a `Join` */
export function readJoin(...at: Parameters<typeof join.read>): Required<Join> {
  const { id, patterns, vip, restricted, kind, ...rest } = join.read(...at);
  const devices = restricted ? new PatternSet(lines(patterns)) : undefined;
  const actor = { role: peerRoles[kind as SessionKind], id, devices, vip };
  return { ...rest, kind: kind as SessionKind, actor };
}

/** The requests of a subscriber that the owner answers. */
export const Op = { subscribe: 1, unsubscribe: 2, pause: 3, resume: 4, list: 5 } as const;
export type OpName = keyof typeof Op;
const opNames: ReadonlyMap<number, OpName> = new Map(
  Object.entries(Op).map(([name, op]) => [op, name as OpName]),
);

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
  /** It also asks for kept events; the edge replays them. */
  readonly past?: boolean;
  /** Devices of a filter in one slice, at most `DEVICES_PER_SLICE`: fewer where the edge has more to do for each. */
  readonly slice?: number;
}

/** A subscriber's request; ids and filters travel as lines. */
export function writeRequest(ring: Parameters<typeof request.write>[0], value: Request): void {
  const { session, request: number, op, devices, types, past = false, slice = DEVICES_PER_SLICE } = value;
  request.write(ring, {
    session,
    request: number,
    op: Op[op],
    all: devices === undefined,
    types,
    past,
    slice,
    devices: devices?.join('\n') ?? '',
    filters: value.filters.join('\n'),
  });
}

/** @param at the ring's views and the offset of a `Request` */
export function readRequest(...at: Parameters<typeof request.read>): Request {
  const { session, request: number, op, all, types, past, slice, devices, filters } = request.read(...at);
  return {
    session,
    request: number,
    op: opNames.get(op)!,
    devices: all ? undefined : lines(devices),
    filters: lines(filters),
    types,
    past,
    slice,
  };
}

function lines(text: string): string[] {
  return text === '' ? [] : text.split('\n');
}
