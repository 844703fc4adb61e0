/**
 * This node's state for another node: one boot, its session, and what each side still owes the other. Holds no rules;
 * `homes.ts`, `follows.ts` and others keep their state per node here. Cluster thread only.
 */
import type { RecordViews } from '../memory/ring.ts';
import type { Follow } from './follow.ts';
import type { Home } from './home.ts';
import { LinkSession, type SessionDeps, type SessionOwner } from './session.ts';

/** The receiver of events from all peers' sessions. */
export interface PeerEvents {
  send(peer: Peer, message: Uint8Array): void;
  wantFlush(peer: Peer): void;
  opened(peer: Peer): void;
  ended(peer: Peer): void;
  received(peer: Peer, kind: number, views: RecordViews, offset: number, bytes: number): void;
}

/** Who asked for the location of a device: a follow, or an operator. */
export type Asker = Follow | Location;

export interface Location {
  readonly id: string;
  waiting: number;
  best: { readonly node: string; readonly number: number; readonly connected: boolean } | undefined;
  readonly untilMs: number;
  readonly resolve: (node: string | undefined) => void;
}

/** A claim that the peer has not answered yet. */
export interface PendingClaim {
  readonly home: Home;
  readonly stamp: number;
}

export class Peer implements SessionOwner {
  readonly node: string;
  readonly boot: number;
  /** The host's name for the session; another one for each. */
  number = 0;
  readonly session: LinkSession;

  /** It was called lost, and the bucket has not been read since then: its session must not open. */
  gated = false;
  /** It is `in`: it answers lookups and follows. */
  isReady = false;
  /** It has sent all claims that this node had not answered before. */
  hasClaimed = false;
  /** Whether this node has told it `claimed` and `ready` in this session. */
  toldClaimed = false;
  toldReady = false;
  /** This node said in this session that it has not been `in` since it started. */
  toldJoining = false;

  /** The last of its claims that this node has answered, in this and earlier sessions; and whether it must be told. */
  answeredStamp = 0;
  owesClaimsAnswer = false;
  /** Claims up to here were made before the session opened: they are not fresh for this peer. */
  openedAtStamp = 0;
  /** The last of this node's claims that it has answered. */
  claimsAnswered = 0;
  /** The newest claim that it was sent in this session. */
  lastClaimSent = 0;
  /** Claims that it must still be sent, in the order of their stamps; undefined if it has them all. */
  claimsToSend: Iterator<Home> | undefined;
  pendingClaims: PendingClaim[] = [];
  /** Parts of hand-overs that are not complete, by kind and id. */
  readonly parts = new Map<string, Uint8Array[]>();
  partBytes = 0;

  /** Questions of this session: how many were asked and answered, in either direction. */
  answered = 0;
  pendingAsks: Asker[] = [];
  asksTaken = 0;
  owesAsksAnswer = false;
  /** Follows that it must still be sent after its session opened. */
  followsToSend: Iterator<Follow> | undefined;

  /** Follows of this node, by the handle that the peer gave. */
  readonly handles = new Map<number, Follow>();
  /** Follows of this node whose current home it is, with or without a session. */
  readonly followed = new Set<Follow>();

  readonly #events: PeerEvents;

  constructor(node: string, boot: number, deps: SessionDeps, events: PeerEvents) {
    this.node = node;
    this.boot = boot;
    this.#events = events;
    this.session = new LinkSession(deps, this);
  }

  /** Whether records may be written to it. */
  get isOpen(): boolean {
    return this.session.isOpen;
  }

  /** Whether it is sent claims as they are made. Else, it is sent them all when its session has opened. */
  get takesClaims(): boolean {
    return this.isOpen && this.toldClaimed; // what was told is forgotten only after the session has ended
  }

  /** Forgets what belonged to the session that has ended. */
  forgetSession(): void {
    this.isReady = false;
    this.hasClaimed = false;
    this.toldClaimed = false;
    this.toldReady = false;
    this.toldJoining = false;
    this.lastClaimSent = 0;
    this.claimsToSend = undefined;
    this.owesClaimsAnswer = false;
    this.parts.clear();
    this.partBytes = 0;
    this.answered = 0;
    this.asksTaken = 0;
    this.owesAsksAnswer = false;
    this.followsToSend = undefined;
    this.handles.clear();
  }

  send(message: Uint8Array): void {
    this.#events.send(this, message);
  }

  wantFlush(): void {
    this.#events.wantFlush(this);
  }

  opened(): void {
    this.#events.opened(this);
  }

  ended(): void {
    this.#events.ended(this);
  }

  received(kind: number, views: RecordViews, offset: number, bytes: number): void {
    this.#events.received(this, kind, views, offset, bytes);
  }
}
