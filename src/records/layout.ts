/**
 * Declares the layout of the control records that cross rings: one literal names the fields, and writer, reader and
 * offsets follow from it. Control records are rare next to events, so reading one makes an object; events have a
 * layout of their own (`event.ts`) that is read in place.
 *
 * Fixed fields come first, 8-byte fields before smaller ones; texts and bytes follow, each behind the one before, with
 * their lengths among the fixed fields. Numbers are little-endian, as on every host that Node runs on.
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

const fixedBytes = { f64: 8, u32: 4, text: 4, bytes: 4, u8: 1, flag: 1 } as const;

interface Placed {
  readonly name: string;
  readonly field: Field;
  readonly offset: number;
}

/** Larger fields first, so that each is aligned. @returns the fields with their offsets, and the fixed part's length */
function place(fields: Fields): { placed: readonly Placed[]; bytes: number } {
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
export function record<const F extends Fields>(kind: number, fields: F): RecordLayout<F> {
  const { placed, bytes: fixed } = place(fields);
  const variable = placed.filter(({ field }) => field === 'text' || field === 'bytes');
  return {
    kind,
    write(ring, values) {
      const tails: Uint8Array[] = [];
      let bytes = fixed;
      for (const { name, field } of variable) {
        const value = (values as Record<string, string | Uint8Array>)[name]!;
        const tail = field === 'text' ? Buffer.from(value as string) : (value as Uint8Array);
        bytes += tail.length;
        tails.push(tail);
      }
      const offset = ring.claimControl(kind, bytes);
      const { views } = ring;
      for (const { name, field, offset: at } of placed) {
        const value = (values as Record<string, unknown>)[name];
        if (field === 'f64') views.f64[(offset + at) >> 3] = value as number;
        else if (field === 'u32') views.u32[(offset + at) >> 2] = value as number;
        else if (field === 'u8') views.u8[offset + at] = value as number;
        else if (field === 'flag') views.u8[offset + at] = value === true ? 1 : 0;
      }
      let end = offset + fixed;
      for (let index = 0; index < variable.length; index++) {
        const tail = tails[index]!;
        views.u32[(offset + variable[index]!.offset) >> 2] = tail.length;
        views.u8.set(tail, end);
        end += tail.length;
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
          values[name] = (field === 'text' ? textAt : bytesAt)(views.u8, start, length);
          start += length;
        }
      }
      return values as Values<F>;
    },
  };
}

/** Texts up to here are decoded from a buffer that is used again: most are ids. */
const SHORT_TEXT_BYTES = 256;
const shortText = Buffer.alloc(SHORT_TEXT_BYTES);

/** Decoders refuse shared memory, so there is a copy on the way. */
function textAt(memory: Uint8Array, start: number, length: number): string {
  if (length > SHORT_TEXT_BYTES) return bytesAt(memory, start, length).toString('utf8');
  for (let i = 0; i < length; i++) shortText[i] = memory[start + i]!;
  return shortText.toString('utf8', 0, length);
}

function bytesAt(memory: Uint8Array, start: number, length: number): Buffer {
  return Buffer.from(memory.subarray(start, start + length));
}
