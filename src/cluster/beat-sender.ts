/** Sends this node's beats, and measures the round trip to other nodes, one at a time. Cluster thread only. */
import type { Clock } from '../clock.ts';
import { encodeBeat, type Phase } from './beats.ts';
import type { Confirms } from './confirms.ts';
import type { LinkCounts } from './figures.ts';
import type { ClusterHost } from './host.ts';
import { EXTRA_BEAT_MS } from './limits.ts';
import type { Members } from './members.ts';
import type { Peers } from './peers.ts';
import { ping } from './records.ts';

export interface BeatSenderDeps {
  readonly clock: Clock;
  readonly node: string;
  readonly boot: number;
  readonly version: string;
  readonly host: ClusterHost;
  readonly members: Members;
  readonly peers: Peers;
  readonly confirms: Confirms;
  readonly figures: LinkCounts;
  readonly sendToAll: (message: Uint8Array) => void;
}

export class BeatSender {
  readonly #deps: BeatSenderDeps;
  readonly #startedAt: number;
  #beatAtMs = Number.NEGATIVE_INFINITY;
  #saidDraining = false;
  /** A joining node was heard just after a beat, and may not have heard it. */
  #owesNewcomer = false;

  constructor(deps: BeatSenderDeps) {
    this.#deps = deps;
    this.#startedAt = deps.clock.wallNow();
  }

  beat(bye = false): void {
    const { clock, node, boot, version, host, members, peers, confirms, figures, sendToAll } = this.#deps;
    const { eventsSent, eventsReceived, gaps } = figures;
    const said = { ...host.figures(), eventsSent, eventsReceived, gaps };
    this.#beatAtMs = clock.now();
    this.#owesNewcomer = false;
    this.#saidDraining = said.draining;
    const { revision, bucket } = confirms.applied;
    const phase: Phase = peers.phase;
    const [number, startedAt] = [members.beating(), this.#startedAt];
    sendToAll(encodeBeat({ ...said, boot, node, version, startedAt, revision, bucket, bye, phase, number }));
    // One peer per beat, in turns: what it costs does not grow with the cluster.
    const peer = peers.nextInTurn();
    if (peer !== undefined) ping.write(peer.session, { at: clock.now() });
  }

  /**
   * Beats when it is time, when a joining node still waits for it, and when the node begins to drain, so that the others
   * leave nothing more to it.
   */
  tick(): void {
    const { host, members } = this.#deps;
    const isNews = host.figures().draining !== this.#saidDraining;
    const isOwed = this.#owesNewcomer && this.#sinceMs >= EXTRA_BEAT_MS;
    if (isNews || isOwed || this.#sinceMs >= members.beatEveryMs) this.beat();
  }

  /** Sends an extra beat, now or soon: a joining node must not have to wait for the next one. */
  beatForNewcomer(): void {
    if (this.#sinceMs >= EXTRA_BEAT_MS) this.beat();
    else this.#owesNewcomer = true;
  }

  /** A peer has sent a ping back. */
  ponged(node: string, at: number): void {
    const member = this.#deps.members.get(node);
    if (member !== undefined) member.rttMs = Math.max(0, this.#deps.clock.now() - at);
  }

  get #sinceMs(): number {
    return this.#deps.clock.now() - this.#beatAtMs;
  }
}
