/**
 * Filters across nodes: for each filter, every node is asked page by page for the devices that have their home there;
 * new devices are recognized by their claims. Cluster thread only.
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
  /** The set of the filter that it is for: another filter may have the same prefix by the time of the answer. */
  readonly waiting: Set<Peer>;
}

export class NodeFilters {
  readonly #host: ClusterHost;
  /** By prefix: the nodes that have not listed all their devices. */
  readonly #filters = new Map<string, Set<Peer>>();
  /** How many prefixes there are of each length: an id is looked up once per length. */
  readonly #lengths = new Map<number, number>();
  readonly #asking = new Map<number, Asking>();
  /** The nodes that recently claimed matching devices. */
  readonly #claimants = new Recent<string>();
  /** The nodes that listed matching devices which the host does not follow yet. */
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

  /** The node that claimed a device about which the host was told recently: it need not be looked up. */
  claimant(id: string): string | undefined {
    return this.#claimants.get(id);
  }

  /** The node that listed a device about which the host was told: it need not be looked up. Returned once. */
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
    if (!this.#isWanted(asking)) return;
    const matching = ids.filter((id) => id.startsWith(asking.prefix));
    for (const id of matching) this.#listed.set(id, peer.node);
    if (cursor === '') {
      this.#told(asking, matching);
      return;
    }
    this.#host.listed(asking.prefix, matching, false);
    this.#send(asking, cursor);
  }

  /** Another node asks for a page of its list. */
  onList(peer: Peer, request: number, prefix: string, cursor: string): void {
    listed.write(peer.session, { request, ...this.#host.list(prefix, cursor) });
  }

  #ask(prefix: string, peer: Peer): void {
    const waiting = this.#filters.get(prefix)!;
    waiting.add(peer);
    this.#send({ prefix, peer, waiting }, '');
  }

  #send(asking: Asking, cursor: string): void {
    const request = this.#nextRequest();
    this.#asking.set(request, asking);
    list.write(asking.peer.session, { request, prefix: asking.prefix, cursor });
  }

  #isWanted({ prefix, waiting }: Asking): boolean {
    return this.#filters.get(prefix) === waiting;
  }

  #told(asking: Asking, ids: readonly string[]): void {
    if (!this.#isWanted(asking)) return;
    const { prefix, peer, waiting } = asking;
    waiting.delete(peer);
    if (ids.length > 0 || waiting.size === 0) this.#host.listed(prefix, ids, waiting.size === 0);
  }
}
