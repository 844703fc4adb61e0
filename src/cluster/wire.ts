/**
 * The wire format between nodes: the head of every message, and records that are declared as one literal each. Readers
 * take bytes that anybody may have written: what does not match its declaration is `undefined`, never an exception.
 *
 *   0       2         3      4       8      16             20               24       32    40
 *   | magic | version | type | flags | boot | own session  | other session  | number | ack | records
 *
 * A record is 8-byte aligned: u32 kind, u32 length of its payload, payload. Numbers are little-endian, as on every host
 * that Node runs on.
 */
import type { RecordViews } from '../memory/ring.ts';
import { place } from '../records/layout.ts';
import { isId } from '../wire/id.ts';

/** Changes when nodes of both versions cannot understand each other. */
const WIRE_VERSION = 1;
const MAGIC = 0x5444;

export const MessageType = { beat: 1, batch: 2 } as const;
/** Bits of a head's flags. */
export const HeadFlag = { again: 1 } as const;

export const HEAD_BYTES = 40;
export const RECORD_HEAD_BYTES = 8;

const HeadField = {
  magic: 0,
  version: 2,
  type: 3,
  flags: 4,
  boot: 8,
  own: 16,
  other: 20,
  number: 24,
  ack: 32,
} as const;

export interface Head {
  readonly type: number;
  readonly flags: number;
  /** The random number of the sender's start. */
  readonly boot: number;
  /** The sender's session number, 0 for beats. */
  readonly own: number;
  /** The receiver's, as far as the sender knows it; 0 unknown. */
  readonly other: number;
  /** Of a batch with records, from 1; 0 for one without. */
  readonly number: number;
  /** The last batch that the sender has taken in this session. */
  readonly ack: number;
}

export const align = (bytes: number): number => (bytes + 7) & ~7;

/** Creates typed views over new memory. */
export function viewsOf(bytes: number): RecordViews {
  const memory = new ArrayBuffer(align(bytes));
  return {
    u8: Buffer.from(memory),
    u16: new Uint16Array(memory),
    u32: new Uint32Array(memory),
    f64: new Float64Array(memory),
  };
}

/** Writes the head of a message into its first `HEAD_BYTES` bytes. */
export function writeHead({ u8, u16, u32, f64 }: RecordViews, head: Head): void {
  u16[HeadField.magic >> 1] = MAGIC;
  u8[HeadField.version] = WIRE_VERSION;
  u8[HeadField.type] = head.type;
  u32[HeadField.flags >> 2] = head.flags;
  f64[HeadField.boot >> 3] = head.boot;
  u32[HeadField.own >> 2] = head.own;
  u32[HeadField.other >> 2] = head.other;
  f64[HeadField.number >> 3] = head.number;
  f64[HeadField.ack >> 3] = head.ack;
}

/**
 * @param bytes length of the message, which is at the start of the views
 * @returns undefined if it is not a message of this version
 */
export function readHead({ u8, u16, u32, f64 }: RecordViews, bytes: number): Head | undefined {
  if (bytes < HEAD_BYTES) return undefined;
  if (u16[HeadField.magic >> 1] !== MAGIC || u8[HeadField.version] !== WIRE_VERSION) return undefined;
  const head = {
    type: u8[HeadField.type]!,
    flags: u32[HeadField.flags >> 2]!,
    boot: f64[HeadField.boot >> 3]!,
    own: u32[HeadField.own >> 2]!,
    other: u32[HeadField.other >> 2]!,
    number: f64[HeadField.number >> 3]!,
    ack: f64[HeadField.ack >> 3]!,
  };
  return isCount(head.boot) && isCount(head.number) && isCount(head.ack) ? head : undefined;
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** Where records are written. */
export interface RecordSink {
  /** Valid until the next claim. */
  readonly views: RecordViews;
  /** @returns the offset of the payload in `views` */
  claim(kind: number, bytes: number): number;
}

/**
 * Visits the records of a batch. Stops at the first that reaches beyond the end. @param bytes length of the whole
 * message @returns false if it stopped early
 */
export function forEachRecord(
  { u32 }: RecordViews,
  bytes: number,
  take: (kind: number, offset: number, bytes: number) => void,
): boolean {
  let at = HEAD_BYTES;
  while (at < bytes) {
    if (at + RECORD_HEAD_BYTES > bytes) return false;
    const length = u32[(at >> 2) + 1]!;
    const next = at + RECORD_HEAD_BYTES + align(length);
    if (length > bytes || next > bytes) return false;
    take(u32[at >> 2]!, at + RECORD_HEAD_BYTES, length);
    at = next;
  }
  return true;
}

/**
 * `count` is a whole number from 0, `time` any number from 0, both f64; `id` follows the grammar of ids, `name` is one
 * or empty; `ids` a list of ids; `text` is UTF-8.
 */
export type WireField = 'count' | 'time' | 'u32' | 'u8' | 'flag' | 'id' | 'name' | 'ids' | 'text' | 'bytes';

type Value<F extends WireField> = F extends 'id' | 'name' | 'text'
  ? string
  : F extends 'ids'
    ? readonly string[]
    : F extends 'bytes'
      ? Uint8Array
      : F extends 'flag'
        ? boolean
        : number;

export type WireFields = Readonly<Record<string, WireField>>;
export type WireValues<F extends WireFields> = { readonly [Name in keyof F]: Value<F[Name]> };

export interface RecordType<F extends WireFields> {
  readonly kind: number;
  write(sink: RecordSink, values: WireValues<F>): void;
  /** @returns undefined when the bytes are no such record; texts and bytes are copies */
  read(views: RecordViews, offset: number, bytes: number): WireValues<F> | undefined;
}

const fixedBytes = {
  count: 8,
  time: 8,
  u32: 4,
  id: 4,
  name: 4,
  ids: 4,
  text: 4,
  bytes: 4,
  u8: 1,
  flag: 1,
} as const satisfies Record<WireField, number>;

const isTail = (field: WireField): boolean => fixedBytes[field] === 4 && field !== 'u32';

/** @param kind its number on the wire */
export function recordType<const F extends WireFields>(kind: number, fields: F): RecordType<F> {
  const { placed, bytes: fixed } = place<WireField>(fields, fixedBytes);
  const tails = placed.filter(({ field }) => isTail(field));
  return {
    kind,
    write(sink, values) {
      const given = values as Readonly<Record<string, unknown>>;
      let length = fixed;
      for (const { name, field } of tails) length += tailBytes(field, given[name]);
      const offset = sink.claim(kind, length);
      const { views } = sink;
      let end = offset + fixed;
      for (const { name, field, offset: at } of placed) {
        if (!isTail(field)) {
          writeFixed(views, offset + at, field, given[name]);
          continue;
        }
        const written = writeTail(asBuffer(views.u8), end, field, given[name]);
        views.u32[(offset + at) >> 2] = written;
        end += written;
      }
    },
    read(views, offset, bytes) {
      if (bytes < fixed) return undefined;
      const values: Record<string, unknown> = {};
      let start = offset + fixed;
      for (const { name, field, offset: at } of placed) {
        let value: unknown;
        if (isTail(field)) {
          const length = views.u32[(offset + at) >> 2]!;
          if (length > offset + bytes - start) return undefined;
          value = readTail(field, asBuffer(views.u8), start, start + length);
          start += length;
        } else {
          value = readFixed(views, offset + at, field);
        }
        if (value === undefined) return undefined;
        values[name] = value;
      }
      return start === offset + bytes ? (values as WireValues<F>) : undefined;
    },
  };
}

/** `viewsOf` makes Buffers, which convert short texts to bytes and back without a decoder or extra memory. */
function asBuffer(u8: Uint8Array): Buffer {
  return u8 instanceof Buffer ? u8 : Buffer.from(u8.buffer, u8.byteOffset, u8.length);
}

function tailBytes(field: WireField, value: unknown): number {
  if (field === 'bytes') return (value as Uint8Array).length;
  if (field === 'text') return Buffer.byteLength(value as string);
  return field === 'ids' ? (value as readonly string[]).join('\n').length : (value as string).length;
}

/** @returns bytes written */
function writeTail(buffer: Buffer, at: number, field: WireField, value: unknown): number {
  if (field === 'bytes') {
    buffer.set(value as Uint8Array, at);
    return (value as Uint8Array).length;
  }
  if (field === 'text') return buffer.write(value as string, at);
  return buffer.write(
    field === 'ids' ? (value as readonly string[]).join('\n') : (value as string),
    at,
    'latin1',
  );
}

function writeFixed({ f64, u32, u8 }: RecordViews, at: number, field: WireField, value: unknown): void {
  if (field === 'count' || field === 'time') f64[at >> 3] = value as number;
  else if (field === 'u32') u32[at >> 2] = value as number;
  else if (field === 'u8') u8[at] = value as number;
  else if (field === 'flag') u8[at] = value === true ? 1 : 0;
}

function readFixed({ f64, u32, u8 }: RecordViews, at: number, field: WireField): unknown {
  switch (field) {
    case 'count':
      return isCount(f64[at >> 3]!) ? f64[at >> 3] : undefined;
    case 'time':
      return Number.isFinite(f64[at >> 3]!) && f64[at >> 3]! >= 0 ? f64[at >> 3] : undefined;
    case 'u32':
      return u32[at >> 2];
    case 'u8':
      return u8[at];
    default:
      return u8[at]! > 1 ? undefined : u8[at] === 1;
  }
}

/** Refuses what is not UTF-8 and keeps a byte order mark: what was written is what is read. */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readTail(field: WireField, buffer: Buffer, start: number, end: number): unknown {
  if (field === 'bytes')
    return new Uint8Array(buffer.buffer.slice(buffer.byteOffset + start, buffer.byteOffset + end));
  if (field === 'text') return decode(buffer.subarray(start, end));
  const text = buffer.toString('latin1', start, end); // what is not ASCII is no id
  if (field === 'name') return text === '' || isId(text) ? text : undefined;
  if (field === 'id') return isId(text) ? text : undefined;
  const ids = text === '' ? [] : text.split('\n');
  return ids.every(isId) ? ids : undefined;
}

function decode(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return '';
  try {
    return strict.decode(bytes);
  } catch {
    return undefined; // not UTF-8: the caller counts it
  }
}
