/**
 * Connections that were accepted but neither admitted nor refused yet. Each holds a descriptor and costs its peer
 * nothing. They have limited time to ask. If there are too many, the oldest is dropped: a real peer asks at once. One
 * per thread that accepts connections; every transport uses it.
 */
import type { Clock } from '../clock.ts';
import { LinkedList, type ListNode } from '../linked-list.ts';
import { ListsByKey } from './lists-by-key.ts';

export interface ArrivalLimits {
  /** Connections of this thread that may wait now. */
  total(): number;
  /** Of these, from one network. Counts only those that have waited for a second: a storm of reconnects behind a proxy passes. */
  readonly perNetwork: number;
  readonly timeoutMs: number;
}

export interface ArrivalsDeps {
  readonly limits: ArrivalLimits;
  readonly clock: Clock;
  /** What addresses of one host have in common. */
  networkOf(address: string): string;
  /** Told of each connection that is dropped. */
  dropped(why: 'timeout' | 'crowded'): void;
}

/** One connection that waits. */
export interface Arrival {
  /** It waits no more: it is admitted, or gone. A second call does nothing. */
  settle(): void;
}

class Waiting implements Arrival {
  readonly network: string;
  readonly since: number;
  readonly drop: () => void;
  /** Among all, and among those of its network. Undefined: it waits no more. */
  places: { readonly all: ListNode<Waiting>; readonly network: ListNode<Waiting> } | undefined;
  readonly #arrivals: Arrivals;

  constructor(arrivals: Arrivals, network: string, since: number, drop: () => void) {
    this.#arrivals = arrivals;
    this.network = network;
    this.since = since;
    this.drop = drop;
  }

  settle(): void {
    this.#arrivals.remove(this);
  }
}

/** A transport may accept many connections before it reads from any: what a newcomer asks may be here already. */
const GRACE_MS = 1000;
/** How often the oldest are looked at. */
const TICK_MS = 1000;

export class Arrivals {
  readonly #deps: ArrivalsDeps;
  /** Oldest first, as are those of each network. */
  readonly #all = new LinkedList<Waiting>();
  readonly #byNetwork = new ListsByKey<Waiting>();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: ArrivalsDeps) {
    this.#deps = deps;
  }

  /** Connections that wait. */
  get count(): number {
    return this.#all.size;
  }

  /**
   * @param address of the peer, in text form
   * @param drop ends the connection without an answer; called once at most, and not after `settle`
   */
  add(address: string, drop: () => void): Arrival {
    const { clock, limits } = this.#deps;
    const network = this.#deps.networkOf(address);
    const waiting = new Waiting(this, network, clock.now(), drop);
    waiting.places = { all: this.#all.add(waiting), network: this.#byNetwork.add(network, waiting) };
    this.#timer ??= setInterval(() => this.tick(), TICK_MS).unref();
    const others = this.#byNetwork.get(network)!;
    if (others.size > limits.perNetwork && others.first!.item.since <= waiting.since - GRACE_MS)
      this.#drop(others.first!.item, 'crowded');
    else if (this.#all.size > limits.total()) this.#drop(this.#victimBeside(others), 'crowded');
    return waiting;
  }

  remove(waiting: Waiting): void {
    const { places } = waiting;
    if (places === undefined) return;
    waiting.places = undefined;
    this.#all.remove(places.all);
    this.#byNetwork.remove(waiting.network, places.network);
  }

  /** Drops who has waited too long. */
  tick(): void {
    const until = this.#deps.clock.now() - this.#deps.limits.timeoutMs;
    for (const waiting of this.#all) {
      if (waiting.since > until) return;
      this.#drop(waiting, 'timeout');
    }
    if (this.#all.size === 0) this.#stop();
  }

  /** All connections of the thread are gone, or no longer known: nobody is dropped any more. */
  clear(): void {
    for (const waiting of this.#all) this.remove(waiting);
    this.#byNetwork.clear();
    this.#stop();
  }

  /** Who has more than the average of the networks makes room itself; else the oldest of all does. */
  #victimBeside(others: LinkedList<Waiting>): Waiting {
    const isAboveAverage = others.size * this.#byNetwork.size > this.#all.size;
    return (isAboveAverage ? others : this.#all).first!.item;
  }

  #drop(waiting: Waiting, why: 'timeout' | 'crowded'): void {
    this.remove(waiting);
    this.#deps.dropped(why);
    waiting.drop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
