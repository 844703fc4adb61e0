/**
 * Whole hubs, without threads and sockets, over a simulated network: devices move between them, connect again, and are
 * closed while owners and links lag behind each other and nodes stand still. What each subscriber was told must be without
 * a double and without a hole that nobody told, and in the end everybody has everything.
 *
 * CLUSTER_MODEL_RUNS for more runs, CLUSTER_MODEL_SEED to see one again.
 */

import { describe, expect, it } from 'vitest';
import { Random } from '../support/random.ts';
import { runs } from '../support/runs.ts';
import { eachModelRun } from './support/model-runs.ts';
import { type SimulatedNode, Simulation } from './support/simulation.ts';
import { StreamBooks } from './support/stream-books.ts';
import { type WholeDevice, WholeHub, type WholeSubscriber } from './support/whole-hub.ts';

const NAMES = ['a', 'b', 'c'];
const DEVICES = 3;
const STEPS = 120;
const HISTORY_BYTES = 1024 * 1024;

type Node = SimulatedNode<WholeHub>;

interface Program {
  readonly id: string;
  connection: WholeDevice | undefined;
  at: Node | undefined;
}

interface Follower {
  readonly node: Node;
  readonly subscriber: WholeSubscriber;
  readonly books: StreamBooks;
}

class Run {
  readonly log: string[] = [];
  readonly #random: Random;
  readonly #simulation: Simulation<WholeHub>;
  readonly #devices: Program[];
  readonly #followers: Follower[] = [];
  /** By node: until when its owner, and its link's look at the rings, stand still. */
  readonly #ownerUntil = new Map<string, number>();
  readonly #linkUntil = new Map<string, number>();
  #sent = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    const history = this.#random.pick([0, HISTORY_BYTES]);
    this.#simulation = new Simulation<WholeHub>(
      this.#random,
      () => new WholeHub(this.#simulation.clock, history),
    );
    for (const name of NAMES) this.#start(name);
    this.#simulation.run(3000);
    this.#devices = Array.from({ length: DEVICES }, (_, n) => ({
      id: `dev-${n}`,
      connection: undefined,
      at: undefined,
    }));
    for (const device of this.#devices) this.#connect(device, this.#random.pick(this.#nodes));
    this.#simulation.run(100);
    for (const node of this.#nodes) this.#follow(node);
    this.#simulation.run(100);
    this.log.push(`history ${history}`);
  }

  step(): void {
    const roll = this.#random.next();
    const device = this.#random.pick(this.#devices);
    const node = this.#random.pick(this.#nodes);
    if (roll < 0.6) this.#publish(device);
    else if (roll < 0.8) this.#connect(device, node);
    else if (roll < 0.84) this.#leave(device);
    else if (roll < 0.9) this.#stall(this.#ownerUntil, 'owner', node);
    else if (roll < 0.96) this.#stall(this.#linkUntil, 'look', node);
    else this.#freeze(node);
    this.#simulation.run(this.#random.pick([0, 1, 5, 50, 300]));
    this.#reconnect();
  }

  heal(): void {
    this.#ownerUntil.clear();
    this.#linkUntil.clear();
    for (const node of this.#nodes) if (node.frozen) this.#simulation.thaw(node);
    for (let n = 0; n < 20; n++) {
      this.#simulation.run(500);
      this.#reconnect();
    }
    for (const device of this.#devices) for (let n = 0; n < 3; n++) this.#publish(device);
    this.#simulation.run(2000);
  }

  check(): void {
    for (const { books, subscriber } of this.#followers) {
      expect([books.problems(), subscriber.frames.isOver]).toEqual([[], false]);
      this.#checkPayloads(books.name, subscriber);
      this.#checkStates(books.name, subscriber);
    }
    for (const { id, at, connection } of this.#devices) {
      expect(connection?.closed, id).toBeUndefined();
      const [, own] = NAMES.map((name) => [name, this.#rowOf(name, id)] as const).find(
        ([name]) => name === at?.name,
      ) ?? ['', undefined];
      if (own === undefined) continue;
      for (const { books } of this.#followers)
        expect([books.name, id, books.reached(id), books.epochOf(id)]).toEqual([
          books.name,
          id,
          own.seq,
          own.epoch,
        ]);
    }
  }

  show(id: string, name: string): string {
    const { subscriber } = this.#followers.find(({ node }) => node.name === name)!;
    return subscriber.frames.all
      .filter((frame) => frame.device === id || JSON.stringify(frame.devices ?? '').includes(`"${id}"`))
      .map((frame) => JSON.stringify(frame))
      .join('\n');
  }

  #checkPayloads(name: string, { frames }: WholeSubscriber): void {
    const seen = new Set<unknown>();
    for (const { op, data } of frames.all) {
      if (op !== 'event' || typeof data !== 'number') continue;
      expect(seen.has(data), `${name}: ${data} came twice`).toBe(false);
      seen.add(data);
    }
  }

  /**
   * What the hub says of a device is a change of what was said before: an entry shows the state that it stands for. What
   * is in a gap may have been another change.
   */
  #checkStates(name: string, { frames }: WholeSubscriber): void {
    const states = new Map<string, unknown>();
    for (const { op, device, devices = [], data } of frames.all) {
      if (op === 'subscribed')
        for (const entry of devices as { device: string; state: string }[])
          states.set(entry.device, entry.state);
      if (op === 'gap') states.delete(device!);
      const said =
        op === 'event' && typeof data === 'object' ? (data as { state?: string }).state : undefined;
      if (said === undefined || device === undefined) continue;
      expect(states.get(device), `${name}: ${device} is ${said}`).not.toBe(said);
      states.set(device, said);
    }
  }

  #rowOf(name: string, id: string): { readonly seq: number; readonly epoch: string } {
    const { reader } = this.#simulation.nodes.get(name)!.host;
    const { seq, epoch } = reader.device(reader.findDevice(id))!;
    return { seq, epoch: epoch.toString(36) };
  }

  get #nodes(): Node[] {
    return [...this.#simulation.nodes.values()];
  }

  #start(name: string): void {
    const node = this.#simulation.start(name);
    const turn = (until: Map<string, number>, work: () => void): void => {
      if (node.dead) return;
      if ((until.get(name) ?? 0) <= this.#simulation.clock.nowMs) work();
    };
    const owner = (): void => {
      turn(this.#ownerUntil, () => node.host.pollOwner());
      if (!node.dead) this.#simulation.after(0.2 + this.#random.next() * 3, owner);
    };
    const link = (): void => {
      turn(this.#linkUntil, () => node.host.pollLink());
      this.#simulation.after(0.2 + this.#random.next() * 2, () => this.#simulation.cross(node, link));
    };
    owner();
    link();
  }

  #follow(node: Node): void {
    const name = `follower-${node.name}`;
    const subscriber = node.host.connectSubscriber(name);
    this.#simulation.run(1500);
    node.host.ask(
      subscriber,
      'subscribe',
      this.#devices.map(({ id }) => id),
    );
    this.#followers.push({ node, subscriber, books: new StreamBooks(name, subscriber.frames) });
  }

  #publish({ connection, at }: Program): void {
    if (connection === undefined || at === undefined) return;
    for (let n = this.#random.below(4); n >= 0; n--) at.host.publish(connection, String(++this.#sent));
  }

  #connect(device: Program, node: Node): void {
    const { connection, at } = device;
    this.log.push(`${this.#now()} ${device.id} connects to ${node.name}`);
    const hangs = this.#random.next() < 0.5;
    if (connection !== undefined && !hangs) at!.host.leaveDevice(connection);
    device.connection = node.host.connectDevice(device.id);
    device.at = node;
  }

  #leave(device: Program): void {
    if (device.connection === undefined) return;
    this.log.push(`${this.#now()} ${device.id} leaves`);
    device.at!.host.leaveDevice(device.connection, this.#random.next() < 0.5);
    device.connection = undefined;
  }

  /** A device that was closed is a program that connects again, anywhere. */
  #reconnect(): void {
    for (const device of this.#devices) {
      if (device.connection?.closed === undefined) continue;
      this.log.push(`${this.#now()} ${device.id} was closed with ${device.connection.closed}`);
      device.connection = undefined;
      this.#connect(device, this.#random.pick(this.#nodes));
    }
  }

  #stall(until: Map<string, number>, what: string, { name }: Node): void {
    const forMs = this.#random.pick([20, 200, 1100]);
    this.log.push(`${this.#now()} ${what} of ${name} stands still for ${forMs}`);
    until.set(name, this.#simulation.clock.nowMs + forMs);
  }

  #freeze(node: Node): void {
    const forMs = this.#random.pick([20, 200, 700, 1100, 2000]);
    this.log.push(`${this.#now()} link of ${node.name} stands still for ${forMs}`);
    this.#simulation.freeze(node);
    this.#simulation.after(forMs, () => {
      if (node.frozen) this.#simulation.thaw(node);
    });
  }

  #now(): string {
    return (this.#simulation.clock.nowMs - 1_000_000).toFixed(1);
  }
}

describe('whole hubs in a model of a cluster', () => {
  it('deliver nothing twice and tell what is missing', { timeout: 600_000 }, () => {
    eachModelRun({ count: runs(14), steps: STEPS, shown: 60 }, (seed) => new Run(seed));
  });
});
