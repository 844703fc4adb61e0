/** The end of a device or a subscriber is a claim of its own: what another node claimed before it is over. */
import { describe, expect, it } from 'vitest';
import { Endings } from '../../src/cluster/endings.ts';
import type { Home } from '../../src/cluster/home.ts';
import { ENDED_AHEAD, ENDED_MAX, ENDED_NEXT_LIFE, ENDED_TOLD_BELOW } from '../../src/cluster/limits.ts';
import type { Peer } from '../../src/cluster/peer.ts';
import { ended, HomeKind, mine } from '../../src/cluster/records.ts';
import { forEachRecord } from '../../src/cluster/wire.ts';
import { BatchWriter } from './support/batches.ts';

const { device, subscriber } = HomeKind;

/** A peer, and the claims and ends that it was told. */
function setUp({
  home,
  known = 0,
  heard = 0,
  peers = [],
}: {
  home?: Partial<Home>;
  known?: number;
  heard?: number;
  /** Whether the session of each other node is open, and whether the node takes calls. */
  peers?: readonly Pick<Peer, 'isOpen' | 'isReady'>[];
} = {}) {
  const session = new BatchWriter();
  const peer = { session } as unknown as Peer;
  const told = (): unknown[] => {
    const all: unknown[] = [];
    forEachRecord(session.views, session.used, (recordKind, offset, bytes) => {
      const at = [session.views, offset, bytes] as const;
      if (recordKind === ended.kind) all.push({ ended: true, ...ended.read(...at) });
      else {
        expect(recordKind).toBe(mine.kind);
        all.push(mine.read(...at));
      }
    });
    return all;
  };
  const endings = new Endings({
    home: () => home as Home | undefined,
    known: () => known,
    heard: () => heard,
    askable: () => peers.map((other) => ({ ...other, session }) as unknown as Peer),
  });
  return { endings, peer, told };
}

const end = (id: string, number: number) => ({ kind: device, id, number, connected: false });

describe('a device that an operator has ended', () => {
  it('has the number of its end, and no other has one', () => {
    const { endings } = setUp();
    endings.end(device, 'dev-1', 5);
    const numbers = [
      endings.number(device, 'dev-1'),
      endings.number(device, 'dev-2'),
      endings.number(subscriber, 'dev-1'),
    ];
    expect(numbers).toEqual([5, 0, 0]);
  });

  it('is named at once where a node is back and takes no calls yet', () => {
    for (const [isOpen, isReady, count] of [
      [true, false, 2],
      [true, true, 0],
      [false, false, 0],
    ] as const) {
      const { endings, told } = setUp({ peers: [{ isOpen, isReady }] });
      endings.end(device, 'dev-1', 5);
      expect(told()).toHaveLength(count);
    }
  });

  it('begins its next life above its end and below the next end, whichever nodes are asked', () => {
    const { endings } = setUp();
    endings.end(device, 'dev-1', 5);
    const after = endings.numberAfter(device, 'dev-1');
    expect(after).toBe(5 + ENDED_NEXT_LIFE);
    expect(endings.numberForAll(device, 'dev-1')).toBeGreaterThan(after);
    // Nor does a node that has only heard the end, as it was told, make the next one too low.
    const { endings: others } = setUp({ heard: 5000 - ENDED_TOLD_BELOW });
    expect(others.numberForAll(device, 'dev-1')).toBeGreaterThan(5000 + ENDED_NEXT_LIFE);
  });

  it('needs no number for a life without an end', () => {
    const { endings } = setUp();
    endings.end(device, 'dev-1', 5);
    expect(endings.numberAfter(device, 'dev-2')).toBe(0);
  });

  it('is not claimed by a number up to that of its end', () => {
    const { endings } = setUp();
    endings.end(device, 'dev-1', 5);
    expect([4, 5, 6].map((number) => endings.isOver(device, 'dev-1', number))).toEqual([true, true, false]);
    expect(endings.isOver(device, 'dev-2', 1)).toBe(false);
  });

  it('is refused to a node that claimed it before, which is told of the end: above its claim, and not above the end', () => {
    const { endings, peer, told } = setUp();
    endings.end(device, 'dev-1', 1005);
    expect(endings.refuses(peer, device, 'dev-1', 1006)).toBe(false);
    expect(endings.refuses(peer, device, 'dev-2', 1)).toBe(false);
    expect(endings.refuses(peer, subscriber, 'dev-1', 1)).toBe(false);
    expect(told()).toEqual([]);
    const claimed = [1, 1005 - ENDED_TOLD_BELOW, 1004, 1005];
    expect(claimed.map((number) => endings.refuses(peer, device, 'dev-1', number))).not.toContain(false);
    const numbers = [1005 - ENDED_TOLD_BELOW, 1006 - ENDED_TOLD_BELOW, 1005, 1005];
    expect(told()).toEqual(numbers.map((number) => end('dev-1', number)));
  });

  it('is named in each session that opens', () => {
    const { endings, peer, told } = setUp();
    endings.end(device, 'dev-1', 1005);
    endings.end(device, 'dev-2', 1007);
    endings.sessionOpened(peer);
    const heard = (id: string, number: number) => ({ ended: true, kind: device, id, number });
    expect(told()).toEqual([
      heard('dev-1', 1005),
      end('dev-1', 1005 - ENDED_TOLD_BELOW),
      heard('dev-2', 1007),
      end('dev-2', 1007 - ENDED_TOLD_BELOW),
    ]);
  });

  it('is over on a node that was away, once that hears of it: of two ends the later', () => {
    const { endings } = setUp();
    for (const number of [1005, 1003, 1006]) endings.hear(device, 'dev-1', number);
    expect(endings.number(device, 'dev-1')).toBe(1006);
    expect([1006, 1007].map((number) => endings.isOver(device, 'dev-1', number))).toEqual([true, false]);
  });

  it.each([
    ['a claim of before', 1005, false],
    ['its next life', 1006, true],
  ])('is heard where it has a connection with %s', (_what, number, isOver) => {
    const { endings } = setUp({ home: { connected: true, number } });
    endings.hear(device, 'dev-1', 1005);
    expect(endings.isOver(device, 'dev-1', 1005)).toBe(isOver);
  });

  it('is told to a node that has its next life, whatever number that has: it must know what is over', () => {
    const { endings, peer, told } = setUp();
    endings.end(device, 'dev-1', 1005);
    endings.tellHome(peer, device, 'dev-1');
    endings.tellHome(peer, device, 'dev-2');
    endings.tellHome(peer, subscriber, 'dev-1');
    expect(told()).toEqual([{ ended: true, kind: device, id: 'dev-1', number: 1005 }]);
    expect(endings.isOver(device, 'dev-1', 1005)).toBe(true);
  });

  it('is heard where a claim above the end is not settled yet', () => {
    const seek = {} as Home['seek'];
    const { endings } = setUp({ home: { connected: true, number: 1005, sought: 8, seek } });
    endings.hear(device, 'dev-1', 1005);
    expect(endings.isOver(device, 'dev-1', 1005)).toBe(true);
  });

  it('lives on with a connection: then nobody is told of its end, and its next end is above this one', () => {
    const { endings, peer, told } = setUp();
    endings.end(device, 'dev-1', 5);
    endings.livesOn(device, 'dev-1', 6);
    expect(endings.isOver(device, 'dev-1', 5), 'what connects after the end').toBe(true);
    endings.livesOn(device, 'dev-1', 5);
    expect([endings.number(device, 'dev-1'), endings.refuses(peer, device, 'dev-1', 5)]).toEqual([5, false]);
    endings.sessionOpened(peer);
    endings.tellHome(peer, device, 'dev-1');
    expect(told()).toEqual([]);
  });

  it('is not forgotten for one that has a connection and was never ended', () => {
    const { endings } = setUp();
    for (let n = 0; n < ENDED_MAX; n++) endings.end(device, `dev-${n}`, 5);
    endings.livesOn(device, 'other', 0);
    expect([endings.number(device, 'dev-0'), endings.number(device, 'other')]).toEqual([5, 0]);
  });

  it('is forgotten first where more were ended than are remembered', () => {
    const { endings } = setUp();
    for (let n = 0; n <= ENDED_MAX; n++) endings.end(device, `dev-${n}`, 5);
    expect([0, 1, ENDED_MAX].map((n) => endings.number(device, `dev-${n}`))).toEqual([0, 5, 5]);
  });
});

describe('the number of an end', () => {
  it('is well above every claim that the node knows of', () => {
    for (const [home, known, highest] of [
      [{ number: 7, sought: 3 }, 2, 7],
      [{ number: 3, sought: 7 }, 2, 7],
      [{ number: 3, sought: 2 }, 7, 7],
      [undefined, 4, 4],
    ] as const) {
      const { endings } = setUp({ ...(home && { home }), known });
      endings.end(device, 'dev-1');
      expect(endings.number(device, 'dev-1')).toBe(highest + ENDED_AHEAD);
    }
  });

  it('for all nodes is above what this one has only heard of, too', () => {
    const { endings } = setUp({ known: 4, heard: 9 });
    expect(endings.numberForAll(device, 'dev-1')).toBe(9 + ENDED_AHEAD);
    expect(setUp({ known: 9, heard: 4 }).endings.numberForAll(device, 'dev-1')).toBe(9 + ENDED_AHEAD);
  });

  it('that another node gave is above every claim that is known here: of equal ones, the node id would decide', () => {
    const { endings } = setUp({ known: 9 });
    const given = [5, 9, 12];
    for (const number of given) endings.end(device, `dev-${number}`, number);
    expect(given.map((number) => endings.number(device, `dev-${number}`))).toEqual([10, 10, 12]);
  });

  it('is below that of a home that stays, which is its next life; one that departs is over', () => {
    const stays: Partial<Home> = { number: 7, sought: 0 };
    setUp({ home: stays }).endings.end(device, 'dev-1', 12);
    expect(stays.number).toBe(13);
    const departs = { number: 7, sought: 0, departure: {} } as unknown as Partial<Home>;
    setUp({ home: departs }).endings.end(device, 'dev-1', 12);
    expect(departs.number).toBe(7);
  });
});
