import { describe, expect, it } from 'vitest';
import { HandOvers } from '../../src/cluster/hand-overs.ts';
import { createHome } from '../../src/cluster/home.ts';
import type { Peer } from '../../src/cluster/peer.ts';
import { HomeKind } from '../../src/cluster/records.ts';
import { viewsOf } from '../../src/cluster/wire.ts';

const PARTS = [Buffer.from('dev-1')];
const idsOf = (handed: readonly { readonly id: string }[]) => handed.map(({ id }) => id);
const home = (id: string, kind: HomeKind = HomeKind.subscriber) => createHome(kind, id, 7, false);

/** A peer whose session writes the batch that the test says, and has acknowledged what the test says. */
function peerOf(boot: number) {
  const session = { writing: 1, acknowledged: 0, views: viewsOf(4096), claim: () => 0 };
  return { peer: { boot, session } as unknown as Peer, session };
}

describe('What was handed over', () => {
  it('comes back from a session that ends, unless it was acknowledged', () => {
    const handOvers = new HandOvers();
    const { peer, session } = peerOf(1);
    for (const [id, batch] of [
      ['ann', 1],
      ['bob', 2],
      ['cid', 3],
    ] as const) {
      session.writing = batch;
      handOvers.give(peer, home(id), PARTS, false);
    }
    expect(handOvers.count).toBe(3);
    session.acknowledged = 1;
    handOvers.tick();
    expect(handOvers.count).toBe(2);
    session.acknowledged = 2; // not looked at before the end
    const [handed, ...others] = handOvers.sessionEnded(peer);
    expect(handed).toEqual({ kind: HomeKind.subscriber, id: 'cid', number: 7, parts: PARTS, batch: 3 });
    expect(others).toEqual([]);
    expect(handOvers.count).toBe(0);
    expect(handOvers.sessionEnded(peer)).toEqual([]);
  });

  it('comes back from the node that it went to only', () => {
    const handOvers = new HandOvers();
    const [{ peer: first }, { peer: second }] = [peerOf(1), peerOf(2)];
    handOvers.give(first, home('ann'), PARTS, false);
    handOvers.give(second, home('bob'), PARTS, true);
    expect(idsOf(handOvers.sessionEnded(second))).toEqual(['bob']);
    expect(idsOf(handOvers.sessionEnded(first))).toEqual(['ann']);
  });

  it('is not kept where it was nothing, or is a device', () => {
    const handOvers = new HandOvers();
    const { peer } = peerOf(1);
    handOvers.give(peer, home('ann'), [], false);
    handOvers.give(peer, home('dev-1', HomeKind.device), PARTS, false);
    handOvers.give(peer, home('gw-1', HomeKind.gateway), PARTS, false);
    expect(handOvers.count).toBe(0);
  });

  it('goes out under its first number if it came back', () => {
    const handOvers = new HandOvers();
    const { peer } = peerOf(1);
    handOvers.give(peer, { ...home('ann'), returned: 5 }, PARTS, false);
    expect(handOvers.sessionEnded(peer)).toMatchObject([{ number: 5 }]);
  });
});

describe('What is handed over to this node', () => {
  const ann = { kind: HomeKind.subscriber, id: 'ann', number: 7 };

  it('is taken once, from the same node under the same number', () => {
    const handOvers = new HandOvers();
    const { peer } = peerOf(1);
    expect(handOvers.take(peer, ann)).toBe(true);
    expect(handOvers.take(peer, ann)).toBe(false);
    expect(handOvers.take(peer, { ...ann, number: 8 })).toBe(true);
    expect(handOvers.take(peerOf(2).peer, { ...ann, number: 8 })).toBe(true);
    expect(handOvers.take(peer, { ...ann, id: 'bob' })).toBe(true);
  });

  it('is taken whenever it is a device', () => {
    const handOvers = new HandOvers();
    const { peer } = peerOf(1);
    const device = { ...ann, kind: HomeKind.device };
    expect([handOvers.take(peer, device), handOvers.take(peer, device)]).toEqual([true, true]);
  });
});
