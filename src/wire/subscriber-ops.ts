/** What a subscriber sends. */
import { errors } from '../codes.ts';
import { SUBSCRIBE_DEVICES_MAX } from '../limits.ts';
import { ID_ACCEPTED, isId } from './id.ts';
import { scanKey, scanString, scanValue, skipSpace } from './json-scan.ts';

const ID_CHARACTERS_MAX = 256;

export type SubscriberOp =
  | {
      readonly ok: true;
      readonly op: 'subscribe' | 'unsubscribe' | 'pause' | 'resume';
      /** Raw JSON of the frame's id, '' when it has none. */
      readonly id: string;
      /** Without repetitions; undefined only for pause and resume: all. */
      readonly devices: readonly string[] | undefined;
    }
  | { readonly ok: true; readonly op: 'touch' | 'list'; readonly id: string; readonly devices: undefined };

export interface OpProblem {
  readonly ok: false;
  readonly code: number;
  readonly message: string;
  readonly id: string;
}

type Listed = { readonly ok: true; readonly devices: readonly string[] } | Omit<OpProblem, 'id'>;

/** Parses a text frame; what is wrong with it is told in words, with the frame's id where that could be read. */
export function parseSubscriberOp(text: string): SubscriberOp | OpProblem {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return bad('not JSON; one JSON object is accepted', '');
  }
  if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) {
    return bad('not a JSON object', '');
  }
  const { op, id: givenId, devices } = frame as Record<'op' | 'id' | 'devices', unknown>;
  const id = rawId(givenId, text);
  if (id === undefined) {
    const accepted = `a string or a number of at most ${ID_CHARACTERS_MAX} characters is accepted`;
    return bad(`id: ${shown(givenId)}; ${accepted}`, '');
  }
  switch (op) {
    case 'touch':
    case 'list':
      return { ok: true, op, id, devices: undefined };
    case 'pause':
    case 'resume':
      if (devices === undefined) return { ok: true, op, id, devices };
      break;
    case 'subscribe':
    case 'unsubscribe':
      break;
    default:
      return {
        ok: false,
        code: errors.unknownOp.code,
        message: `op: ${shown(op)}; subscribe, unsubscribe, pause, resume, touch or list is accepted`,
        id,
      };
  }
  const listed = listDevices(devices);
  return listed.ok ? { ok: true, op, id, devices: listed.devices } : { ...listed, id };
}

/** Parses the `devices` of the URL: ids separated by commas. */
export function parseDevicesQuery(value: string): Listed {
  return listDevices(value.split(','));
}

function listDevices(devices: unknown): Listed {
  if (!Array.isArray(devices) || devices.length === 0)
    return badList(`devices: ${shown(devices)}; a list of 1 to ${SUBSCRIBE_DEVICES_MAX} ids is accepted`);
  if (devices.length > SUBSCRIBE_DEVICES_MAX) {
    const message = `devices: ${devices.length} ids; at most ${SUBSCRIBE_DEVICES_MAX} are accepted in one frame`;
    return { ok: false, code: errors.limit.code, message };
  }
  for (const device of devices) {
    if (typeof device !== 'string' || !isId(device)) {
      return badList(`devices: ${shown(device)}; expected ${ID_ACCEPTED}`);
    }
  }
  return { ok: true, devices: [...new Set(devices as string[])] };
}

function badList(message: string): Listed {
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
    if (!Array.isArray(value)) return 'an object given';
    return value.length === 0 ? 'an empty list given' : 'a list given';
  }
  if (typeof value !== 'string') return `${value} given`;
  const cut = value.length > SHOWN_CHARACTERS_MAX;
  return `${JSON.stringify(value.slice(0, SHOWN_CHARACTERS_MAX))}${cut ? '…' : ''} given`;
}
