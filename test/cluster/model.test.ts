/**
 * Nodes over a simulated network in which anything may happen that docs/cluster.md speaks of. Afterwards all is well
 * again, and then must hold: each device and subscriber has one home, every follower has come to its last event, and what
 * each follower got on the way was in order, never twice, and without an untold hole.
 *
 * CLUSTER_MODEL_RUNS for more runs, CLUSTER_MODEL_SEED to see one again.
 */

import { describe, expect, it } from 'vitest';
import { HomeKind, Level } from '../../src/cluster/records.ts';
import { Random } from '../support/random.ts';
import { runs } from '../support/runs.ts';
import type { Connection } from './support/fake-host.ts';
import { eachModelRun } from './support/model-runs.ts';
import { checkOrder, PER_CONNECTION, positionOf } from './support/order.ts';
import { type SimulatedNode, Simulation } from './support/simulation.ts';

const NAMES = ['a', 'b', 'c', 'd'];
const DEVICES = 4;
const SUBSCRIBERS = 3;
const STEPS = 120;

/** A device as a program that connects again when it is closed, and always where it is told to. */
interface Program {
  readonly id: string;
  connection: Connection | undefined;
  at: SimulatedNode | undefined;
  sent: number;
  /** Connections so far: an event carries its connection's number, and its own within that. */
  connections: number;
}

class Run {
  readonly simulation: Simulation;
  readonly #random: Random;
  readonly #devices: Program[];
  readonly #subscribers: Program[];
  readonly log: string[] = [];
  /** Nodes come and go in good order only: then nothing that is kept may be lost. */
  readonly isCalm: boolean;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.isCalm = this.#random.next() < 0.3;
    const history = this.#random.pick([0, 5, 100]);
    this.simulation = new Simulation(this.#random, history);
    const program = (id: string): Program => ({
      id,
      connection: undefined,
      at: undefined,
      sent: 0,
      connections: 0,
    });
    this.#devices = Array.from({ length: DEVICES }, (_, n) => program(`dev-${n}`));
    this.#subscribers = Array.from({ length: SUBSCRIBERS }, (_, n) => program(`sub-${n}`));
    for (const name of NAMES.slice(0, 2 + this.#random.below(3))) this.simulation.start(name);
    this.simulation.run(3000);
    const { network } = this.simulation;
    if (!this.isCalm) {
      network.loss = this.#random.pick([0, 0.01, 0.1]);
      network.twice = this.#random.pick([0, 0.05]);
      network.late = this.#random.pick([0, 0.02, 0.2]);
      network.lateMs = this.#random.pick([20, 200]);
    }
    this.log.push(`history ${history}, ${JSON.stringify(network)}, ${this.simulation.nodes.size} nodes`);
    this.#followAll();
  }

  get nodes(): SimulatedNode[] {
    return [...this.simulation.nodes.values()];
  }

  step(): void {
    const roll = this.#random.next();
    const device = this.#random.pick(this.#devices);
    const node = this.#random.pick(this.nodes);
    if (roll < 0.5) this.#publish(device);
    else if (roll < 0.68) this.#connect(device, node);
    else if (roll < 0.74) this.#leave(device);
    else if (roll < 0.8) this.#connectSubscriber(this.#random.pick(this.#subscribers), node);
    else if (roll < 0.84) this.#changeLevel(device, node);
    else this.#disturb(this.#random.next(), node);
    this.simulation.run(this.#random.pick([0, 1, 5, 50, 300]));
    this.#reconnectClosed();
  }

  /** Everything works again; whoever is not connected stays so. */
  heal(): void {
    Object.assign(this.simulation.network, { loss: 0, twice: 0, late: 0 });
    for (const node of this.nodes) {
      if (node.frozen) this.simulation.thaw(node);
      Object.assign(node, { sends: true, hears: true, side: 0 });
      node.node.connected();
    }
    for (let n = 0; n < 40; n++) {
      this.simulation.run(500);
      this.#reconnectClosed();
    }
    for (const device of this.#devices) for (let n = 0; n < 3; n++) this.#publish(device);
    this.simulation.run(2000);
  }

  check(): void {
    for (const node of this.nodes) expect(node.host.phases.at(-1), node.name).toBe('in');
    for (const device of this.#devices) this.#checkDevice(device);
    for (const { id, connection, at } of this.#subscribers) {
      const homes = this.nodes.filter(({ host }) => host.subscribers.has(id));
      expect(homes.length, `homes of ${id}`).toBeLessThanOrEqual(1);
      if (connection === undefined) continue;
      expect(connection.closed, id).toBeUndefined();
      expect(homes[0], id).toBe(at);
      if (this.isCalm) expect(homes[0]!.host.subscribers.get(id)!.kept, id).toEqual([id]);
    }
  }

  #checkDevice({ id, connection, at }: Program): void {
    const homes = this.nodes.filter(({ host }) => host.devices.has(id));
    expect(homes.map(({ name }) => name).length, `homes of ${id}`).toBeLessThanOrEqual(1);
    if (connection !== undefined) {
      expect(connection.closed, id).toBeUndefined();
      expect(homes[0], `home of ${id}`).toBe(at);
    }
    const home = homes[0]?.host.devices.get(id);
    for (const { name, host } of this.nodes) {
      const follower = host.followers.get(id);
      const got = host.got(id);
      checkOrder(got, `${id} at ${name}`);
      if (home === undefined || follower === undefined || follower.level !== Level.active) continue;
      expect(positionOf(got), `${id} at ${name}`).toEqual({ epoch: home.epoch, seq: home.seq });
    }
  }

  #followAll(): void {
    for (const { host } of this.nodes) for (const { id } of this.#devices) host.follow(id);
  }

  #publish({ connection, at, ...device }: Program): void {
    const program = this.#devices.find(({ id }) => id === device.id)!;
    if (connection === undefined || at === undefined || at.frozen || at.dead) return;
    program.sent += 1;
    at.host.publish(connection, program.connections * PER_CONNECTION + program.sent);
  }

  /** A device moves; its old connection hangs, or is closed first. */
  #connect(device: Program, node: SimulatedNode): void {
    if (node.frozen || node.host.draining) return;
    const { connection: before, at } = device;
    if (before !== undefined && at !== undefined && !at.dead) {
      before.alive = false;
      if (!at.frozen && this.#random.next() < 0.5) at.host.disconnectDevice(before);
    }
    device.connection = { id: device.id, alive: true, closed: undefined };
    device.at = node;
    device.connections += 1;
    this.log.push(`${this.#at()} ${device.id} connects to ${node.name}`);
    node.host.connectDevice(device.connection);
  }

  #leave(device: Program): void {
    const { connection, at } = device;
    if (connection === undefined || at === undefined || at.frozen || at.dead) return;
    this.log.push(`${this.#at()} ${device.id} leaves ${at.name}`);
    connection.alive = false;
    at.host.disconnectDevice(connection);
    device.connection = undefined;
  }

  #connectSubscriber(subscriber: Program, node: SimulatedNode): void {
    if (node.frozen || node.host.draining) return;
    const { connection: before, at } = subscriber;
    if (before !== undefined && at !== undefined && !at.dead && !at.frozen)
      at.host.disconnectSubscriber(before);
    if (before !== undefined) before.alive = false;
    subscriber.connection = { id: subscriber.id, alive: true, closed: undefined };
    subscriber.at = node;
    this.log.push(`${this.#at()} ${subscriber.id} connects to ${node.name}`);
    node.host.connectSubscriber(subscriber.connection);
    if (subscriber.sent > 0) return;
    subscriber.sent = 1;
    node.host.subscribers.get(subscriber.id)!.kept.push(subscriber.id);
  }

  #changeLevel({ id }: Program, { host, frozen }: SimulatedNode): void {
    if (frozen) return;
    if (this.#random.next() < 0.3) host.unfollow(id);
    else host.follow(id, this.#random.pick([Level.idle, Level.waiting, Level.active]));
  }

  #disturb(roll: number, node: SimulatedNode): void {
    const { simulation } = this;
    const forMs = this.#random.pick([200, 2000, 8000]);
    if (this.isCalm) {
      this.#drain(node);
    } else if (roll < 0.3) {
      this.log.push(`${this.#at()} ${node.name} stands still for ${forMs}`);
      simulation.freeze(node);
      simulation.after(forMs, () => {
        if (!node.dead) simulation.thaw(node);
      });
    } else if (roll < 0.5) {
      const cut = this.#random.pick(['sends', 'hears'] as const);
      this.log.push(`${this.#at()} ${node.name} no longer ${cut} for ${forMs}`);
      node[cut] = false;
      simulation.after(forMs, () => {
        node[cut] = true;
        if (!node.dead && !node.frozen) node.node.connected();
      });
    } else if (roll < 0.7) {
      this.log.push(`${this.#at()} ${node.name} is split off for ${forMs}`);
      node.side = 1;
      simulation.after(forMs, () => {
        node.side = 0;
      });
    } else if (roll < 0.85) {
      this.log.push(`${this.#at()} NATS is away for ${forMs}`);
      for (const one of this.nodes) [one.sends, one.hears] = [false, false];
      simulation.after(forMs, () => {
        for (const one of this.nodes) {
          [one.sends, one.hears] = [true, true];
          if (!one.frozen) one.node.connected();
        }
      });
    } else {
      this.#kill(node);
    }
  }

  #kill(node: SimulatedNode): void {
    const { simulation } = this;
    if (this.nodes.length < 2) return;
    this.log.push(`${this.#at()} ${node.name} is killed`);
    simulation.kill(node);
    for (const program of [...this.#devices, ...this.#subscribers]) {
      if (program.at === node) [program.connection, program.at] = [undefined, undefined];
    }
    simulation.after(this.#random.pick([300, 7000]), () => {
      if (simulation.nodes.has(node.name)) return;
      const started = simulation.start(node.name);
      for (const { id } of this.#devices) started.host.follow(id);
    });
  }

  /** The node ends in good order: its peers are closed, and what it keeps is left to others. */
  #drain(node: SimulatedNode): void {
    const { simulation } = this;
    if (this.nodes.length < 2 || node.host.draining) return;
    this.log.push(`${this.#at()} ${node.name} drains`);
    node.host.draining = true;
    for (const { connection, at } of [...this.#devices, ...this.#subscribers]) {
      if (connection === undefined || at !== node) continue;
      node.host.disconnectDevice(connection);
      node.host.disconnectSubscriber(connection);
      connection.closed ??= 4200;
    }
    simulation.run(10);
    for (const id of node.host.devices.keys()) node.node.homes.leave(HomeKind.device, id);
    for (const id of node.host.subscribers.keys()) node.node.homes.leave(HomeKind.subscriber, id);
    simulation.run(1500);
    node.node.stop();
    simulation.run(10);
    simulation.kill(node);
    simulation.run(this.#random.pick([10, 3000]));
    const started = simulation.start(node.name);
    for (const { id } of this.#devices) started.host.follow(id);
    simulation.run(this.#random.pick([2000, 3000])); // a rolling restart waits until a node is ready
  }

  #reconnectClosed(): void {
    for (const program of [...this.#devices, ...this.#subscribers]) {
      if (program.connection?.closed === undefined) continue;
      const node = this.#random.pick(this.nodes);
      if (node.frozen || node.host.draining) continue;
      const isDevice = program.id.startsWith('dev');
      this.log.push(`${this.#at()} ${program.id} was closed with ${program.connection.closed}`);
      program.connection = undefined;
      if (isDevice) this.#connect(program, node);
      else this.#connectSubscriber(program, node);
    }
  }

  #at(): string {
    return (this.simulation.clock.nowMs - 1_000_000).toFixed(1);
  }
}

describe('the model of a cluster', () => {
  it('holds whatever happens to nodes and network', { timeout: 600_000 }, () => {
    eachModelRun({ count: runs(60), steps: STEPS, shown: 40 }, (seed) => new Run(seed));
  });
});
