/**
 * What is handed over of an id, in parts that fit any batch. The bytes are the host's own; they are joined again and
 * given to the other host as they were. Pure.
 */

import { type Home, homeKey } from './home.ts';
import { HAND_OVER_BYTES_MAX, PART_BYTES } from './limits.ts';
import type { Peer } from './peer.ts';
import { type HomeKind, handOver, part } from './records.ts';
import type { RecordSink } from './wire.ts';

/** A first byte tells whether the host's part goes on in the next record. */
const LAST = 0;
const MORE = 1;

/** Hands an id over. @param leave nobody asked for it: the node drains */
export function writeHandOver(
  sink: RecordSink,
  { kind, id, number }: Pick<Home, 'kind' | 'id' | 'number'>,
  parts: readonly Uint8Array[],
  leave: boolean,
): void {
  writeParts(sink, kind, id, parts);
  handOver.write(sink, { kind, id, number, leave });
}

function writeParts(sink: RecordSink, kind: HomeKind, id: string, parts: readonly Uint8Array[]): void {
  for (const whole of parts) {
    let at = 0;
    do {
      const chunk = whole.subarray(at, at + PART_BYTES - 1);
      at += chunk.length;
      const bytes = new Uint8Array(chunk.length + 1);
      bytes[0] = at < whole.length ? MORE : LAST;
      bytes.set(chunk, 1);
      part.write(sink, { kind, id, bytes });
    } while (at < whole.length);
  }
}

/** Keeps a part until the hand-over is complete. @returns false when it is too much */
export function addPart(peer: Peer, kind: HomeKind, id: string, bytes: Uint8Array): boolean {
  if (bytes.length === 0 || peer.partBytes + bytes.length > HAND_OVER_BYTES_MAX) return false;
  const key = homeKey(kind, id);
  const found = peer.parts.get(key);
  if (found === undefined) peer.parts.set(key, [bytes]);
  else found.push(bytes);
  peer.partBytes += bytes.length;
  return true;
}

/** @returns the host's parts that came for the id, which are forgotten */
export function takeParts(peer: Peer, kind: HomeKind, id: string): Uint8Array[] {
  const key = homeKey(kind, id);
  const chunks = peer.parts.get(key) ?? [];
  peer.parts.delete(key);
  const parts: Uint8Array[] = [];
  let open: Uint8Array[] = [];
  for (const chunk of chunks) {
    peer.partBytes -= chunk.length;
    open.push(chunk.subarray(1));
    if (chunk[0] === MORE) continue;
    parts.push(Buffer.concat(open));
    open = [];
  }
  return parts;
}
