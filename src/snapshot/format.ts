/**
 * The snapshot file, format 1: lines of JSON, a header, the rows, and an end with their count and the SHA-256 of every
 * byte before it. Pure; the snapshot thread writes it, the owner reads it.
 *
 *   {"kind":"header","format":"dat-snapshot","version":1,"at":1764000000000}
 *   {"kind":"rule","device":"lab-*","subscriber":"*","access":"deny"}
 *   {"kind":"device","device":"dev-1","seq":41,"lastSeen":1763999999000,"status":"charging"}
 *   {"kind":"vip","subscriber":"s-1"}
 *   {"kind":"pair","device":"dev-1","subscriber":"s-2","access":"deny"}
 *   {"kind":"end","rows":4,"sha256":"…"}
 */
import { createHash } from 'node:crypto';
import { isPattern } from '../access/pattern.ts';
import type { Access, AccessRule } from '../access/rules.ts';
import { STATUS_CHARACTERS_MAX } from '../wire/device-frames.ts';
import { isId } from '../wire/id.ts';

const FORMAT = 'dat-snapshot';
const VERSION = 1;
/** Rows are gathered to about this many characters before they are hashed and written. */
const CHUNK_CHARACTERS = 64 * 1024;
/** The end line and the line break before it are within so many bytes of the file's end. */
export const END_LINE_BYTES_MAX = 128;
const END_LINE = /^\{"kind":"end","rows":(0|[1-9][0-9]{0,14}),"sha256":"([0-9a-f]{64})"\}\n$/;

export type SnapshotRow =
  | (AccessRule & { readonly kind: 'rule' })
  | {
      readonly kind: 'device';
      readonly device: string;
      /** Events broadcast so far. */
      readonly seq: number;
      /** Wall-clock ms, 0 never. */
      readonly lastSeen: number;
      /** '' when the device has told none. */
      readonly status: string;
      /** Of its numbering; only in the last snapshot of a hub that ended in order: nothing was numbered after it. */
      readonly epoch?: number;
    }
  /** A subscriber that is sent to before others. */
  | { readonly kind: 'vip'; readonly subscriber: string }
  /** What an operator set for a pair. */
  | {
      readonly kind: 'pair';
      readonly device: string;
      readonly subscriber: string;
      readonly access: Access;
    };

/** A file that is no whole snapshot of this format; the message completes "FILE …". */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/**
 * The bytes of a snapshot, in chunks of about 64 KiB: no text holds the whole.
 * @param atMs when it was begun, wall-clock ms
 */
export function* encodeSnapshot(atMs: number, rows: Iterable<SnapshotRow>): Generator<Buffer> {
  const hash = createHash('sha256');
  let count = 0;
  let text = `${JSON.stringify({ kind: 'header', format: FORMAT, version: VERSION, at: atMs })}\n`;
  for (const row of rows) {
    count += 1;
    text += `${JSON.stringify(row)}\n`;
    if (text.length < CHUNK_CHARACTERS) continue;
    const chunk = Buffer.from(text);
    hash.update(chunk);
    yield chunk;
    text = '';
  }
  const chunk = Buffer.from(text);
  hash.update(chunk);
  yield chunk;
  yield Buffer.from(`${JSON.stringify({ kind: 'end', rows: count, sha256: hash.digest('hex') })}\n`);
}

/**
 * @param line with its line break
 * @returns the count of rows and the checksum in hex
 * @throws SnapshotError when it is no end line
 */
export function parseEnd(line: string): { rows: number; sha256: string } {
  const match = END_LINE.exec(line);
  if (match === null) throw new SnapshotError('is cut off: its last line is not the end of a snapshot');
  return { rows: Number(match[1]), sha256: match[2]! };
}

/** @returns when the snapshot was begun, wall-clock ms @throws SnapshotError */
export function parseHeader(line: string): number {
  const { kind, format, version, at } = parseObject(line, 1);
  if (kind !== 'header' || format !== FORMAT) throw new SnapshotError('is not a snapshot of a hub');
  if (version !== VERSION) {
    throw new SnapshotError(`has format version ${JSON.stringify(version)}, this hub reads ${VERSION}`);
  }
  if (!isCount(at)) throw badLine(1);
  return at;
}

/** @param number of the line, for the message @throws SnapshotError */
export function parseRow(line: string, number: number): SnapshotRow {
  const row = parseObject(line, number);
  const { kind } = row;
  if (!isKind(kind) || !checks[kind](row)) throw badLine(number);
  return row as unknown as SnapshotRow;
}

type Fields = Readonly<Record<string, unknown>>;

const checks: Readonly<Record<SnapshotRow['kind'], (row: Fields) => boolean>> = {
  rule: ({ device, subscriber, access }) =>
    isText(device) && isPattern(device) && isText(subscriber) && isPattern(subscriber) && isAccess(access),
  device: ({ device, seq, lastSeen, status, epoch }) =>
    isText(device) &&
    isId(device) &&
    isCount(seq) &&
    isCount(lastSeen) &&
    isStatus(status) &&
    (epoch === undefined || isCount(epoch)),
  vip: ({ subscriber }) => isText(subscriber) && isId(subscriber),
  pair: ({ device, subscriber, access }) =>
    isText(device) && isId(device) && isText(subscriber) && isId(subscriber) && isAccess(access),
};

const isKind = (value: unknown): value is SnapshotRow['kind'] =>
  isText(value) && Object.hasOwn(checks, value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isAccess = (value: unknown): boolean => value === 'allow' || value === 'deny';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isStatus(value: unknown): boolean {
  // No text of more UTF-16 units than two per character can fit; that is known before it is taken apart.
  return (
    // Stryker disable next-line ConditionalExpression: what has more units has more characters
    isText(value) && value.length <= 2 * STATUS_CHARACTERS_MAX && [...value].length <= STATUS_CHARACTERS_MAX
  );
}

function parseObject(line: string, number: number): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw badLine(number);
  }
  if (typeof value !== 'object' || value === null) throw badLine(number);
  return value as Fields;
}

function badLine(number: number): SnapshotError {
  return new SnapshotError(`has a line ${number} that is none of its format`);
}
