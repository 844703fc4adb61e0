/**
 * Struct-of-arrays slabs over SharedArrayBuffers: one literal declares the columns; offsets, size and views are derived
 * from it. Any thread may attach; the declaration of a column says who may write it.
 */

const LINE_BYTES = 64;

const kinds = {
  u8: { bytes: 1, view: Uint8Array },
  u16: { bytes: 2, view: Uint16Array },
  u32: { bytes: 4, view: Uint32Array },
  i64: { bytes: 8, view: BigInt64Array },
  f64: { bytes: 8, view: Float64Array },
} as const;

type Kind = keyof typeof kinds;
/** `session holder` is the edge that holds the peer's connection. */
export type Writer = 'owner' | 'session holder';

export interface Column<K extends Kind = Kind> {
  readonly kind: K;
  /** What a cell holds, with its unit. */
  readonly unit: string;
  /** The only thread that writes the column. */
  readonly writer: Writer;
}

export type Columns = Readonly<Record<string, Column>>;
export type Rows<C extends Columns> = {
  readonly [Name in keyof C]: InstanceType<(typeof kinds)[C[Name]['kind']]['view']>;
};

const column =
  <K extends Kind>(kind: K) =>
  (unit: string, writer: Writer): Column<K> => ({ kind, unit, writer });

export const u8 = column('u8');
export const u16 = column('u16');
export const u32 = column('u32');
/** Stored and loaded with Atomics: for cells that several threads read at any time. */
export const i64 = column('i64');
export const f64 = column('f64');

/** Words at the start of a slab. */
const Header = { Magic: 0, Fingerprint: 1, Capacity: 2, HighWater: 3, Used: 4 } as const;
const HEADER_BYTES = LINE_BYTES;
const MAGIC = 0x44415431; // "DAT1"

export interface Slab<C extends Columns> {
  readonly memory: SharedArrayBuffer;
  readonly capacity: number;
  readonly rows: Rows<C>;
  readonly header: Uint32Array;
}

/** Sum of the cells of one row, bytes; the padding between columns is at most a line each and not counted. */
export function bytesPerRow(columns: Columns): number {
  return Object.values(columns).reduce((sum, { kind }) => sum + kinds[kind].bytes, 0);
}

/** Total size of a slab, bytes. */
export function slabBytes(columns: Columns, capacity: number): number {
  return layOut(columns, capacity).bytes;
}

/** A slab of free rows. @throws RangeError when the capacity is not a whole number from 1 */
export function createSlab<C extends Columns>(columns: C, capacity: number): Slab<C> {
  if (!Number.isInteger(capacity) || capacity < 1)
    throw new RangeError(`slab capacity ${capacity} is not at least 1`);
  const memory = new SharedArrayBuffer(slabBytes(columns, capacity));
  const header = new Uint32Array(memory, 0, HEADER_BYTES / 4);
  header[Header.Magic] = MAGIC;
  header[Header.Fingerprint] = fingerprint(columns);
  header[Header.Capacity] = capacity;
  return attachSlab(columns, memory);
}

/** @throws TypeError when the memory was laid out by another version of the columns. */
export function attachSlab<C extends Columns>(columns: C, memory: SharedArrayBuffer): Slab<C> {
  const header = new Uint32Array(memory, 0, HEADER_BYTES / 4);
  const capacity = header[Header.Capacity]!;
  if (header[Header.Magic] !== MAGIC) throw new TypeError('this memory holds no slab');
  if (header[Header.Fingerprint] !== fingerprint(columns)) throw new TypeError('this slab has other columns');
  const { bytes, offsets } = layOut(columns, capacity);
  if (memory.byteLength !== bytes)
    throw new TypeError(`slab of ${memory.byteLength} bytes, ${bytes} expected`);
  const rows: Record<string, unknown> = {};
  for (const [name, { kind }] of Object.entries(columns)) {
    const View = kinds[kind].view as new (
      memory: SharedArrayBuffer,
      offset: number,
      length: number,
    ) => ArrayBufferView;
    rows[name] = new View(memory, offsets[name]!, capacity);
  }
  return { memory, capacity, rows: rows as Rows<C>, header };
}

/** Slots at and above this were never used: a scan may stop here. Any thread. */
export function highWater(slab: Slab<Columns>): number {
  return Atomics.load(slab.header, Header.HighWater);
}

/** Slots in use now. Any thread. */
export function usedCount(slab: Slab<Columns>): number {
  return Atomics.load(slab.header, Header.Used);
}

/** Owner only. */
export function setHighWater(slab: Slab<Columns>, count: number): void {
  Atomics.store(slab.header, Header.HighWater, count);
}

/** Owner only. */
export function setUsedCount(slab: Slab<Columns>, count: number): void {
  Atomics.store(slab.header, Header.Used, count);
}

function layOut(columns: Columns, capacity: number): { bytes: number; offsets: Record<string, number> } {
  const offsets: Record<string, number> = {};
  let bytes = HEADER_BYTES;
  for (const [name, { kind }] of Object.entries(columns)) {
    offsets[name] = bytes;
    bytes += Math.ceil((kinds[kind].bytes * capacity) / LINE_BYTES) * LINE_BYTES;
  }
  return { bytes, offsets };
}

/** FNV-1a over names and kinds in order: changes whenever the layout does. */
function fingerprint(columns: Columns): number {
  let hash = 0x811c9dc5;
  for (const [name, { kind }] of Object.entries(columns)) {
    for (const char of `${name}:${kind};`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  }
  return hash >>> 0;
}
