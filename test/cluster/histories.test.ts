import { beforeEach, describe, expect, it } from 'vitest';
import { Histories } from '../../src/cluster/histories.ts';
import type { ClusterHost, HistoryQuery } from '../../src/cluster/host.ts';
import { HISTORIES_WAITING_MAX } from '../../src/cluster/limits.ts';
import type { Peer } from '../../src/cluster/peer.ts';
import { historyEnd } from '../../src/cluster/records.ts';
import { viewsOf } from '../../src/cluster/wire.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A peer that has room for so many answers. */
class FakePeer {
  readonly number = 7;
  readonly isReady = true;
  room = 1;
  readonly session;

  constructor() {
    const peer = this;
    let views = viewsOf(0);
    this.session = {
      get hasRoom() {
        return peer.room > 0;
      },
      get views() {
        return views;
      },
      claim(kind: number, bytes: number): number {
        views = viewsOf(bytes);
        peer.#written.push([kind, views, bytes]);
        return 0;
      },
    };
  }

  readonly #written: [number, ReturnType<typeof viewsOf>, number][] = [];

  /** The ends of pages that were written since the last call: `found`, by request. */
  ends(): Record<number, boolean> {
    const ends = this.#written.splice(0).map(([, views, bytes]) => historyEnd.read(views, 0, bytes)!);
    return Object.fromEntries(ends.map(({ request, found }) => [request, found]));
  }
}

const asPeer = (peer: FakePeer): Peer => peer as unknown as Peer;
const ask = (request: number, max = 5) => ({ request, id: 'dev-1', epoch: '', after: 0, before: 9, max });

describe('A home that other nodes ask for the past', () => {
  let asked: number[];
  let queries: HistoryQuery[];
  let peer: FakePeer;
  let histories: Histories;

  beforeEach(() => {
    asked = [];
    queries = [];
    peer = new FakePeer();
    const host = {
      history(_peer: number, request: number, _id: string, query: HistoryQuery) {
        asked.push(request);
        queries.push(query);
        peer.room -= 1;
      },
    };
    histories = new Histories(new FakeClock(), host as unknown as ClusterHost);
  });

  it('answers as there is room on the way back, in the order in which it was asked', () => {
    for (let request = 1; request <= 4; request++) histories.onAsked(asPeer(peer), ask(request));
    expect(asked).toEqual([1]);
    histories.pump(asPeer(peer));
    expect(asked).toEqual([1]);
    peer.room = 2;
    histories.onAsked(asPeer(peer), ask(5));
    histories.pump(asPeer(peer));
    expect(asked).toEqual([1, 2, 3]);
    peer.room = 9;
    histories.pump(asPeer(peer));
    histories.pump(asPeer(peer));
    histories.onAsked(asPeer(peer), ask(6));
    expect(asked).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('makes no page of more than 100 events', () => {
    histories.onAsked(asPeer(peer), ask(1, 1000));
    expect(queries).toEqual([{ epoch: '', after: 0, before: 9, max: 100 }]);
  });

  it('remembers a bounded number of requests, and says of others that it has nothing', () => {
    peer.room = 0;
    for (let request = 1; request <= HISTORIES_WAITING_MAX + 1; request++)
      histories.onAsked(asPeer(peer), ask(request));
    expect(asked).toEqual([]);
    expect(peer.ends()).toEqual({ [HISTORIES_WAITING_MAX + 1]: false });
  });

  it('forgets what was asked in a session that has ended', () => {
    peer.room = 0;
    histories.onAsked(asPeer(peer), ask(1));
    histories.sessionEnded(asPeer(peer));
    peer.room = 1;
    histories.pump(asPeer(peer));
    expect(asked).toEqual([]);
  });
});

describe('A node that asks for the past', () => {
  it('tells what was not answered from what the home does not have', () => {
    const clock = new FakeClock();
    const ends: [request: number, found: boolean, more: boolean][] = [];
    const historyDone = (...end: (typeof ends)[number]) => ends.push(end.slice(0, 3) as typeof end);
    const histories = new Histories(clock, { historyDone } as unknown as ClusterHost);
    const peer = asPeer(new FakePeer());
    const query = { epoch: '', after: 0, before: 9, max: 5 };
    const [away, late, over, empty] = [undefined, peer, peer, peer].map((home) =>
      histories.ask(home, 'dev-1', query),
    );
    histories.onEnd(peer, { request: empty!, found: false, more: true, epoch: '' });
    histories.sessionEnded(peer);
    clock.advance(6000);
    const slow = histories.ask(peer, 'dev-1', query);
    clock.advance(6000);
    histories.tick();
    expect(ends).toEqual([
      [away, false, true],
      [empty, false, false],
      [late, false, true],
      [over, false, true],
      [slow, false, true],
    ]);
  });
});
