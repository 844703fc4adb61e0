/**
 * Filters over nodes: for each, every node is asked page by page for the devices that have their home there; new ones
 * are recognized by their claims. Cluster thread only.
 */
import type { ClusterHost } from './host.ts';
import { LISTED_MAX } from './limits.ts';
import type { Peer } from './peer.ts';
import { Recent } from './recent.ts';
import { list, listed } from './records.ts';
import { requestNumbers } from './request-numbers.ts';

interface Asking {
  readonly prefix: string;
  readonly peer: Peer;
}

export class NodeFilters {
  readonly #host: ClusterHost;
  /** By prefix: the nodes that have not told all. */
  readonly #filters = new Map<string, Set<Peer>>();
  /** How many prefixes there are of each length: an id is looked up once per length. */
  readonly #lengths = new Map<number, number>();
  readonly #asking = new Map<number, Asking>();
  /** Who claimed the matching devices that were claimed lately. */
  readonly #claimants = new Recent<string>();
  /** Where matching devices are that a node listed and that the host does not follow yet. */
  readonly #listed = new Recent<string>(LISTED_MAX);
  readonly #nextRequest = requestNumbers();

  constructor(host: ClusterHost) {
    this.#host = host;
  }

  /** @param prefix '' matches all */
  add(prefix: string, peers: Iterable<Peer>): void {
    if (this.#filters.has(prefix)) return;
    this.#filters.set(prefix, new Set());
    this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
    for (const peer of peers) this.#ask(prefix, peer);
    if (this.#filters.get(prefix)!.size === 0) this.#host.listed(prefix, [], true);
  }

  remove(prefix: string): void {
    if (!this.#filters.delete(prefix)) return;
    const left = this.#lengths.get(prefix.length)! - 1;
    if (left === 0) this.#lengths.delete(prefix.length);
    else this.#lengths.set(prefix.length, left);
  }

  /** Another node claims a device. */
  claimSeen(peer: Peer, id: string): void {
    for (const length of this.#lengths.keys()) {
      if (length > id.length || !this.#filters.has(id.slice(0, length))) continue;
      this.#claimants.set(id, peer.node);
      this.#host.appeared(id);
      return;
    }
  }

  /** The node that claimed a device which the host was told of lately: it need not be looked up. */
  claimant(id: string): string | undefined {
    return this.#claimants.get(id);
  }

  /** The node that listed a device which the host was told of: it need not be looked up. Told once. */
  takeListed(id: string): string | undefined {
    const node = this.#listed.get(id);
    if (node !== undefined) this.#listed.delete(id);
    return node;
  }

  peerReady(peer: Peer): void {
    for (const prefix of this.#filters.keys()) this.#ask(prefix, peer);
  }

  sessionEnded(peer: Peer): void {
    for (const [request, asking] of this.#asking) {
      if (asking.peer !== peer) continue;
      this.#asking.delete(request);
      this.#told(asking, []);
    }
  }

  onListed(peer: Peer, request: number, cursor: string, ids: readonly string[]): void {
    const asking = this.#asking.get(request);
    if (asking === undefined || asking.peer !== peer) return;
    this.#asking.delete(request);
    if (!this.#filters.has(asking.prefix)) return;
    const matching = ids.filter((id) => id.startsWith(asking.prefix));
    for (const id of matching) this.#listed.set(id, peer.node);
    if (cursor === '') {
      this.#told(asking, matching);
      return;
    }
    this.#host.listed(asking.prefix, matching, false);
    this.#send(asking, cursor);
  }

  /** Another node asks. */
  onList(peer: Peer, request: number, prefix: string, cursor: string): void {
    listed.write(peer.session, { request, ...this.#host.list(prefix, cursor) });
  }

  #ask(prefix: string, peer: Peer): void {
    this.#filters.get(prefix)!.add(peer);
    this.#send({ prefix, peer }, '');
  }

  #send(asking: Asking, cursor: string): void {
    const request = this.#nextRequest();
    this.#asking.set(request, asking);
    list.write(asking.peer.session, { request, prefix: asking.prefix, cursor });
  }

  #told({ prefix, peer }: Asking, ids: readonly string[]): void {
    const waiting = this.#filters.get(prefix);
    if (waiting === undefined) return;
    waiting.delete(peer);
    if (ids.length > 0 || waiting.size === 0) this.#host.listed(prefix, ids, waiting.size === 0);
  }
}
