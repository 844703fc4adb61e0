/**
 * Parses what a device sends, directly or through a gateway. Runs for every event: finds the members of a frame as byte
 * ranges and passes `data` on as it was written, so that nothing is parsed into objects or encoded again.
 */
import { defaultPriorities, EventType, Priority } from './events.ts';
import { ID_ACCEPTED, isId } from './id.ts';
import { JSON_DEPTH_MAX, scanKey, scanString, scanValue, skipSpace } from './json-scan.ts';

export const STATUS_CHARACTERS_MAX = 64;
const ACK_ID_BYTES_MAX = 255; // its length travels in one byte

/** What a parser found; made once and filled in again for each frame. Ranges are byte offsets into the frame. */
export interface DeviceFrame {
  /** An `EventType`. */
  type: number;
  /** A `Priority`. */
  priority: number;
  payloadIsJson: boolean;
  /** `data` (or the opaque payload); empty when there is none. */
  payloadStart: number;
  payloadEnd: number;
  /** Raw JSON of `id`; empty when no ack is asked for. Also set on a problem, where the id could be read. */
  ackStart: number;
  ackEnd: number;
  /** The device's status in an event of type status, else ''. */
  status: string;
}

/** A frame to be filled again for each that comes. */
export function createDeviceFrame(): DeviceFrame {
  return {
    type: 0,
    priority: 0,
    payloadIsJson: false,
    payloadStart: 0,
    payloadEnd: 0,
    ackStart: 0,
    ackEnd: 0,
    status: '',
  };
}

/** What else stands in a gateway's frame. */
export interface GatewayFrame extends DeviceFrame {
  /** The device that it speaks for; '' when it names none, or no valid id. */
  device: string;
  /** '' for an event; undefined for one that is not known. Also set on a problem, where the frame names a device. */
  op: '' | 'open' | 'close' | undefined;
  /** The op as messages show it, where it is not known. */
  unknownOp: string;
}

/** As `createDeviceFrame`, with what a gateway's frames have beside. */
export function createGatewayFrame(): GatewayFrame {
  return { ...createDeviceFrame(), device: '', op: '', unknownOp: '' };
}

/** Byte ranges of the members that count, -1 where absent; the last of a name wins, as in JSON.parse. */
const member = {
  type: -1,
  typeEnd: -1,
  priority: -1,
  priorityEnd: -1,
  status: -1,
  statusEnd: -1,
  device: -1,
  deviceEnd: -1,
  op: -1,
  opEnd: -1,
};

/**
 * Parses a text frame.
 * @returns undefined when it is fine, else what is wrong with it, for error 107
 */
export function parseDeviceText(frame: Uint8Array, into: DeviceFrame): string | undefined {
  const problem = readText(frame, into, take);
  return problem ?? readEvent(frame, into);
}

/**
 * Parses a text frame of a gateway: an event of a device, or what becomes of the device.
 * @returns as `parseDeviceText`; `into.device` is set where the frame names one, also on a problem
 */
export function parseGatewayText(frame: Uint8Array, into: GatewayFrame): string | undefined {
  member.device = member.op = -1;
  into.device = '';
  into.op = '';
  const problem = readText(frame, into, takeOfGateway);
  if (member.device < 0) return problem ?? 'device: missing; expected the id of a device';
  const device = frame[member.device] === QUOTE ? idAt(frame, member.device, member.deviceEnd) : '';
  if (!isId(device))
    return (
      problem ?? `device: ${shown(frame, member.device, member.deviceEnd)}; expected an id, ${ID_ACCEPTED}`
    );
  into.device = device;
  if (member.op >= 0) into.op = opNames[wordAt(frame, member.op, member.opEnd, opWords)];
  if (into.op === undefined) into.unknownOp = shown(frame, member.op, member.opEnd);
  return problem ?? (member.op < 0 ? readEvent(frame, into) : undefined);
}

/** Finds the members of a text frame. @returns as `parseDeviceText` */
function readText(frame: Uint8Array, into: DeviceFrame, takeMember: typeof take): string | undefined {
  reset(into, true);
  member.type = member.priority = member.status = -1;
  const isObject = readMembers(frame, into, takeMember);
  const idProblem = checkId(frame, into);
  if (isObject) return idProblem;
  member.device = -1; // it says nothing of any device
  return `not a JSON object, or a member nested deeper than ${JSON_DEPTH_MAX} levels`;
}

function readEvent(frame: Uint8Array, into: DeviceFrame): string | undefined {
  into.type = member.type < 0 ? 0 : wordAt(frame, member.type, member.typeEnd, typeWords);
  if (into.type === 0) {
    return `type: ${shown(frame, member.type, member.typeEnd)}; expected "message", "status" or "pong"`;
  }
  into.priority = defaultPriorities[into.type as 1 | 2 | 3];
  if (member.priority >= 0) {
    into.priority = wordAt(frame, member.priority, member.priorityEnd, priorityWords);
    if (into.priority === 0) {
      return `priority: ${shown(frame, member.priority, member.priorityEnd)}; expected "low", "normal" or "high"`;
    }
  }
  return into.type === EventType.status ? readStatus(frame, into) : undefined;
}

/**
 * Parses a binary frame: type and priority in byte 0, then an opaque payload.
 * @returns undefined when it is fine, else what is wrong with it, for error 107
 */
export function parseDeviceBinary(frame: Uint8Array, into: DeviceFrame): string | undefined {
  reset(into, false);
  const head = frame[0];
  if (head === undefined) return 'empty binary frame; byte 0 holds type and priority';
  const type = head & 0x0f;
  if (type < EventType.pong || type > EventType.status) {
    return `byte 0: type ${type}; expected 1 (pong), 2 (message) or 3 (status) in the low nibble`;
  }
  const priority = head >> 4;
  if (priority > Priority.high) {
    return `byte 0: priority ${priority}; expected 0 (default), 1 (low), 2 (normal) or 3 (high) in the high nibble`;
  }
  into.type = type;
  into.priority = priority === 0 ? defaultPriorities[type as 1 | 2 | 3] : priority;
  into.payloadStart = 1;
  into.payloadEnd = frame.length;
  if (type !== EventType.status) return undefined;
  const status = decodeUtf8(frame.subarray(1));
  if (status === undefined) return 'status: the payload is not UTF-8';
  into.status = status;
  return statusProblem(status);
}

const QUOTE = 0x22;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Word {
  readonly text: string;
  /** With its quotes. */
  readonly bytes: Uint8Array;
  readonly value: number;
}

/** Words by their first byte, which tells them apart. */
type Words = readonly (Word | undefined)[];

function wordsOf(values: Readonly<Record<string, number>>): Words {
  const words = new Array<Word | undefined>(256).fill(undefined);
  for (const [text, value] of Object.entries(values)) {
    words[text.charCodeAt(0)] = { text, bytes: bytesOf(`"${text}"`), value };
  }
  return words;
}

const typeWords = wordsOf(EventType);
const priorityWords = wordsOf(Priority);

const Key = { type: 1, data: 2, priority: 3, id: 4, status: 5 } as const;
const keyWords = wordsOf(Key);

/** Beside those of a device. */
const GatewayKey = { device: 1, op: 2 } as const;
const gatewayKeyWords = wordsOf(GatewayKey);
const opNames = [undefined, 'open', 'close'] as const;
const opWords = wordsOf({ open: 1, close: 2 });

function reset(into: DeviceFrame, payloadIsJson: boolean): void {
  into.type = into.priority = 0;
  into.payloadIsJson = payloadIsJson;
  into.payloadStart = into.payloadEnd = into.ackStart = into.ackEnd = 0;
  into.status = '';
}

/** Walks the top-level object. @returns false when the frame is not valid JSON or not an object */
function readMembers(frame: Uint8Array, into: DeviceFrame, takeMember: typeof take): boolean {
  let at = skipSpace(frame, 0);
  if (frame[at] !== 0x7b) return false;
  at = skipSpace(frame, at + 1);
  if (frame[at] === 0x7d) return skipSpace(frame, at + 1) === frame.length;
  for (;;) {
    const value = scanKey(frame, at);
    if (value < 0) return false;
    const end = scanValue(frame, value);
    if (end < 0) return false;
    takeMember(frame, at, value, end, into);
    at = skipSpace(frame, end);
    if (frame[at] === 0x7d) return skipSpace(frame, at + 1) === frame.length;
    if (frame[at] !== 0x2c) return false;
    at = skipSpace(frame, at + 1);
  }
}

function take(frame: Uint8Array, key: number, value: number, end: number, into: DeviceFrame): void {
  switch (wordAt(frame, key, value, keyWords)) {
    case Key.type:
      member.type = value;
      member.typeEnd = end;
      break;
    case Key.data:
      into.payloadStart = value;
      into.payloadEnd = end;
      break;
    case Key.priority:
      member.priority = value;
      member.priorityEnd = end;
      break;
    case Key.id:
      into.ackStart = value;
      into.ackEnd = end;
      break;
    case Key.status:
      member.status = value;
      member.statusEnd = end;
  }
}

function takeOfGateway(frame: Uint8Array, key: number, value: number, end: number, into: DeviceFrame): void {
  switch (wordAt(frame, key, value, gatewayKeyWords)) {
    case GatewayKey.device:
      member.device = value;
      member.deviceEnd = end;
      break;
    case GatewayKey.op:
      member.op = value;
      member.opEnd = end;
      break;
    default:
      take(frame, key, value, end, into);
  }
}

/**
 * Compares the quoted string at `start` with known words, byte by byte; a string written with escapes is decoded.
 * @param limit the string ends before this
 * @returns the word's value, or 0
 */
function wordAt(frame: Uint8Array, start: number, limit: number, words: Words): number {
  if (frame[start] !== QUOTE) return 0;
  const word = words[frame[start + 1]!];
  if (word !== undefined && isWordAt(frame, start, limit, word.bytes)) return word.value;
  for (let i = start + 1; i < limit && frame[i] !== QUOTE; i++) {
    if (frame[i] === 0x5c) {
      const text = decodeString(frame, start);
      return words.find((candidate) => candidate?.text === text)?.value ?? 0;
    }
  }
  return 0;
}

function isWordAt(frame: Uint8Array, start: number, limit: number, bytes: Uint8Array): boolean {
  const { length } = bytes;
  if (start + length > limit) return false;
  for (let i = 1; i < length; i++) if (frame[start + i] !== bytes[i]) return false;
  return true;
}

/** An id that is not acceptable is taken back, so that no answer echoes it. */
function checkId(frame: Uint8Array, into: DeviceFrame): string | undefined {
  const { ackStart, ackEnd } = into;
  if (ackStart === ackEnd) return undefined;
  const first = frame[ackStart]!;
  const isStringOrNumber = first === QUOTE || first === 0x2d || (first >= 0x30 && first <= 0x39);
  if (isStringOrNumber && ackEnd - ackStart <= ACK_ID_BYTES_MAX) return undefined;
  into.ackStart = into.ackEnd = 0;
  return `id: ${shown(frame, ackStart, ackEnd)}; expected a string or a number of at most ${ACK_ID_BYTES_MAX} bytes`;
}

function readStatus(frame: Uint8Array, into: DeviceFrame): string | undefined {
  if (member.status < 0 || frame[member.status] !== QUOTE) {
    return `status: ${shown(frame, member.status, member.statusEnd)}; expected a string of 1 to ${STATUS_CHARACTERS_MAX} characters`;
  }
  into.status = decodeString(frame, member.status);
  return statusProblem(into.status);
}

/** Characters are code points. */
function statusProblem(status: string): string | undefined {
  let count = 0;
  for (let at = 0; at < status.length; at += status.codePointAt(at)! > 0xffff ? 2 : 1) count += 1;
  if (count >= 1 && count <= STATUS_CHARACTERS_MAX) return undefined;
  return `status: ${count} characters; expected 1 to ${STATUS_CHARACTERS_MAX}`;
}

/**
 * The string at `start`, which is valid JSON. A lone surrogate, or a byte that is no UTF-8, becomes U+FFFD, so that it
 * is UTF-8 from here on.
 */
function decodeString(frame: Uint8Array, start: number): string {
  const text = Buffer.from(frame.subarray(start, scanString(frame, start))).toString();
  return Buffer.from(JSON.parse(text) as string).toString();
}

/** The string between `start` and `end`, of which nothing is needed but whether it is an id, and which. */
function idAt(frame: Uint8Array, start: number, end: number): string {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset + start + 1, end - start - 2);
  const text = bytes.toString('latin1');
  return text.includes('\\') ? decodeString(frame, start) : text;
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined; // the only way TextDecoder tells
  }
}

const SHOWN_BYTES_MAX = 32;

function shown(frame: Uint8Array, start: number, end: number): string {
  if (start < 0) return 'missing';
  const text = Buffer.from(frame.subarray(start, Math.min(end, start + SHOWN_BYTES_MAX))).toString();
  return `${text}${end - start > SHOWN_BYTES_MAX ? '…' : ''}`;
}
