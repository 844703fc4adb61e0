/**
 * Classifies payloads: whether one is JSON, and how a status payload splits into status and data. Runs for every event
 * of an MQTT device, so only a status is decoded.
 */
import { isUtf8 } from 'node:buffer';
import { STATUS_CHARACTERS_MAX } from '../device-frames.ts';
import { scanKey, scanString, scanValue, skipSpace } from '../json-scan.ts';

/** A decoded status payload. One object is reused for all. */
export interface StatusParts {
  /** 1 to 64 characters. */
  status: string;
  /** The range of `data`; empty when there is none. */
  dataStart: number;
  dataEnd: number;
}

/** Parts to be filled again for each status that comes. */
export function createStatusParts(): StatusParts {
  return { status: '', dataStart: 0, dataEnd: 0 };
}

/** Whether the bytes are exactly one JSON value in valid UTF-8, surrounded by white space at most. Empty is not. */
export function isJson(bytes: Uint8Array, start: number, end: number): boolean {
  const value = skipSpaceTo(bytes, start, end);
  if (value === end) return false;
  const stop = scanTo(bytes, value, end);
  if (stop < 0 || skipSpaceTo(bytes, stop, end) !== end) return false;
  return isAscii(bytes, start, end) || isUtf8(bytes.subarray(start, end));
}

/**
 * Scans the value at `at`. Bytes after the payload could extend a number, so a value that does not end within the
 * payload is scanned again with the payload alone.
 */
function scanTo(bytes: Uint8Array, at: number, end: number): number {
  const stop = scanValue(bytes, at);
  if ((stop >= 0 && stop <= end) || end === bytes.length) return stop;
  return scanValue(bytes.subarray(0, end), at);
}

function skipSpaceTo(bytes: Uint8Array, at: number, end: number): number {
  return Math.min(skipSpace(bytes, at), end);
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! > 0x7f) return false;
  return true;
}

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;
const QUOTE = 0x22;

/**
 * Decodes a payload on a status topic: `{"status":…,"data":…}`, or the status as plain text.
 * @returns undefined when it is valid, else the problem
 */
export function readStatus(
  bytes: Uint8Array,
  start: number,
  end: number,
  into: StatusParts,
): string | undefined {
  into.status = '';
  into.dataStart = into.dataEnd = start;
  const first = skipSpaceTo(bytes, start, end);
  if (first < end && bytes[first] === OPEN_BRACE && isJson(bytes, start, end)) {
    readMembers(bytes.subarray(0, end), first, into);
    if (into.status !== '') return undefined;
    return `an object without "status", a text of 1 to ${STATUS_CHARACTERS_MAX} characters`;
  }
  if (end - start > 4 * STATUS_CHARACTERS_MAX) return `${end - start} bytes; ${EXPECTED}`;
  if (!isUtf8(bytes.subarray(start, end))) return `not UTF-8; ${EXPECTED}`;
  const text = Buffer.from(bytes.subarray(start, end)).toString();
  if (!isStatus(text)) return `${[...text].length} characters; ${EXPECTED}`;
  into.status = text;
  return undefined;
}

const EXPECTED = `expected a text of 1 to ${STATUS_CHARACTERS_MAX} characters or {"status":…,"data":…}`;

function isStatus(text: string): boolean {
  const count = text.length > 2 * STATUS_CHARACTERS_MAX ? text.length : [...text].length;
  return count >= 1 && count <= STATUS_CHARACTERS_MAX;
}

/** Finds `status` and `data` in valid JSON. The last member of a name counts, as in JSON.parse. */
function readMembers(bytes: Uint8Array, open: number, into: StatusParts): void {
  let at = skipSpace(bytes, open + 1);
  while (bytes[at] !== CLOSE_BRACE) {
    const value = scanKey(bytes, at);
    const end = scanValue(bytes, value);
    const key = parse(bytes, at, scanString(bytes, at));
    if (key === 'data') {
      into.dataStart = value;
      into.dataEnd = end;
    } else if (key === 'status') {
      const status = bytes[value] === QUOTE ? parse(bytes, value, end) : '';
      into.status = isStatus(status) ? status : '';
    }
    at = skipSpace(bytes, end);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
  }
}

/** Decodes a JSON string. A lone surrogate becomes U+FFFD, since UTF-8 cannot carry it. */
function parse(bytes: Uint8Array, start: number, end: number): string {
  const raw = Buffer.from(bytes.subarray(start, end)).toString();
  return Buffer.from(JSON.parse(raw) as string).toString();
}
