/**
 * Combines encoded events into one frame, for subscribers that asked for batches: `{"op":"batch","events":[…]}`, or in
 * binary a head and the events, each behind its length.
 */
import { BATCH_HEADER_BYTES, BATCH_LENGTH_BYTES, BATCH_TYPE } from './events.ts';

const encoder = new TextEncoder();
const HEAD = encoder.encode('{"op":"batch","events":[');
const TAIL = encoder.encode(']}');
const COMMA = 0x2c;

/** Upper bound of a frame's length. @param bytes of its events together */
export function batchBytesMax(events: number, bytes: number): number {
  return Math.max(HEAD.length + TAIL.length, BATCH_HEADER_BYTES) + events * BATCH_LENGTH_BYTES + bytes;
}

/**
 * @param out has room for `batchBytesMax`
 * @param source holds the events, JSON each
 * @param spans where in `source`: pairs of start and end @param from index in `spans` @param to behind the last pair
 * @returns the frame's length
 */
export function encodeJsonBatch(
  out: Uint8Array,
  source: Uint8Array,
  spans: readonly number[],
  from: number,
  to: number,
): number {
  out.set(HEAD, 0);
  let at = HEAD.length;
  for (let i = from; i < to; i += 2) {
    if (i > from) out[at++] = COMMA;
    out.set(source.subarray(spans[i], spans[i + 1]), at);
    at += spans[i + 1]! - spans[i]!;
  }
  out.set(TAIL, at);
  return at + TAIL.length;
}

/** As `encodeJsonBatch`, of events in the binary encoding. */
export function encodeBinaryBatch(
  out: Uint8Array,
  source: Uint8Array,
  spans: readonly number[],
  from: number,
  to: number,
): number {
  const view = new DataView(out.buffer, out.byteOffset);
  view.setUint32(0, BATCH_TYPE, true);
  view.setUint32(4, (to - from) / 2, true);
  let at = BATCH_HEADER_BYTES;
  for (let i = from; i < to; i += 2) {
    const bytes = spans[i + 1]! - spans[i]!;
    view.setUint32(at, bytes, true);
    out.set(source.subarray(spans[i], spans[i + 1]), at + BATCH_LENGTH_BYTES);
    at += BATCH_LENGTH_BYTES + bytes;
  }
  return at;
}

/**
 * How a batch is put together where its events are encoded: each event behind a separator, then the head in front of the
 * first and the tail behind the last.
 */
export interface BatchLayout {
  /** Room in front of the first event, its separator included. */
  readonly headBytes: number;
  /** In front of each event. */
  readonly separatorBytes: number;
  readonly tailBytes: number;
  /** Writes the separator of the event that stands from `start` to `end`. */
  separate(bytes: Uint8Array, start: number, end: number): void;
  /** Events that stand elsewhere with their separators were copied to `start`, behind others: joins the two. */
  join(bytes: Uint8Array, start: number): void;
  /** Writes the head. @param start of the first event @returns where the frame starts */
  open(bytes: Uint8Array, start: number, events: number): number;
  /** Writes the tail. @param end of the last event @returns where the frame ends */
  close(bytes: Uint8Array, end: number): number;
}

export const jsonBatchLayout: BatchLayout = {
  headBytes: HEAD.length,
  separatorBytes: 1,
  tailBytes: TAIL.length,
  separate(bytes, start) {
    bytes[start - 1] = COMMA;
  },
  // The head may have been written over the comma.
  join(bytes, start) {
    bytes[start - 1] = COMMA;
  },
  open(bytes, start) {
    bytes.set(HEAD, start - HEAD.length);
    return start - HEAD.length;
  },
  close(bytes, end) {
    bytes.set(TAIL, end);
    return end + TAIL.length;
  },
};

export const binaryBatchLayout: BatchLayout = {
  headBytes: BATCH_HEADER_BYTES + BATCH_LENGTH_BYTES,
  separatorBytes: BATCH_LENGTH_BYTES,
  tailBytes: 0,
  separate(bytes, start, end) {
    putU32(bytes, start - BATCH_LENGTH_BYTES, end - start);
  },
  join() {},
  open(bytes, start, events) {
    const at = start - BATCH_LENGTH_BYTES - BATCH_HEADER_BYTES;
    putU32(bytes, at, BATCH_TYPE);
    putU32(bytes, at + 4, events);
    return at;
  },
  close: (_bytes, end) => end,
};

function putU32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = (value >>> (8 * i)) & 0xff;
}
