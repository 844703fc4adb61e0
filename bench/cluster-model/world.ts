/**
 * Many nodes of the cluster in one process: the real code between the host and NATS, without sockets, in a time of its
 * own. Messages go from node to node in memory and are counted.
 */
import type { Clock } from '../../src/clock.ts';
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

export interface Traffic {
  /** Published, and received: a beat is published once and received by every node. */
  published: number;
  received: number;
  publishedBytes: number;
  receivedBytes: number;
}

/** How far time goes in one step, ms: the batch window of a busy link. */
export const STEP_MS = 2;
const TICK_EVERY_STEPS = 50;
const TIMEOUT_MS = 5000;
const PAYLOAD_BYTES_MAX = 65_536;

export class World {
  readonly clock = new WorldClock();
  readonly nodes: ClusterNode[] = [];
  readonly hosts: QuietHost[] = [];
  readonly traffic: Traffic = { published: 0, received: 0, publishedBytes: 0, receivedBytes: 0 };
  readonly #byName = new Map<string, ClusterNode>();
  readonly #toFlush = new Set<ClusterNode>();
  #mail: { to: ClusterNode; message: Uint8Array }[] = [];
  #beats: Uint8Array[] = [];
  #steps = 0;

  add(name: string): void {
    const host = new QuietHost(name);
    const node: ClusterNode = new ClusterNode({
      clock: this.clock,
      node: name,
      boot: this.nodes.length + 1,
      version: '0.0.0',
      timeoutMs: TIMEOUT_MS,
      payloadBytesMax: PAYLOAD_BYTES_MAX,
      host,
      send: (to, message) => this.#send(to, message),
      sendToAll: (message) => this.#sendToAll(message),
      flushSoon: () => void this.#toFlush.add(node),
      readBucket: (done) => done(),
    });
    host.node = node;
    this.nodes.push(node);
    this.hosts.push(host);
    this.#byName.set(name, node);
    node.connected();
  }

  /** Lets time go by, step by step: messages arrive one step after they were sent. */
  run(ms: number, everyStep: () => void = () => {}): void {
    for (let step = 0; step < ms / STEP_MS; step++) {
      this.clock.nowMs += STEP_MS;
      everyStep();
      this.#deliver();
      this.#steps += 1;
      // A share of the nodes ticks in each step, so that their beats are spread as they are in life.
      for (let at = this.#steps % TICK_EVERY_STEPS; at < this.nodes.length; at += TICK_EVERY_STEPS)
        this.nodes[at]!.tick();
      for (const node of this.#toFlush) {
        this.#toFlush.delete(node);
        node.flush();
      }
    }
  }

  #deliver(): void {
    const [mail, beats] = [this.#mail, this.#beats];
    this.#mail = [];
    this.#beats = [];
    for (const { to, message } of mail) to.received(message);
    for (const message of beats) for (const node of this.nodes) node.heard(message);
  }

  #send(to: string, message: Uint8Array): void {
    const node = this.#byName.get(to);
    if (node === undefined) return;
    this.#count(message, 1);
    this.#mail.push({ to: node, message });
  }

  #sendToAll(message: Uint8Array): void {
    this.#count(message, this.nodes.length);
    this.#beats.push(message.slice());
  }

  #count(message: Uint8Array, receivers: number): void {
    this.traffic.published += 1;
    this.traffic.publishedBytes += message.length;
    this.traffic.received += receivers;
    this.traffic.receivedBytes += receivers * message.length;
  }
}
