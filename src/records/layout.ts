/**
 * Declares the layout of the control records that cross rings: one literal names the fields; writer, reader and offsets
 * are derived from it. Control records are rare next to events, so reading one creates an object; events have their own
 * layout (`event.ts`), which is read in place.
 *
 * Fixed fields come first, 8-byte fields before smaller ones. Texts and bytes follow one after the other, with their
 * lengths among the fixed fields. Numbers are little-endian, as on every host that Node runs on.
 */
import type { RecordViews, RingProducer } from '../memory/ring.ts';

/** `text` is UTF-8; `bytes` are copied in and out. */
export type Field = 'u8' | 'u32' | 'f64' | 'flag' | 'text' | 'bytes';

type Value<F extends Field> = F extends 'text'
  ? string
  : F extends 'bytes'
    ? Uint8Array
    : F extends 'flag'
      ? boolean
      : number;

export type Fields = Readonly<Record<string, Field>>;
export type Values<F extends Fields> = { readonly [Name in keyof F]: Value<F[Name]> };

export interface RecordLayout<F extends Fields> {
  readonly kind: number;
  /**
   * Writes the record. It is never refused: without room in the ring it waits in the producer's private memory.
   * @throws RangeError when texts and bytes do not fit the ring's largest record: a bug in the caller
   */
  write(ring: RingProducer, values: Values<F>): void;
  /** @param offset of the record's payload */
  read(views: RecordViews, offset: number): Values<F>;
}

const fixedBytes: Readonly<Record<Field, number>> = { f64: 8, u32: 4, text: 4, bytes: 4, u8: 1, flag: 1 };

export interface Placed<F extends string> {
  readonly name: string;
  readonly field: F;
  readonly offset: number;
}

/**
 * Larger fields first, so that each is aligned.
 * @param fixedBytes bytes of the fixed part that a field of each kind takes
 * @returns the fields with their offsets, and the fixed part's length
 */
export function place<F extends string>(
  fields: Readonly<Record<string, F>>,
  fixedBytes: Readonly<Record<F, number>>,
): { placed: readonly Placed<F>[]; bytes: number } {
  const names = Object.keys(fields).sort(
    (one, other) => fixedBytes[fields[other]!] - fixedBytes[fields[one]!],
  );
  let bytes = 0;
  const placed = names.map((name) => {
    const field = fields[name]!;
    const offset = bytes;
    bytes += fixedBytes[field];
    return { name, field, offset };
  });
  return { placed, bytes };
}

/** @param kind the record's number in its direction */
export function recordLayout<const F extends Fields>(kind: number, fields: F): RecordLayout<F> {
  const { placed, bytes: fixed } = place<Field>(fields, fixedBytes);
  const variable = placed.filter(({ field }) => field === 'text' || field === 'bytes');
  return {
    kind,
    write(ring, values) {
      let bytes = fixed;
      for (const { name, field } of variable) {
        const value = (values as Record<string, string | Uint8Array>)[name]!;
        bytes += field === 'text' ? textBytes(value as string) : value.length;
      }
      const offset = ring.claimControl(kind, bytes);
      const { views } = ring;
      let end = offset + fixed;
      for (const { name, field, offset: at } of placed) {
        const value = (values as Record<string, unknown>)[name];
        if (field === 'u32') views.u32[(offset + at) >> 2] = value as number;
        else if (field === 'f64') views.f64[(offset + at) >> 3] = value as number;
        else if (field === 'u8') views.u8[offset + at] = value as number;
        else if (field === 'flag') views.u8[offset + at] = value === true ? 1 : 0;
        else {
          const start = end;
          if (field === 'text') end = putText(views, end, value as string);
          else {
            views.u8.set(value as Uint8Array, end);
            end += (value as Uint8Array).length;
          }
          views.u32[(offset + at) >> 2] = end - start;
        }
      }
    },
    read(views, offset) {
      const values: Record<string, unknown> = {};
      let start = offset + fixed;
      for (const { name, field, offset: at } of placed) {
        if (field === 'f64') values[name] = views.f64[(offset + at) >> 3];
        else if (field === 'u32') values[name] = views.u32[(offset + at) >> 2];
        else if (field === 'u8') values[name] = views.u8[offset + at];
        else if (field === 'flag') values[name] = views.u8[offset + at] === 1;
        else {
          const length = views.u32[(offset + at) >> 2]!;
          if (field === 'text') values[name] = readText(views, start, length);
          else values[name] = Buffer.from(views.u8.subarray(start, start + length));
          start += length;
        }
      }
      return values as Values<F>;
    },
  };
}

/** Up to this length a loop over characters is faster than a call of the runtime: ids are that short. */
const SHORT_TEXT_MAX = 128;
const ASCII_END = 0x80;

/** Length of a text in UTF-8. */
function textBytes(text: string): number {
  return isShortAscii(text) ? text.length : Buffer.byteLength(text);
}

// Stryker disable BlockStatement,BooleanLiteral,ConditionalExpression: the long way writes the same bytes
function isShortAscii(text: string): boolean {
  // Stryker disable next-line EqualityOperator: the same
  if (text.length > SHORT_TEXT_MAX) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= ASCII_END) return false;
  return true;
}
// Stryker restore all

/** @returns where the text ends */
function putText({ u8 }: RecordViews, at: number, text: string): number {
  // Stryker disable next-line BlockStatement,ConditionalExpression: the long way writes the same bytes
  if (isShortAscii(text)) {
    for (let i = 0; i < text.length; i++) u8[at + i] = text.charCodeAt(i);
    return at + text.length;
  }
  const bytes = Buffer.from(text);
  u8.set(bytes, at);
  return at + bytes.length;
}

/** By the memory of a ring: the same bytes as a Buffer, whose decoders accept shared memory. */
const buffers = new WeakMap<Uint8Array, Buffer>();

function readText({ u8 }: RecordViews, start: number, length: number): string {
  // Stryker disable next-line ConditionalExpression: no bytes are '' too, at the price of a call
  if (length === 0) return '';
  let buffer = buffers.get(u8);
  // Stryker disable next-line ConditionalExpression: another Buffer reads the same
  if (buffer === undefined) {
    buffer = Buffer.from(u8.buffer, u8.byteOffset, u8.length);
    buffers.set(u8, buffer);
  }
  return buffer.toString('utf8', start, start + length);
}
