/** The end of a device is a claim of its own: what another node claimed before it is over. */
import { describe, expect, it } from 'vitest';
import { Endings } from '../../src/cluster/endings.ts';
import { ENDED_MAX } from '../../src/cluster/limits.ts';
import type { Peer } from '../../src/cluster/peer.ts';
import { HomeKind, mine } from '../../src/cluster/records.ts';
import { forEachRecord } from '../../src/cluster/wire.ts';
import { BatchWriter } from './support/batches.ts';

/** A peer, and the claims that it was told. */
function setUp() {
  const session = new BatchWriter();
  const peer = { session } as unknown as Peer;
  const told = (): unknown[] => {
    const all: unknown[] = [];
    forEachRecord(session.views, session.used, (recordKind, offset, bytes) => {
      expect(recordKind).toBe(mine.kind);
      all.push(mine.read(session.views, offset, bytes));
    });
    return all;
  };
  return { endings: new Endings(), peer, told };
}

const end = (id: string, number: number) => ({ kind: HomeKind.device, id, number, connected: false });

describe('a device that an operator has ended', () => {
  it('has the number of its end, and no other has one', () => {
    const { endings } = setUp();
    endings.end('dev-1', 5);
    expect([endings.number('dev-1'), endings.number('dev-2')]).toEqual([5, 0]);
  });

  it('is not claimed by a number up to that of its end', () => {
    const { endings } = setUp();
    endings.end('dev-1', 5);
    expect([4, 5, 6].map((number) => endings.isOver('dev-1', number))).toEqual([true, true, false]);
    expect(endings.isOver('dev-2', 1)).toBe(false);
  });

  it('is refused to a node that claimed it before, which is told of the end', () => {
    const { endings, peer, told } = setUp();
    endings.end('dev-1', 5);
    expect(endings.refuses(peer, 'dev-1', 6)).toBe(false);
    expect(endings.refuses(peer, 'dev-2', 1)).toBe(false);
    expect(told()).toEqual([]);
    expect(endings.refuses(peer, 'dev-1', 5)).toBe(true);
    expect(told()).toEqual([end('dev-1', 5)]);
  });

  it('is named in each session that opens', () => {
    const { endings, peer, told } = setUp();
    endings.end('dev-1', 5);
    endings.end('dev-2', 7);
    endings.sessionOpened(peer);
    expect(told()).toEqual([end('dev-1', 5), end('dev-2', 7)]);
  });

  it('lives on with a connection: then nobody is told of its end', () => {
    const { endings, peer, told } = setUp();
    endings.end('dev-1', 5);
    endings.livesOn('dev-1');
    expect([endings.number('dev-1'), endings.refuses(peer, 'dev-1', 5)]).toEqual([0, false]);
    endings.sessionOpened(peer);
    expect(told()).toEqual([]);
  });

  it('is forgotten first where more were ended than are remembered', () => {
    const { endings } = setUp();
    for (let n = 0; n <= ENDED_MAX; n++) endings.end(`dev-${n}`, 5);
    expect([0, 1, ENDED_MAX].map((n) => endings.number(`dev-${n}`))).toEqual([0, 5, 5]);
  });
});
