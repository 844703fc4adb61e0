/**
 * The phase of this node, which decides what it may do: `joining` until it has heard its own beats and read the bucket,
 * `claiming` until claims are exchanged, then `in`; `fenced` once it may have been called lost. Cluster thread only.
 */
import type { Clock } from '../clock.ts';
import { Phase } from './beats.ts';
import type { LinkCounts } from './figures.ts';
import { CLAIMING_MS, LISTEN_MS } from './limits.ts';
import type { Members } from './members.ts';
import type { Peer } from './peer.ts';
import type { Peers } from './peers.ts';

export interface PhasesDeps {
  readonly clock: Clock;
  readonly figures: LinkCounts;
  readonly members: Members;
  readonly peers: Peers;
  /** DAT_CLUSTER_NODE_TIMEOUT_MS. */
  readonly timeoutMs: number;
  /** Reads the whole bucket as it is from now on and applies it, then calls back; retries until that succeeds. */
  readonly readBucket: (done: () => void) => void;
  readonly entered: (phase: Phase) => void;
  /** A session with the peer may now open. */
  readonly mayOpen: (peer: Peer) => void;
}

export class Phases {
  readonly #deps: PhasesDeps;
  #sinceMs: number;
  #wasIn = false;
  #isReading = false;
  #hasRead = false;
  /** When the first own beat came back. */
  #freshAtMs = Number.POSITIVE_INFINITY;
  /** When another process with this node's id was last heard. */
  #duplicateAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: PhasesDeps) {
    this.#deps = deps;
    this.#sinceMs = deps.clock.now();
  }

  /** Whether it was `in` since the process started. */
  get wasIn(): boolean {
    return this.#wasIn;
  }

  /** Whether messages may be sent or processed now. A node that finds that it was frozen fences itself here. */
  mayAct(): boolean {
    const { peers, members, figures } = this.#deps;
    if (peers.phase !== Phase.claiming && peers.phase !== Phase.in) return false;
    if (members.isFresh()) return true;
    figures.fences += 1;
    this.#freshAtMs = Number.POSITIVE_INFINITY;
    this.#hasRead = false;
    this.#enter(Phase.fenced);
    return false;
  }

  /** A beat was heard. */
  heard(): void {
    const { members, clock } = this.#deps;
    if (members.isFresh()) this.#freshAtMs = Math.min(this.#freshAtMs, clock.now());
  }

  duplicate(): void {
    this.#duplicateAtMs = this.#deps.clock.now();
  }

  /** Moves on to the next phase once its conditions are met. */
  proceed(): void {
    const { peers } = this.#deps;
    if (peers.phase === Phase.joining || peers.phase === Phase.fenced) this.#proceedToClaiming();
    if (peers.phase !== Phase.claiming || !this.#hasClaims()) return;
    this.#wasIn = true;
    this.#enter(Phase.in);
  }

  /** Reads the bucket for this node, and for lost nodes whose sessions must not open before that. */
  readBucket(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    const { figures, members, peers, mayOpen, readBucket } = this.#deps;
    const { fences } = figures;
    const gated = [...peers.all].filter((peer) => peer.gated);
    readBucket(() => {
      this.#isReading = false;
      this.#hasRead = members.isFresh() && fences === figures.fences; // else it was begun before the silence
      for (const peer of gated) {
        if (peers.get(peer.node) !== peer) continue; // lost again meanwhile
        peer.gated = false;
        mayOpen(peer);
      }
      if ([...peers.all].some((peer) => peer.gated)) this.readBucket();
      this.proceed();
    });
  }

  #proceedToClaiming(): void {
    const { clock, members, timeoutMs } = this.#deps;
    const now = clock.now();
    if (!members.isFresh() || now - this.#freshAtMs < LISTEN_MS) return;
    if (now - this.#duplicateAtMs < 2 * timeoutMs) return;
    if (this.#hasRead) this.#enter(Phase.claiming);
    else this.readBucket();
  }

  /** Whether this node has the claims of every node that it can hear, and the answers to its own. */
  #hasClaims(): boolean {
    const { clock, peers } = this.#deps;
    if (clock.now() - this.#sinceMs >= CLAIMING_MS) return true;
    for (const { isOpen, hasClaimed, toldClaimed, claimsAnswered, lastClaimSent } of peers.askable()) {
      if (!isOpen || !hasClaimed || !toldClaimed || claimsAnswered < lastClaimSent) return false;
    }
    return true;
  }

  #enter(phase: Phase): void {
    this.#deps.peers.phase = phase;
    this.#sinceMs = this.#deps.clock.now();
    this.#deps.entered(phase);
  }
}
