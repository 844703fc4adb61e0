/**
 * Claims of this node: which of them each peer has been sent and has answered. Cluster thread only.
 *
 * Homes are kept in the order of their last claim. So an iterator over them yields what a peer must still be sent,
 * including claims that are made meanwhile. Claims are numbered in this order (`stamp`), so "answered up to" is one
 * number for each peer.
 */
import type { LinkCounts } from './figures.ts';
import { claimNumber, type Home, HomePhase, homeKey } from './home.ts';
import type { Numbered } from './homes-deps.ts';
import type { Peer, PendingClaim } from './peer.ts';
import { claimed, claim as claimRecord, claimsAnswered, type HomeKind } from './records.ts';

export interface ClaimsDeps {
  readonly figures: LinkCounts;
  /** Nodes that must be asked: alive, and not fenced or still joining. */
  askable(): Iterable<Peer>;
  /** One more node has answered a claim that has a `seek`, or will not answer it. */
  answered(home: Home): void;
}

export class Claims {
  readonly #deps: ClaimsDeps;
  readonly #homes = new Map<string, Home>();
  #stamp = 0;

  constructor(deps: ClaimsDeps) {
    this.#deps = deps;
  }

  /** Claims so far. */
  get stamp(): number {
    return this.#stamp;
  }

  /** Ids that have their home here, or are claimed. */
  get count(): number {
    return this.#homes.size;
  }

  get(kind: HomeKind, id: string): Home | undefined {
    return this.#homes.get(homeKey(kind, id));
  }

  delete({ kind, id }: Home): void {
    this.#homes.delete(homeKey(kind, id));
  }

  /** Claims an id for a new connection, and counts in `seek` the nodes that must answer. */
  ask(home: Home): void {
    this.stampAnew(home);
    home.sought = home.number + 1;
    this.#deps.figures.claims += 1;
    for (const peer of this.#deps.askable()) {
      home.seek!.waiting += 1;
      forgetSettled(peer.pendingClaims);
      peer.pendingClaims.push({ home, stamp: home.stamp });
      if (peer.takesClaims) this.send(peer, home);
    }
  }

  /** States that an id has its home here, without waiting for answers: a node that knows better will object. */
  assert(home: Home): void {
    this.stampAnew(home);
    for (const peer of this.#deps.askable()) if (peer.takesClaims) this.send(peer, home);
  }

  /** An id that has its home here without a claim. */
  keep(home: Home): void {
    this.#homes.set(homeKey(home.kind, home.id), home);
  }

  /** Makes it a claim that nobody has answered. */
  stampAnew(home: Home): void {
    const key = homeKey(home.kind, home.id);
    home.stamp = ++this.#stamp;
    home.sought = 0;
    this.#homes.delete(key);
    this.#homes.set(key, home);
  }

  send(peer: Peer, home: Home): void {
    this.answer(peer); // so that the peer can tell whether this claim was made before its own was taken
    const { kind, id, stamp, connected } = home;
    const fresh = this.isFresh(home, peer);
    const number = fresh ? home.sought : claimNumber(home);
    peer.lastClaimSent = stamp;
    claimRecord.write(peer.session, { kind, id, stamp, connected, fresh, number });
  }

  /** Whether the claim is for a connection that was made while the session with the peer was open. */
  isFresh(home: Home, peer: Peer): boolean {
    return home.sought > 0 && home.stamp > peer.openedAtStamp;
  }

  /**
   * Whether the peer has not processed a fresh claim yet: what it said about the id, it said without knowing the claim.
   */
  isUnheard(home: Home, peer: Peer): boolean {
    return this.isFresh(home, peer) && peer.claimsAnswered < home.stamp;
  }

  /** A claim of the peer was processed; it is answered with the next flush. */
  took(peer: Peer, stamp: number): void {
    peer.answeredStamp = Math.max(peer.answeredStamp, stamp);
    peer.owesClaimsAnswer = true;
    peer.wantFlush();
  }

  /** Before a flush: answers the processed claims once, after all records about them. */
  answer(peer: Peer): void {
    if (!peer.owesClaimsAnswer || !peer.isOpen) return;
    peer.owesClaimsAnswer = false;
    claimsAnswered.write(peer.session, { stamp: peer.answeredStamp });
  }

  /** The peer has answered all claims up to this one. */
  onAnswered(peer: Peer, stamp: number): void {
    peer.claimsAnswered = Math.max(peer.claimsAnswered, Math.min(stamp, this.#stamp));
    const pending = peer.pendingClaims;
    let count = 0;
    while (count < pending.length && pending[count]!.stamp <= stamp) this.#answered(pending[count++]!);
    if (count > 0) pending.splice(0, count);
  }

  /**
   * The peer is not the home, and knows a claim with this number. A home without a connection is no newer for that: what
   * it keeps may be older than that claim, and than an end before it. So only a claim for a new connection raises its
   * number.
   */
  onKnown(peer: Peer, { kind, id, number }: Numbered): void {
    const home = this.get(kind, id);
    if (home === undefined || home.number >= number) return;
    const isNewer = home.seek !== undefined || home.connected || this.isFresh(home, peer);
    if (isNewer) home.number = home.phase === HomePhase.home ? number + 1 : number;
  }

  /**
   * The peer has said which claims it has answered. @param skip the peer sends all of its own claims, so these need not
   * be sent: the claims of one side are enough to find every conflict
   */
  sessionOpened(peer: Peer, skip: boolean): void {
    if (skip) this.onAnswered(peer, this.#stamp);
    peer.claimsToSend = this.#homes.values();
    this.pump(peer);
  }

  /** Sends claims that the peer has not answered, as long as there is room. */
  pump(peer: Peer): void {
    const { claimsToSend } = peer;
    if (claimsToSend === undefined || !peer.isOpen) return;
    while (peer.session.hasRoom) {
      const next = claimsToSend.next();
      if (next.done === true) {
        peer.claimsToSend = undefined;
        peer.toldClaimed = true;
        claimed.write(peer.session, {});
        return;
      }
      if (next.value.stamp > peer.claimsAnswered) this.send(peer, next.value);
    }
  }

  /** The peer will not answer any more. */
  peerLost(peer: Peer): void {
    for (const one of peer.pendingClaims.splice(0)) this.#answered(one);
  }

  #answered(pending: PendingClaim): void {
    if (isSettled(pending)) return;
    pending.home.seek!.waiting -= 1;
    this.#deps.answered(pending.home);
  }
}

/** Without the peer's answer, or by one to a later claim. */
function isSettled({ home, stamp }: PendingClaim): boolean {
  return home.seek === undefined || home.stamp !== stamp;
}

/** A peer may beat for days without answering anything. Claims wait about equally long, so the first is settled first. */
function forgetSettled(pending: PendingClaim[]): void {
  let count = 0;
  while (count < pending.length && isSettled(pending[count]!)) count += 1;
  if (count > 0) pending.splice(0, count);
}
