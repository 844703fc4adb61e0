/**
 * Finds out whether every node obeys a revision of the bucket: the node that wrote it asks, and each node answers when
 * its owner has applied it. Cluster thread only.
 */
import type { Clock } from '../clock.ts';
import { CONFIRM_LATE_MS, CONFIRM_MS } from './limits.ts';
import type { Peer } from './peer.ts';
import { confirm, confirmed } from './records.ts';
import { requestNumbers } from './request-numbers.ts';

interface Waiting {
  readonly revision: number;
  readonly bucket: string;
  readonly untilMs: number;
  /** Nodes that have not confirmed. */
  readonly pending: Set<string>;
  readonly resolve: (pendingNodes: string[]) => void;
}

interface Owed {
  readonly peer: Peer;
  readonly request: number;
  readonly revision: number;
  readonly bucket: string;
  /** When this node reads the bucket to get the revision. */
  lateAtMs: number;
  /** When nobody waits for it any more. */
  readonly untilMs: number;
}

/** Confirmations that one node may have outstanding: simultaneous operators' changes, times nodes. */
const OWED_MAX = 65_536;

export class Confirms {
  readonly #clock: Clock;
  readonly #readBucket: () => void;
  readonly #waiting = new Map<number, Waiting>();
  #owed: Owed[] = [];
  #applied = { revision: 0, bucket: '' };
  readonly #nextRequest = requestNumbers();
  #isStopped = false;

  /** @param readBucket reads the bucket from now on to its end */
  constructor(clock: Clock, readBucket: () => void) {
    this.#clock = clock;
    this.#readBucket = readBucket;
  }

  /** The revision that this node obeys; `bucket` is the marker under which it was read. */
  get applied(): { readonly revision: number; readonly bucket: string } {
    return this.#applied;
  }

  /**
   * Waits until the nodes obey the revision, at most five seconds. @param nodes all that beat recently, including those
   * that are away now @returns those that did not confirm
   */
  wait(revision: number, bucket: string, nodes: readonly string[], peers: Iterable<Peer>): Promise<string[]> {
    if (nodes.length === 0 || this.#isStopped) return Promise.resolve([...nodes]);
    const request = this.#nextRequest();
    const untilMs = this.#clock.now() + CONFIRM_MS;
    return new Promise((resolve) => {
      this.#waiting.set(request, { revision, bucket, untilMs, pending: new Set(nodes), resolve });
      for (const peer of peers) this.#ask(peer, request);
    });
  }

  /** A session opened: asks the peer what it could not be asked before. */
  peerOpened(peer: Peer): void {
    for (const request of this.#waiting.keys()) this.#ask(peer, request);
  }

  sessionEnded(peer: Peer): void {
    this.#owed = this.#owed.filter((owed) => owed.peer !== peer);
  }

  onConfirm(peer: Peer, request: number, revision: number, bucket: string): boolean {
    if (this.#obeysSo(revision, bucket)) {
      confirmed.write(peer.session, { request });
      return true;
    }
    if (this.#owed.length >= OWED_MAX) return false;
    const now = this.#clock.now();
    const [lateAtMs, untilMs] = [now + CONFIRM_LATE_MS, now + CONFIRM_MS];
    this.#owed.push({ peer, request, revision, bucket, lateAtMs, untilMs });
    return true;
  }

  onConfirmed(peer: Peer, request: number): void {
    const waiting = this.#waiting.get(request);
    if (waiting === undefined) return;
    waiting.pending.delete(peer.node);
    if (waiting.pending.size === 0) this.#settle(request, waiting);
  }

  /** The owner has applied everything up to the revision. */
  obeys(revision: number, bucket: string): void {
    this.#applied = { revision, bucket };
    this.#answer();
  }

  tick(): void {
    const now = this.#clock.now();
    for (const [request, waiting] of this.#waiting)
      if (waiting.untilMs <= now) this.#settle(request, waiting);
    if (this.#owed.length === 0) return;
    this.#owed = this.#owed.filter((owed) => owed.untilMs > now);
    const late = this.#owed.filter((owed) => owed.lateAtMs <= now);
    for (const owed of late) owed.lateAtMs = now + CONFIRM_MS;
    if (late.length > 0) this.#readBucket();
  }

  /** The node stops, and gets no more confirmations. */
  stop(): void {
    this.#isStopped = true; // a change that the bucket takes now is confirmed by nobody
    for (const [request, waiting] of this.#waiting) this.#settle(request, waiting);
  }

  #ask(peer: Peer, request: number): void {
    const { revision, bucket, pending } = this.#waiting.get(request)!;
    if (peer.isOpen && pending.has(peer.node)) confirm.write(peer.session, { request, revision, bucket });
  }

  #obeysSo(revision: number, bucket: string): boolean {
    return bucket === this.#applied.bucket && revision <= this.#applied.revision;
  }

  #answer(): void {
    this.#owed = this.#owed.filter((owed) => {
      if (!this.#obeysSo(owed.revision, owed.bucket)) return true;
      if (owed.peer.isOpen) confirmed.write(owed.peer.session, { request: owed.request });
      return false;
    });
  }

  #settle(request: number, waiting: Waiting): void {
    this.#waiting.delete(request);
    waiting.resolve([...waiting.pending]);
  }
}
