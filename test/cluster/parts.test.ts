import { describe, expect, it } from 'vitest';
import {
  HAND_OVER_BYTES_MAX,
  HOST_PART_BYTES_MAX,
  PART_BYTES,
  PIECE_BYTES,
} from '../../src/cluster/limits.ts';
import { addPart, takeParts, writeHandOver } from '../../src/cluster/parts.ts';
import type { Peer } from '../../src/cluster/peer.ts';
import { HomeKind, part as partRecord } from '../../src/cluster/records.ts';
import { viewsOf } from '../../src/cluster/wire.ts';

const PAYLOAD_BYTES_MAX = 1000;
const { subscriber: kind } = HomeKind;

const newPeer = (): Peer => ({ parts: new Map(), partBytes: 0 }) as unknown as Peer;
const take = (peer: Peer, payloadBytesMax = PAYLOAD_BYTES_MAX, figures = { undecodable: 0 }) =>
  takeParts(peer, { kind, id: 'ann' }, payloadBytesMax, figures);

/** Hands the parts over, piece by piece. */
function handOver(peer: Peer, parts: readonly Uint8Array[]): void {
  let views = viewsOf(0);
  const pieces: (() => void)[] = [];
  const sink = {
    get views() {
      return views;
    },
    claim(written: number, bytes: number): number {
      const own = viewsOf(bytes);
      views = own;
      if (written === partRecord.kind)
        pieces.push(() =>
          expect(addPart(peer, kind, 'ann', partRecord.read(own, 0, bytes)!.bytes)).toBe(true),
        );
      return 0;
    },
  };
  writeHandOver(sink, { kind, id: 'ann', number: 1 }, parts, false);
  for (const piece of pieces) piece();
}

describe('What is handed over of an id', () => {
  it('comes in the parts in which its host gave it, whatever pieces they make', () => {
    const peer = newPeer();
    const parts = [0, 1, PART_BYTES - 1, PART_BYTES, 3 * PART_BYTES].map((bytes, n) =>
      Buffer.alloc(bytes, n),
    );
    handOver(peer, parts);
    expect(take(peer).map((one) => Buffer.from(one))).toEqual(parts);
    expect([peer.partBytes, peer.parts.size]).toEqual([0, 0]);
  });

  it('is without parts that no ring of a host would carry, which are counted', () => {
    const peer = newPeer();
    const figures = { undecodable: 0 };
    const [small, large] = [Buffer.alloc(HOST_PART_BYTES_MAX, 1), Buffer.alloc(HOST_PART_BYTES_MAX + 1, 2)];
    handOver(peer, [large, small, large]);
    expect(take(peer, PAYLOAD_BYTES_MAX, figures).map(({ length }) => length)).toEqual([small.length]);
    expect(figures.undecodable).toBe(2);
    handOver(peer, [large]);
    expect(take(peer, large.length)).toHaveLength(1); // it may be an event
  });

  it('counts for more than its bytes, so that it takes no more memory in small pieces', () => {
    const peer = newPeer();
    const piece = Buffer.alloc(1);
    let pieces = 0;
    while (addPart(peer, kind, 'ann', piece)) pieces += 1;
    expect(pieces).toBe(Math.floor(HAND_OVER_BYTES_MAX / (1 + PIECE_BYTES)));
    expect(addPart(newPeer(), kind, 'ann', Buffer.alloc(0))).toBe(false);
  });
});
