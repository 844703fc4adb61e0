import { describe, expect, it } from 'vitest';
import { Contests } from '../../src/cluster/contests.ts';
import { createHome, type Home } from '../../src/cluster/home.ts';
import { CONTEST_MS } from '../../src/cluster/limits.ts';
import type { Peer } from '../../src/cluster/peer.ts';
import { HomeKind } from '../../src/cluster/records.ts';
import { FakeClock } from '../support/fake-clock.ts';

const peer = (node: string): Peer => ({ node, isOpen: false }) as Peer;
const device = (id: string, number = 5): Home => createHome(HomeKind.device, id, number, true);

/** Contests of node `m`. */
function setUp() {
  const clock = new FakeClock();
  const pinged: string[] = [];
  const said: string[] = [];
  const contests = new Contests({
    clock,
    node: 'm',
    ping: (_, id) => pinged.push(id),
    won: ({ id }, number) => said.push(`won ${id} ${number}`),
    lost: ({ id }, { node }, number) => said.push(`lost ${id} to ${node} ${number}`),
  });
  return { clock, contests, pinged, said };
}

const alive = { alive: true, number: 7 };
const dead = { alive: false, number: 7 };

describe('A contest', () => {
  it.each([
    ['the connection that answers', true, dead, 'won dev-1 8'],
    ['the connection that answers there', false, alive, 'lost dev-1 to b 8'],
    ['where both answer, the higher number', true, alive, 'lost dev-1 to b 8'],
    ['where none answers, the higher number', false, { alive: false, number: 3 }, 'won dev-1 6'],
    ['with equal numbers, the higher node', true, { alive: true, number: 5 }, 'won dev-1 6'],
  ])('is won by %s', (_, answers, theirs, result) => {
    const { contests, pinged, said } = setUp();
    const home = device('dev-1');
    contests.begin(home, peer('b'));
    contests.begin(home, peer('b')); // of another session: it has a contest of its own
    expect(pinged).toEqual(['dev-1', 'dev-1']);
    contests.drop(home);
    const b = peer('b');
    contests.begin(home, b);
    contests.begin(home, b);
    contests.pinged(HomeKind.device, 'dev-1', answers);
    expect(said).toEqual([]);
    contests.theirs(home, b, theirs);
    expect(said).toEqual([result]);
  });

  it('is lost by a connection that has not answered in time', () => {
    const { contests, said, clock } = setUp();
    contests.theirs(device('dev-1'), peer('b'), alive);
    clock.advance(CONTEST_MS - 1);
    contests.tick();
    expect(said).toEqual([]);
    clock.advance(1);
    contests.tick();
    contests.tick();
    expect(said).toEqual(['lost dev-1 to b 8']);
  });

  it('is decided by the answer of its own connection alone', () => {
    const { contests, said } = setUp();
    const [one, other] = [device('dev-1'), device('dev-2')];
    const b = peer('b');
    for (const home of [one, other]) contests.theirs(home, b, dead);
    contests.pinged(HomeKind.subscriber, 'dev-1', true);
    contests.pinged(HomeKind.device, 'dev-3', true);
    expect(said).toEqual([]);
    contests.pinged(HomeKind.device, 'dev-2', true);
    expect(said).toEqual(['won dev-2 8']);
  });

  it('may be one with each of several nodes, which one answer decides', () => {
    const { contests, said } = setUp();
    const home = device('dev-1');
    for (const node of ['a', 'b']) contests.theirs(home, peer(node), dead);
    contests.pinged(HomeKind.device, 'dev-1', true);
    expect(said).toEqual(['won dev-1 8', 'won dev-1 8']);
  });

  it('that the end of a session interrupts is named, and others of the id go on', () => {
    const { contests, said } = setUp();
    const [home, other] = [device('dev-1'), device('dev-2')];
    const [a, b] = [peer('a'), peer('b')];
    for (const one of [home, other]) contests.begin(one, a);
    contests.theirs(home, b, dead);
    expect(contests.dropPeer(a)).toEqual([home, other]);
    expect(contests.dropPeer(a)).toEqual([]);
    for (const id of ['dev-1', 'dev-2']) contests.pinged(HomeKind.device, id, true);
    expect(said).toEqual(['won dev-1 8']);
  });
});
