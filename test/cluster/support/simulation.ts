/**
 * A cluster in one process and in its own time: nodes with hosts in memory, and a network that delays, loses, repeats and
 * reorders messages, is cut, and whose nodes stand still. All by chance of one seed.
 */
import type { Clock } from '../../../src/clock.ts';
import type { ClusterHost } from '../../../src/cluster/host.ts';
import { ClusterNode } from '../../../src/cluster/node.ts';
import type { HomeKind } from '../../../src/cluster/records.ts';
import type { Random } from '../../support/random.ts';
import { FakeHost } from './fake-host.ts';
import { Rogue } from './rogue.ts';

export const TIMEOUT_MS = 5000;

class SimulatedClock implements Clock {
  nowMs = 1_000_000;

  now(): number {
    return this.nowMs;
  }

  wallNow(): number {
    return 1_764_000_000_000 + this.nowMs;
  }
}

export interface Network {
  /** Chance of a message to be lost, to come twice, to be late. */
  loss: number;
  twice: number;
  late: number;
  /** Delay of a message, ms: at least and at most, when it is not late. */
  delayMs: readonly [number, number];
  lateMs: number;
}

interface Timed {
  readonly atMs: number;
  readonly order: number;
  /** The node that it happens on: one that stands still does it later. */
  readonly on: Pick<SimulatedNode, 'dead' | 'frozen' | 'waiting'> | undefined;
  readonly run: () => void;
}

/** What a node is in front of: a hub in memory, or a whole one without its sockets. */
export interface SimulatedHost {
  /** As the link sees it. */
  readonly asClusterHost: ClusterHost;
  node: ClusterNode;
}

/** @param cross does something on the node's thread, after what was given before */
export type HostMaker<Host> = (name: string, cross: (what: () => void) => void) => Host;

export class SimulatedNode<Host extends SimulatedHost = FakeHost> {
  readonly name: string;
  readonly host: Host;
  node: ClusterNode;
  readonly boot: number;
  frozen = false;
  dead = false;
  /** Whether NATS hears it, and it hears NATS. */
  sends = true;
  hears = true;
  /** Nodes of different sides of a lost route do not hear each other. */
  side = 0;
  /** What happened while it stood still. */
  readonly waiting: (() => void)[] = [];
  /** Earliest times of what crosses between host and node, so that each direction keeps its order. */
  toNodeMs = 0;
  flushAtMs = 0;
  /** When the last message to each node arrives that keeps its place. */
  readonly arrivalMs = new Map<SimulatedNode<Host>, number>();

  constructor(simulation: Simulation<Host>, name: string, boot: number, create: HostMaker<Host>) {
    this.name = name;
    this.boot = boot;
    this.host = create(name, (what) => simulation.cross(this, what));
    this.node = new ClusterNode({
      clock: simulation.clock,
      node: name,
      boot,
      version: '0.0.0',
      timeoutMs: TIMEOUT_MS,
      payloadBytesMax: 65_536,
      host: this.host.asClusterHost,
      send: (to, message) => simulation.send(this, to, message),
      sendToAll: (message) => simulation.sendToAll(this, message),
      flushSoon: () => simulation.flushSoon(this),
      readBucket: (done) => simulation.readBucket(this, done),
    });
    this.host.node = this.node;
  }
}

export class Simulation<Host extends SimulatedHost = FakeHost> {
  readonly clock = new SimulatedClock();
  readonly nodes = new Map<string, SimulatedNode<Host>>();
  readonly network: Network = { loss: 0, twice: 0, late: 0, delayMs: [0.2, 2], lateMs: 40 };
  readonly #random: Random;
  readonly #createHost: HostMaker<Host>;
  /** A heap by time, then by order. */
  readonly #heap: Timed[] = [];
  #order = 0;
  #boots = 0;

  /** @param hosts what the nodes are in front of; a number: hubs in memory that keep so many events of a device */
  constructor(random: Random, hosts: Host extends FakeHost ? number : HostMaker<Host>) {
    this.#random = random;
    const create: HostMaker<SimulatedHost> =
      typeof hosts === 'number' ? (name, cross) => new FakeHost(name, hosts, cross) : hosts;
    this.#createHost = create as HostMaker<Host>;
  }

  start(name: string): SimulatedNode<Host> {
    this.#boots += 1;
    const started = new SimulatedNode<Host>(this, name, this.#boots, this.#createHost);
    this.nodes.set(name, started);
    started.node.connected();
    this.#tick(started);
    return started;
  }

  /** A node that says what the test wants. */
  startRogue(this: Simulation, name: string): Rogue {
    const started = this.start(name);
    const rogue = new Rogue(this, started);
    started.node = rogue as unknown as ClusterNode;
    return rogue;
  }

  kill(node: SimulatedNode<Host>): void {
    node.dead = true;
    node.waiting.length = 0;
    this.nodes.delete(node.name);
  }

  freeze(node: SimulatedNode<Host>): void {
    node.frozen = true;
  }

  /** It goes on: what waited for it happens in any order of its sources. */
  thaw(node: SimulatedNode<Host>): void {
    node.frozen = false;
    const waiting = node.waiting.splice(0);
    for (const run of waiting) this.#at(this.clock.nowMs, node, run);
  }

  /** Lets time go by until it is so, at most five seconds. @returns whether it is */
  runUntil(isSo: () => boolean): boolean {
    for (let steps = 0; steps < 50_000 && !isSo(); steps++) this.run(0.1);
    return isSo();
  }

  /** Nodes at which the id has its home, is claimed, or is leaving. */
  homesOf(kind: HomeKind, id: string): string[] {
    return [...this.nodes.values()]
      .filter(({ node }) => node.homes.get(kind, id) !== undefined)
      .map(({ name }) => name);
  }

  /** Lets time go by. */
  run(ms: number): void {
    const endMs = this.clock.nowMs + ms;
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#pop();
      this.clock.nowMs = Math.max(this.clock.nowMs, next.atMs);
      const { on } = next;
      if (on?.dead === true) continue;
      if (on?.frozen === true) on.waiting.push(next.run);
      else next.run();
    }
    this.clock.nowMs = endMs;
  }

  /** After a delay, in time of the simulation and on nobody's thread. */
  after(ms: number, run: () => void): void {
    this.#at(this.clock.nowMs + ms, undefined, run);
  }

  // What nodes need.

  /** From host to node, as through a ring. */
  cross(node: SimulatedNode<Host>, what: () => void): void {
    node.toNodeMs = Math.max(node.toNodeMs, this.clock.nowMs + this.#random.next() * 2);
    this.#at(node.toNodeMs, node, what);
  }

  send(from: SimulatedNode<Host>, to: string, message: Uint8Array): void {
    const target = this.nodes.get(to);
    if (target === undefined || !this.#crosses(from, target)) return;
    const copy = message.slice();
    for (let copies = this.#random.next() < this.network.twice ? 2 : 1; copies > 0; copies--) {
      if (this.#random.next() < this.network.loss) continue;
      this.#at(this.#arrivalMs(from, target), target, () => {
        if (this.#crosses(from, target)) target.node.received(copy);
      });
    }
  }

  sendToAll(from: SimulatedNode<Host>, message: Uint8Array): void {
    const copy = message.slice();
    for (const target of this.nodes.values()) {
      if (!this.#crosses(from, target) || this.#random.next() < this.network.loss) continue;
      this.#at(this.#arrivalMs(from, target), target, () => {
        if (this.#crosses(from, target)) target.node.heard(copy);
      });
    }
  }

  flushSoon(node: SimulatedNode<Host>): void {
    node.flushAtMs = this.clock.nowMs + this.#random.next() * 2;
    this.#at(node.flushAtMs, node, () => node.node.flush());
  }

  readBucket(node: SimulatedNode<Host>, done: () => void = () => {}): void {
    const attempt = (): void => {
      if (node.sends && node.hears) done();
      else this.#at(this.clock.nowMs + 200, node, attempt);
    };
    this.#at(this.clock.nowMs + 1 + this.#random.next() * 10, node, attempt);
  }

  #crosses(from: SimulatedNode<Host>, to: SimulatedNode<Host>): boolean {
    return from.sends && to.hears && from.side === to.side;
  }

  /** As NATS, it keeps the order between two nodes, but for messages that are late. */
  #arrivalMs(from: SimulatedNode<Host>, to: SimulatedNode<Host>): number {
    const [min, max] = this.network.delayMs;
    const delayMs = min + this.#random.next() * (max - min);
    if (this.#random.next() < this.network.late)
      return this.clock.nowMs + delayMs + this.#random.next() * this.network.lateMs;
    const atMs = Math.max(this.clock.nowMs + delayMs, from.arrivalMs.get(to) ?? 0);
    from.arrivalMs.set(to, atMs);
    return atMs;
  }

  #tick(node: SimulatedNode<Host>): void {
    this.#at(this.clock.nowMs + 20 + this.#random.next() * 10, node, () => {
      node.node.tick();
      this.#tick(node);
    });
  }

  #at(atMs: number, on: SimulatedNode<Host> | undefined, run: () => void): void {
    const heap = this.#heap;
    const timed = { atMs, order: ++this.#order, on, run };
    heap.push(timed);
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timed, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timed;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Timed, other: Timed): boolean {
  return one.atMs === other.atMs ? one.order < other.order : one.atMs < other.atMs;
}
