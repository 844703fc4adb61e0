/** Asks other nodes where a device is, and counts their answers, which come in order. Cluster thread only. */
import type { Clock } from '../clock.ts';
import type { Follow } from './follow.ts';
import { outranks } from './home.ts';
import { WAIT_MS } from './limits.ts';
import type { Asker, Location, Peer } from './peer.ts';
import { ask } from './records.ts';

export class Asks {
  readonly #clock: Clock;
  readonly #answered: (follow: Follow) => void;
  /** By device: who waits for its location. An answer names the device, so it is for all of them. */
  readonly #locations = new Map<string, Set<Location>>();

  /** @param answered a node has answered a follow's question, or will not */
  constructor(clock: Clock, answered: (follow: Follow) => void) {
    this.#clock = clock;
    this.#answered = answered;
  }

  ask(peer: Peer, asker: Asker): void {
    peer.pendingAsks.push(asker);
    ask.write(peer.session, { id: asker.id });
  }

  /** Finds the home of a device once. @returns its node; undefined if no node has it, after at most 1 s */
  locate(id: string, peers: Iterable<Peer>): Promise<string | undefined> {
    return new Promise((resolve) => {
      const untilMs = this.#clock.now() + WAIT_MS;
      const location: Location = { id, waiting: 0, best: undefined, untilMs, resolve };
      const others = this.#locations.get(id);
      if (others === undefined) this.#locations.set(id, new Set([location]));
      else others.add(location);
      for (const peer of peers) {
        location.waiting += 1;
        this.ask(peer, location);
      }
      if (location.waiting === 0) this.#settle(location);
    });
  }

  onHere(peer: Peer, { id, number, connected }: { id: string; number: number; connected: boolean }): void {
    for (const location of this.#locations.get(id) ?? []) {
      const { best } = location;
      const isBetter =
        best === undefined ||
        (best.connected === connected ? outranks(number, peer.node, best.number, best.node) : connected);
      if (isBetter) location.best = { node: peer.node, number, connected };
    }
  }

  /** The peer has answered this many questions of the session. */
  onAnswered(peer: Peer, count: number): void {
    const answered = Math.min(Math.max(count - peer.answered, 0), peer.pendingAsks.length);
    peer.answered += answered;
    for (const asker of peer.pendingAsks.splice(0, answered)) this.#tell(asker);
  }

  sessionEnded(peer: Peer): void {
    for (const asker of peer.pendingAsks.splice(0)) this.#tell(asker);
  }

  tick(): void {
    this.#settleUntil(this.#clock.now());
  }

  /** The node stops: answers waiting questions with what is known. */
  stop(): void {
    this.#settleUntil(Number.POSITIVE_INFINITY);
  }

  #settleUntil(atMs: number): void {
    for (const locations of this.#locations.values())
      for (const location of locations) if (location.untilMs <= atMs) this.#settle(location);
  }

  #tell(asker: Asker): void {
    if (!('resolve' in asker)) {
      this.#answered(asker);
      return;
    }
    asker.waiting -= 1;
    if (asker.waiting === 0) this.#settle(asker);
  }

  #settle(location: Location): void {
    const locations = this.#locations.get(location.id);
    locations?.delete(location);
    if (locations?.size === 0) this.#locations.delete(location.id);
    location.resolve(location.best?.node);
  }
}
