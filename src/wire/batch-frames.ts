/**
 * Puts encoded events together to one frame, for subscribers that asked for it: `{"op":"batch","events":[…]}`, or in
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
