/**
 * Many nodes of the cluster in one process: the real code between the host and NATS, without sockets, in a time of its
 * own. Messages go from node to node in memory and are counted.
 *
 * All with all takes memory and time for every pair. So a world may have a few watched nodes: these talk with all, the
 * others with the watched ones and with their own group. What a watched node does, and what comes to it, is as in the
 * whole cluster, but for pings: a node pings the nodes that it knows in turn, so a watched one is pinged a few times more.
 */
import type { Clock } from '../../src/clock.ts';
import { TICK_MS } from '../../src/cluster/limits.ts';
import { ClusterNode } from '../../src/cluster/node.ts';
import { QuietHost } from './quiet-host.ts';

class WorldClock implements Clock {
  nowMs = 1_000_000;

  now(): number {
    return this.nowMs;
  }

  wallNow(): number {
    return 1_764_000_000_000 + this.nowMs;
  }
}

/** What a node did. A beat is published once, and received by every node. */
export interface Work {
  /** In the node's code, ms. */
  cpuMs: number;
  published: number;
  publishedBytes: number;
  received: number;
  receivedBytes: number;
}

/** A node with its hub. */
export interface Place {
  readonly name: string;
  readonly host: QuietHost;
  readonly node: ClusterNode;
  readonly isWatched: boolean;
  /** Who hears its beats, itself included, beside the watched ones. */
  readonly hearers: Place[];
  readonly work: Work;
}

/** How far time goes in one step, ms: the batch window of a busy link. */
export const STEP_MS = 2;
const WATCHED_TICK_STEPS = TICK_MS / STEP_MS;
/** Of the others time-outs are of no interest. */
const TICK_STEPS = 50;
const TIMEOUT_MS = 5000;
/** Nodes that are not watched and know each other. */
const GROUP = 32;
const PAYLOAD_BYTES_MAX = 65_536;

export class World {
  readonly clock = new WorldClock();
  readonly places: Place[] = [];
  readonly watched: Place[] = [];
  readonly #watchedMax: number;
  /** Those that are not watched and are the last to have come. */
  #group: Place[] = [];
  readonly #byName = new Map<string, Place>();
  readonly #toFlush = new Set<Place>();
  #mail: { to: Place; message: Uint8Array }[] = [];
  #beats: { from: Place; message: Uint8Array }[] = [];
  #steps = 0;

  /** @param watchedMax the nodes that are added first and talk with all; Infinity: all do */
  constructor(watchedMax = Number.POSITIVE_INFINITY) {
    this.#watchedMax = watchedMax;
  }

  add(name: string): void {
    const host = new QuietHost(name);
    const isWatched = this.watched.length < this.#watchedMax;
    const node: ClusterNode = new ClusterNode({
      clock: this.clock,
      node: name,
      boot: this.places.length + 1,
      version: '0.0.0',
      timeoutMs: TIMEOUT_MS,
      payloadBytesMax: PAYLOAD_BYTES_MAX,
      host,
      send: (to, message) => this.#send(place, to, message),
      sendToAll: (message) => {
        this.#published(place, message);
        this.#beats.push({ from: place, message: message.slice() });
      },
      flushSoon: () => void this.#toFlush.add(place),
      readBucket: (done) => done?.(),
    });
    host.node = node;
    const work = { cpuMs: 0, published: 0, publishedBytes: 0, received: 0, receivedBytes: 0 };
    const place: Place = {
      name,
      host,
      node,
      isWatched,
      work,
      hearers: isWatched ? this.places : this.#group,
    };
    this.places.push(place);
    if (isWatched) this.watched.push(place);
    else this.#group.push(place);
    if (this.#group.length === GROUP) this.#group = [];
    this.#byName.set(name, place);
    this.at(place, () => node.connected());
  }

  /** Does something at a node, on its account. */
  at({ work }: Place, act: () => void): void {
    const startedAt = performance.now();
    act();
    work.cpuMs += performance.now() - startedAt;
  }

  /** Lets time go by, step by step: messages arrive one step after they were sent. */
  run(ms: number, everyStep: () => void = () => {}): void {
    for (let step = 0; step < ms / STEP_MS; step++) {
      this.clock.nowMs += STEP_MS;
      everyStep();
      this.#deliver();
      this.#steps += 1;
      this.#tick();
      for (const place of this.#toFlush) {
        this.#toFlush.delete(place);
        this.at(place, () => place.node.flush());
      }
    }
  }

  /** A share of the nodes ticks in each step, so that their beats are spread as they are in life. */
  #tick(): void {
    for (const [at, place] of this.places.entries()) {
      const every = Math.round(place.isWatched ? WATCHED_TICK_STEPS : TICK_STEPS);
      if ((this.#steps + at) % every === 0) this.at(place, () => place.node.tick());
    }
  }

  #deliver(): void {
    const [mail, beats] = [this.#mail, this.#beats];
    this.#mail = [];
    this.#beats = [];
    for (const { to, message } of mail) this.#receive(to, message, () => to.node.received(message));
    for (const { from, message } of beats) {
      const hear = (to: Place): void => this.#receive(to, message, () => to.node.heard(message));
      from.hearers.forEach(hear);
      if (!from.isWatched) this.watched.forEach(hear);
    }
  }

  #receive(to: Place, message: Uint8Array, take: () => void): void {
    to.work.received += 1;
    to.work.receivedBytes += message.length;
    this.at(to, take);
  }

  #send(from: Place, to: string, message: Uint8Array): void {
    const place = this.#byName.get(to);
    if (place === undefined) return;
    this.#published(from, message);
    this.#mail.push({ to: place, message });
  }

  #published({ work }: Place, message: Uint8Array): void {
    work.published += 1;
    work.publishedBytes += message.length;
  }
}
