/**
 * The other live nodes, as peers: which of them may be asked, which answer, and which must wait until the bucket has
 * been read because they were lost. Cluster thread only.
 */
import { Phase } from './beats.ts';
import { keeperOf } from './home.ts';
import type { Members } from './members.ts';
import { Peer, type PeerEvents } from './peer.ts';
import type { SessionDeps } from './session.ts';

/** Boots that were lost and may come back. */
const LOST_MAX = 1024;

export class Peers {
  readonly #members: Members;
  readonly #sessions: SessionDeps;
  readonly #events: PeerEvents;
  readonly #byNode = new Map<string, Peer>();
  readonly #byBoot = new Map<number, Peer>();
  readonly #byNumber = new Map<number, Peer>();
  /** By lost boot: the last of its claims that this node has answered. */
  readonly #lost = new Map<number, number>();
  #numbers = 0;
  #turn = 0;
  /** This node's own phase. */
  phase: Phase = Phase.joining;

  constructor(members: Members, sessions: SessionDeps, events: PeerEvents) {
    this.#members = members;
    this.#sessions = sessions;
    this.#events = events;
  }

  get all(): Iterable<Peer> {
    return this.#byNode.values();
  }

  get(node: string): Peer | undefined {
    return this.#byNode.get(node);
  }

  ofBoot(boot: number): Peer | undefined {
    return this.#byBoot.get(boot);
  }

  /** By the host's name for its session. */
  ofNumber(number: number): Peer | undefined {
    return this.#byNumber.get(number);
  }

  /** @returns the peer; `gated` if it was lost before */
  add(node: string, boot: number): Peer {
    const peer = new Peer(node, boot, this.#sessions, this.#events);
    this.#byNode.set(node, peer);
    this.#byBoot.set(boot, peer);
    const answered = this.#lost.get(boot);
    peer.gated = answered !== undefined;
    peer.answeredStamp = answered ?? 0;
    return peer;
  }

  delete(peer: Peer, wasLost: boolean): void {
    this.#byNode.delete(peer.node);
    this.#byBoot.delete(peer.boot);
    if (!wasLost) return;
    this.#lost.delete(peer.boot);
    this.#lost.set(peer.boot, peer.answeredStamp);
    if (this.#lost.size > LOST_MAX) this.#lost.delete(this.#lost.keys().next().value!);
  }

  /** A session opened: gives it a number of its own for the host. */
  number(peer: Peer): void {
    this.#numbers += 1;
    peer.number = this.#numbers;
    this.#byNumber.set(peer.number, peer);
  }

  unnumber(peer: Peer): void {
    this.#byNumber.delete(peer.number);
  }

  /** Whether the peer must be asked about claims. */
  isAskable(peer: Peer): boolean {
    if (!this.#speaks || peer.gated) return false;
    const phase = this.#members.get(peer.node)?.beat.phase;
    return peer.isOpen || phase === Phase.claiming || phase === Phase.in;
  }

  /** Nodes that must be asked about a claim: alive, and not fenced or still joining. */
  *askable(): Generator<Peer> {
    for (const peer of this.#byNode.values()) if (this.isAskable(peer)) yield peer;
  }

  /** Nodes that answer lookups and follows. */
  *ready(): Generator<Peer> {
    if (this.phase !== Phase.in) return;
    for (const peer of this.#byNode.values()) if (peer.isReady && peer.isOpen) yield peer;
  }

  readyOf(node: string): Peer | undefined {
    const peer = this.#byNode.get(node);
    return this.phase === Phase.in && peer?.isReady && peer.isOpen ? peer : undefined;
  }

  /** The node to which a draining node leaves an id, undefined if there is none. */
  keeperOf(id: string): Peer | undefined {
    const nodes = [...this.ready()].map(({ node }) => node);
    const keeper = keeperOf(
      id,
      nodes.filter((node) => this.#members.get(node)?.beat.draining === false),
    );
    return keeper === undefined ? undefined : this.get(keeper);
  }

  /** Ready peers in turns. */
  nextInTurn(): Peer | undefined {
    const ready = [...this.ready()];
    this.#turn += 1;
    return ready[this.#turn % ready.length];
  }

  get #speaks(): boolean {
    return this.phase === Phase.claiming || this.phase === Phase.in;
  }
}
