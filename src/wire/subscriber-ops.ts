/** What a subscriber sends. */
import { isPattern } from '../access/pattern.ts';
import { errors } from '../codes.ts';
import { HISTORY_EVENTS_MAX, SUBSCRIBE_DEVICES_MAX } from '../limits.ts';
import { ALL_TYPES, type EventTypeName, type StreamPosition, typeBits } from './events.ts';
import { isId } from './id.ts';
import { scanKey, scanString, scanValue, skipSpace } from './json-scan.ts';

const ID_CHARACTERS_MAX = 256;
const EPOCH_CHARACTERS_MAX = 64;
/** An id that is a little too long is echoed whole. */
const MALFORMED_CHARACTERS_MAX = 256;

/** What a list of devices names. */
export interface Named {
  /** Ids, without repetitions. */
  readonly devices: readonly string[];
  /** Prefixes, each with its star, without repetitions. */
  readonly filters: readonly string[];
  /** Neither: each is answered individually, and does not affect the others. */
  readonly malformed: readonly string[];
}

/** The past events that a subscribe asks for. */
export interface Past {
  /** The newest message and the newest status of each device. */
  readonly last: boolean;
  /** At most so many of the newest events of each device; 0: none. */
  readonly history: number;
  /** By device: everything after this. */
  readonly since: ReadonlyMap<string, StreamPosition>;
}

export const NO_PAST: Past = { last: false, history: 0, since: new Map() };

export type SubscriberOp =
  | {
      readonly ok: true;
      readonly op: 'subscribe' | 'unsubscribe' | 'pause' | 'resume';
      /** Raw JSON of the frame's id, '' when it has none. */
      readonly id: string;
      /** undefined only for pause and resume: all. */
      readonly named: Named | undefined;
      /** Bits of event types. */
      readonly types: number;
      readonly past: Past;
      /** How many ids and filters the frame has, each of which costs; what is named twice counts once. */
      readonly ids: number;
    }
  | {
      readonly ok: true;
      readonly op: 'since';
      readonly id: string;
      readonly since: ReadonlyMap<string, StreamPosition>;
      /** As above. */
      readonly ids: number;
    }
  | { readonly ok: true; readonly op: 'touch' | 'list'; readonly id: string; readonly ids: 0 };

export interface OpProblem {
  readonly ok: false;
  readonly code: number;
  readonly message: string;
  readonly id: string;
}

type Listed = { readonly ok: true; readonly named: Named } | Omit<OpProblem, 'id'>;
type Failed = Omit<OpProblem, 'id'>;

/** Parses a text frame; what is wrong with it is told in words, with the frame's id where that could be read. */
export function parseSubscriberOp(text: string): SubscriberOp | OpProblem {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return bad('not JSON; expected one JSON object', '');
  }
  if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) {
    return bad('not a JSON object', '');
  }
  const { op, id: givenId } = frame as Record<'op' | 'id', unknown>;
  const id = rawId(givenId, text);
  if (id === undefined) {
    const accepted = `a string or a number of at most ${ID_CHARACTERS_MAX} characters`;
    return bad(`id: ${shown(givenId)}; expected ${accepted}`, '');
  }
  const parsed = parseOp(frame as Frame, op);
  return parsed.ok ? { ...parsed, id } : { ...parsed, id };
}

type Frame = Readonly<Record<'devices' | 'types' | 'last' | 'history' | 'since', unknown>>;
type WithoutId<Op> = Op extends unknown ? Omit<Op, 'id'> : never;

function parseOp(frame: Frame, op: unknown): WithoutId<SubscriberOp> | Failed {
  switch (op) {
    case 'touch':
    case 'list':
      return { ok: true, op, ids: 0 };
    case 'since': {
      const since = parseSince(frame.since);
      return since instanceof Map ? { ok: true, op, since, ids: Object.keys(frame.since!).length } : since;
    }
    case 'pause':
    case 'resume':
      if (frame.devices === undefined)
        return { ok: true, op, named: undefined, types: ALL_TYPES, past: NO_PAST, ids: 0 };
      break;
    case 'subscribe':
      return parseSubscribe(frame);
    case 'unsubscribe':
      break;
    default:
      return {
        ok: false,
        code: errors.unknownOp.code,
        message: `unknown op: ${shown(op)}; expected subscribe, unsubscribe, pause, resume, touch, list or since`,
      };
  }
  const listed = listDevices(frame.devices);
  if (!listed.ok) return listed;
  const { named } = listed;
  return { ok: true, op, named, types: ALL_TYPES, past: NO_PAST, ids: idsIn(named) };
}

function parseSubscribe(frame: Frame): WithoutId<SubscriberOp> | Failed {
  const listed = listDevices(frame.devices);
  if (!listed.ok) return listed;
  const types = frame.types === undefined ? ALL_TYPES : parseTypes(frame.types);
  if (typeof types !== 'number') return types;
  const { last = false, history = 0 } = frame;
  if (typeof last !== 'boolean') return badList(`last: ${shown(last)}; expected true or false`);
  const isCount =
    Number.isInteger(history) && (history as number) >= 0 && (history as number) <= HISTORY_EVENTS_MAX;
  if (!isCount || (frame.history !== undefined && history === 0))
    return badList(`history: ${shown(history)}; expected a whole number from 1 to ${HISTORY_EVENTS_MAX}`);
  const since = frame.since === undefined ? NO_PAST.since : parseSince(frame.since);
  if (!(since instanceof Map)) return since as Failed;
  const past = { last, history: history as number, since };
  const { named } = listed;
  return { ok: true, op: 'subscribe', named, types, past, ids: idsIn(named, frame.since) };
}

/** @param since an object by ids, where there is one */
function idsIn({ devices, filters, malformed }: Named, since?: unknown): number {
  const named = devices.length + filters.length + malformed.length;
  if (since === undefined) return named;
  const known = new Set(devices);
  return named + Object.keys(since as object).filter((id) => !known.has(id)).length;
}

/** @returns bits of event types */
function parseTypes(types: unknown): number | Failed {
  const accepted = 'a list of message, status and pong';
  if (!Array.isArray(types) || types.length === 0)
    return badList(`types: ${shown(types)}; expected ${accepted}`);
  let bits = 0;
  for (const type of types) {
    if (typeof type !== 'string' || !Object.hasOwn(typeBits, type))
      return badList(`types: ${shown(type)}; expected ${accepted}`);
    bits |= typeBits[type as EventTypeName];
  }
  return bits;
}

/** Parses the `types` of the URL: names separated by commas. */
export function parseTypesQuery(value: string): number | Failed {
  return parseTypes(value.split(','));
}

function parseSince(since: unknown): Map<string, StreamPosition> | Failed {
  const accepted = '{"DEVICE":{"epoch":"…","seq":…}}';
  if (typeof since !== 'object' || since === null || Array.isArray(since))
    return badList(`since: ${shown(since)}; expected ${accepted}`);
  const entries = Object.entries(since as Record<string, unknown>);
  if (entries.length > SUBSCRIBE_DEVICES_MAX) {
    const message = `since: ${entries.length} devices; expected at most ${SUBSCRIBE_DEVICES_MAX} in one frame`;
    return { ok: false, code: errors.limit.code, message };
  }
  const positions = new Map<string, StreamPosition>();
  for (const [device, position] of entries) {
    const { epoch, seq } = (position ?? {}) as Partial<Record<'epoch' | 'seq', unknown>>;
    if (
      typeof epoch !== 'string' ||
      epoch.length > EPOCH_CHARACTERS_MAX ||
      !Number.isSafeInteger(seq) ||
      (seq as number) < 0
    )
      return badList(`since: ${shown(device)} has no epoch and seq; expected ${accepted}`);
    // Else it may be as long as the frame, and positions are kept until the next subscribe.
    if (isId(device)) positions.set(device, { epoch, seq: seq as number });
  }
  return positions;
}

/** Parses the `devices` of the URL: ids and filters separated by commas. */
export function parseDevicesQuery(value: string): Listed {
  return listDevices(value.split(','));
}

function listDevices(devices: unknown): Listed {
  if (!Array.isArray(devices) || devices.length === 0)
    return badList(`devices: ${shown(devices)}; expected a list of 1 to ${SUBSCRIBE_DEVICES_MAX} ids`);
  if (devices.length > SUBSCRIBE_DEVICES_MAX) {
    const message = `devices: ${devices.length} ids; expected at most ${SUBSCRIBE_DEVICES_MAX} in one frame`;
    return { ok: false, code: errors.limit.code, message };
  }
  const named = { devices: new Set<string>(), filters: new Set<string>(), malformed: new Set<string>() };
  for (const name of devices) {
    if (typeof name !== 'string') named.malformed.add(shown(name));
    else if (isId(name)) named.devices.add(name);
    else if (isPattern(name)) named.filters.add(name);
    else named.malformed.add(cut(name));
  }
  return {
    ok: true,
    named: { devices: [...named.devices], filters: [...named.filters], malformed: [...named.malformed] },
  };
}

/** What is echoed of it. What is cut ends in a character that no id has, so it never names another id. */
function cut(text: string): string {
  return text.length <= MALFORMED_CHARACTERS_MAX ? text : `${text.slice(0, MALFORMED_CHARACTERS_MAX)}…`;
}

function badList(message: string): Failed {
  return { ok: false, code: errors.badRequest.code, message };
}

function bad(message: string, id: string): OpProblem {
  return { ok: false, code: errors.badRequest.code, message, id };
}

/** @returns '' when there is none, undefined when it is not acceptable */
function rawId(id: unknown, text: string): string | undefined {
  if (id === undefined) return '';
  if (typeof id !== 'string' && !Number.isFinite(id)) return undefined;
  // A 64-bit id does not survive being parsed: it is echoed as it was written.
  const isExact = typeof id === 'string' || Number.isSafeInteger(id);
  const raw = isExact ? JSON.stringify(id) : writtenId(text);
  return raw !== undefined && raw.length <= ID_CHARACTERS_MAX ? raw : undefined;
}

/** @param text a JSON object @returns the raw JSON of its last `id`, undefined when a member is nested too deep */
function writtenId(text: string): string | undefined {
  const bytes = Buffer.from(text);
  let raw: string | undefined;
  let at = skipSpace(bytes, 0); // the opening brace, then each comma
  do {
    const key = skipSpace(bytes, at + 1);
    const value = scanKey(bytes, key);
    const end = scanValue(bytes, value);
    if (end < 0) return undefined;
    if (JSON.parse(bytes.toString('utf8', key, scanString(bytes, key))) === 'id') {
      raw = bytes.toString('latin1', value, end);
    }
    at = skipSpace(bytes, end);
  } while (bytes[at] === COMMA);
  return raw;
}

const COMMA = 0x2c;

const SHOWN_CHARACTERS_MAX = 40;

/** Lists and objects are not written out: JSON.stringify throws on deep nesting, which JSON.parse lets through. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'object' && value !== null) {
    if (!Array.isArray(value)) return 'an object';
    return value.length === 0 ? 'an empty list' : 'a list';
  }
  if (typeof value !== 'string') return String(value);
  const cut = value.length > SHOWN_CHARACTERS_MAX;
  return `${JSON.stringify(value.slice(0, SHOWN_CHARACTERS_MAX))}${cut ? '…' : ''}`;
}
