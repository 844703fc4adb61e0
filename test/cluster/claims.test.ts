/** The numbers of this node's claims: what each peer is sent, and what homes that meet compare. */
import { describe, expect, it } from 'vitest';
import { Claims } from '../../src/cluster/claims.ts';
import { createLinkCounts } from '../../src/cluster/figures.ts';
import { createHome, type Home, HomePhase } from '../../src/cluster/home.ts';
import { Homes } from '../../src/cluster/homes.ts';
import type { ClusterHost } from '../../src/cluster/host.ts';
import type { Peer } from '../../src/cluster/peer.ts';
import { claim, claimsAnswered, HomeKind } from '../../src/cluster/records.ts';
import { createSeek } from '../../src/cluster/seek.ts';
import { forEachRecord } from '../../src/cluster/wire.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { BatchWriter } from './support/batches.ts';

const kind = HomeKind.subscriber;
const id = 'ann';

/** A node with a session of its own; what it was sent are the claims. */
function peerOf(node: string, openedAtStamp = 0) {
  const session = Object.assign(new BatchWriter(), { hasRoom: true });
  const state = { pendingClaims: [], claimsAnswered: 0, answeredStamp: 0, takesClaims: true };
  const peer = { node, session, isOpen: true, openedAtStamp, wantFlush() {}, ...state } as unknown as Peer;
  const claims = () => {
    const all: { readonly number: number; readonly fresh: boolean }[] = [];
    forEachRecord(session.views, session.used, (recordKind, offset, bytes) => {
      if (recordKind !== claim.kind) return;
      const { number, fresh } = claim.read(session.views, offset, bytes)!;
      all.push({ number, fresh });
    });
    return all;
  };
  return { peer, claims };
}

/** A claim for a new connection that the peers have not answered. */
function waiting(number: number, ...peers: Peer[]) {
  const claims = new Claims({ figures: createLinkCounts(), askable: () => peers, answered: () => {} });
  const home = createHome(kind, id, number, true);
  home.phase = HomePhase.seeking;
  home.seek = createSeek(0);
  claims.ask(home);
  return { claims, home };
}

describe('A claim that waits for answers', () => {
  it('has one more than the highest number that was known as it was made', () => {
    const { peer, claims: sent } = peerOf('b');
    waiting(6002, peer);
    expect(sent()).toEqual([{ number: 6003, fresh: true }]);
  });

  it.each([
    ['its own number', 6002, 6003],
    ['one above what it was told since', 7000, 7001],
  ])('is sent in a session that opens later with %s', (_, known, number) => {
    const { claims, home } = waiting(6002);
    home.number = known;
    const { peer, claims: sent } = peerOf('b', claims.stamp);
    claims.sessionOpened(peer, false);
    expect(sent()).toEqual([{ number, fresh: false }]);
  });

  it('is sent with the number of the home once it is settled', () => {
    const { claims, home } = waiting(6002);
    Object.assign(home, { number: 6003, seek: undefined, phase: HomePhase.home });
    const { peer, claims: sent } = peerOf('b', claims.stamp);
    claims.sessionOpened(peer, false);
    expect(sent()).toEqual([{ number: 6003, fresh: false }]);
  });
});

describe('A node that beats, and answers no claims', () => {
  it('is remembered no more claims than still wait for it', () => {
    const { peer } = peerOf('b');
    const claims = new Claims({ figures: createLinkCounts(), askable: () => [peer], answered: () => {} });
    const ask = (number: number): Home => {
      const home = createHome(HomeKind.device, `dev-${number}`, number, true);
      home.seek = createSeek(0);
      claims.ask(home);
      return home;
    };
    const waits = ask(1);
    for (let number = 2; number < 100; number++) ask(number).seek = undefined; // settled without it
    expect(peer.pendingClaims.length).toBe(99); // the first still waits
    waits.seek = undefined;
    const last = [ask(100), ask(101)];
    expect(peer.pendingClaims.map(({ home }) => home)).toEqual(last);
    claims.onAnswered(peer, claims.stamp);
    expect(last.map(({ seek }) => seek!.waiting)).toEqual([0, 0]);
  });
});

describe('A number that another node knows', () => {
  const kept = (number: number, state: Partial<Home> = {}) => {
    const { peer } = peerOf('b');
    const claims = new Claims({ figures: createLinkCounts(), askable: () => [peer], answered: () => {} });
    const home = Object.assign(createHome(kind, id, number, false), state);
    claims.assert(home);
    return { claims, home, peer };
  };
  const known = (number: number) => ({ kind, id, number });

  it('makes nothing newer that is only kept here: neither than that claim nor than an end before it', () => {
    const { claims, home, peer } = kept(3);
    claims.onKnown(peer, known(1007));
    expect(home.number).toBe(3);
  });

  it('makes nothing newer that is on its way to another node', () => {
    const { claims, home, peer } = kept(3, { phase: HomePhase.leaving });
    claims.onKnown(peer, known(1007));
    expect(home.number).toBe(3);
  });

  it('is below that of a home with a connection', () => {
    const { claims, home, peer } = kept(3, { connected: true });
    claims.onKnown(peer, known(7));
    expect(home.number).toBe(8);
    claims.onKnown(peer, known(7));
    claims.onKnown(peer, known(8));
    expect(home.number, 'what is not above changes nothing').toBe(8);
  });

  it('is below that of a connection that has ended, if it answers the claim for it too late', () => {
    const { peer } = peerOf('b');
    const { claims, home } = waiting(1, peer);
    Object.assign(home, { number: 2, seek: undefined, phase: HomePhase.home, connected: false });
    claims.onKnown(peer, known(7));
    expect(home.number).toBe(8);
    const { peer: later } = peerOf('c', claims.stamp);
    claims.onKnown(later, known(9));
    expect(home.number, 'in a session that opened later, it is kept').toBe(8);
  });

  it('is the highest known one while the claim waits for answers, in a session that opened later too', () => {
    const { claims, home } = waiting(1);
    const { peer } = peerOf('b', claims.stamp);
    home.connected = false;
    claims.onKnown(peer, known(7));
    expect(home.number).toBe(7);
  });

  it('of an id that is not here is nothing', () => {
    const { claims, peer } = kept(3);
    claims.onKnown(peer, { kind: HomeKind.device, id, number: 7 });
    expect(claims.get(HomeKind.device, id)).toBeUndefined();
  });
});

/** Homes of node `c`, which asks one node; its session is open since before all claims. */
function homesOf() {
  const { peer: asked } = peerOf('x');
  const homes = new Homes({
    clock: new FakeClock(),
    node: 'c',
    figures: createLinkCounts(),
    host: { surrender() {}, ping() {}, adopt() {}, release() {} } as unknown as ClusterHost,
    askable: () => [asked],
    keeperOf: () => undefined,
    knownNumber: () => 0,
    claimSeen() {},
    adopted() {},
    dropped() {},
    movedAway() {},
    letGo() {},
  });
  return { homes, asked };
}

const heard = { kind, id, number: 6002, stamp: 1, fresh: false, connected: false };

describe('A claim that waits, whose connection is over, and a kept one elsewhere', () => {
  it.each([
    ['b', 6002, true],
    ['b', 6003, true],
    ['d', 6003, false],
    ['b', 6004, false],
  ])('are compared by the numbers of their claims: against %s with %i', (node, number, wins) => {
    const { homes, asked } = homesOf();
    homes.onClaim(asked, heard);
    homes.connect(kind, id);
    homes.disconnect(kind, id);
    const { peer } = peerOf(node, homes.claims.stamp);
    homes.onClaim(peer, { ...heard, number });
    expect(homes.get(kind, id)!.departure === undefined).toBe(wins);
  });
});

describe('A conflict', () => {
  it.each([
    ['won', false],
    ['lost', true],
  ])('that is %s leaves the number that was heard since the other node was told', (_, isLost) => {
    const { homes, asked } = homesOf();
    homes.connect(kind, id);
    const home = homes.get(kind, id)!;
    homes.claims.onAnswered(asked, homes.claims.stamp);
    const { peer } = peerOf('b', homes.claims.stamp);
    homes.onClaim(peer, { ...heard, number: 3, connected: true });
    homes.pinged(kind, id, !isLost);
    homes.claims.onKnown(asked, { kind, id, number: 1005 });
    homes.onContest(peer, { kind, id, number: 3, alive: isLost });
    expect([home.departure !== undefined, home.number]).toEqual([isLost, 1006]);
  });
});

it('What was processed is answered before a claim is sent', () => {
  const { peer } = peerOf('b');
  const { claims, home } = waiting(1);
  claims.took(peer, 5);
  claims.send(peer, home);
  const kinds: number[] = [];
  const { views, used } = peer.session as unknown as BatchWriter;
  forEachRecord(views, used, (recordKind) => kinds.push(recordKind));
  expect(kinds).toEqual([claimsAnswered.kind, claim.kind]);
});
