/**
 * The hand-over of an id, in parts that fit into any batch. The bytes are the host's own; they are joined again and
 * given to the other host unchanged. Pure.
 */

import type { LinkCounts } from './figures.ts';
import { type Home, homeKey } from './home.ts';
import {
  HAND_OVER_BYTES_MAX,
  HOST_PART_BYTES_MAX,
  MESSAGE_OVERHEAD_BYTES,
  PART_BYTES,
  PIECE_BYTES,
} from './limits.ts';
import type { Peer } from './peer.ts';
import { type HomeKind, handOver, part } from './records.ts';
import type { RecordSink } from './wire.ts';

/** The first byte says whether the host's part continues in the next record. */
const LAST = 0;
const MORE = 1;

/** Hands an id over. @param leave nobody asked for it, because the node drains */
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

/** Keeps a part until the hand-over is complete. @returns false if the hand-over is too large */
export function addPart(peer: Peer, kind: HomeKind, id: string, bytes: Uint8Array): boolean {
  const taken = bytes.length + PIECE_BYTES;
  if (bytes.length === 0 || peer.partBytes + taken > HAND_OVER_BYTES_MAX) return false;
  const key = homeKey(kind, id);
  const found = peer.parts.get(key);
  if (found === undefined) peer.parts.set(key, [bytes]);
  else found.push(bytes);
  peer.partBytes += taken;
  return true;
}

/**
 * What came for the id is forgotten here.
 * @param payloadBytesMax DAT_MAX_MESSAGE_BYTES
 * @returns the host's parts, without those that no host makes so large, which are counted: its rings would not carry them
 */
export function takeParts(
  peer: Peer,
  { kind, id }: Pick<Home, 'kind' | 'id'>,
  payloadBytesMax: number,
  figures: Pick<LinkCounts, 'undecodable'>,
): Uint8Array[] {
  const key = homeKey(kind, id);
  const chunks = peer.parts.get(key) ?? [];
  peer.parts.delete(key);
  const bytesMax = Math.max(HOST_PART_BYTES_MAX, payloadBytesMax + MESSAGE_OVERHEAD_BYTES);
  const parts: Uint8Array[] = [];
  let open: Uint8Array[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    peer.partBytes -= chunk.length + PIECE_BYTES;
    open.push(chunk.subarray(1));
    bytes += chunk.length - 1;
    if (chunk[0] === MORE) continue;
    if (bytes <= bytesMax) parts.push(Buffer.concat(open));
    else figures.undecodable += 1;
    open = [];
    bytes = 0;
  }
  return parts;
}
