/**
 * Three nodes as processes, each behind a proxy to one NATS server. Nodes are killed, stopped and started, NATS restarts,
 * links are cut, delayed, and cut one way; devices move, operators deny. Then all is well again, and the books are done:
 * one home per device, every follower at its last event, nothing twice, nothing out of order, no untold hole, and every
 * node obeys what operators were told is obeyed.
 *
 * CLUSTER_CHAOS_SECONDS for longer, CLUSTER_CHAOS_SEED for the same steps again, as far as processes allow.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { OperatorChange } from '../../src/cluster/host.ts';
import { eventually } from '../support/eventually.ts';
import { Random } from '../support/random.ts';
import { testSeed } from '../support/seed.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { TEST_MS } from '../support/waits.ts';
import { NatsServer, natsServerPath, natsUrl } from './support/nats-server.ts';
import type { NodeState } from './support/node-main.ts';
import { NodeProcess } from './support/node-process.ts';
import { checkOrder, PER_CONNECTION, positionOf } from './support/order.ts';

const { CLUSTER_CHAOS_SECONDS = 12, CLUSTER_CHAOS_SEED = testSeed() } = process.env;
const TIMEOUT_MS = 2000;
const SETTLE_MS = 60_000;
const DEVICES = ['dev-0', 'dev-1', 'dev-2', 'dev-3', 'dev-4', 'dev-5'];
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Place {
  readonly name: string;
  readonly proxy: TcpProxy;
  node: NodeProcess | undefined;
  isStopped: boolean;
}

interface Device {
  readonly id: string;
  at: Place | undefined;
  connections: number;
  sent: number;
}

class Chaos {
  readonly #random: Random;
  readonly #nats: NatsServer;
  readonly #places: Place[];
  readonly #devices: Device[] = DEVICES.map((id) => ({ id, at: undefined, connections: 0, sent: 0 }));
  /** What operators were told that every node obeys, by pair. */
  readonly #obeyed = new Map<string, OperatorChange>();
  readonly #unsure = new Set<string>();
  readonly log: string[] = [];

  constructor(random: Random, nats: NatsServer, places: Place[]) {
    this.#random = random;
    this.#nats = nats;
    this.#places = places;
  }

  async start(place: Place): Promise<void> {
    place.node = await NodeProcess.start({
      servers: [natsUrl(place.proxy.port)],
      cluster: 'chaos',
      node: place.name,
      timeoutMs: TIMEOUT_MS,
      historyEvents: 50,
    });
    await place.node.ask({ do: 'follow', ids: DEVICES });
  }

  async step(): Promise<void> {
    const roll = this.#random.next();
    const place = this.#random.pick(this.#places);
    const device = this.#random.pick(this.#devices);
    if (roll < 0.55) await this.#publish(device);
    else if (roll < 0.75) await this.#connect(device, place);
    else if (roll < 0.8) await this.#change(place);
    else if (roll < 0.9) await this.#disturbLink(place);
    else if (roll < 0.95) await this.#stop(place);
    else if (roll < 0.98) await this.#kill(place);
    else await this.#restartNats();
    await after(this.#random.pick([5, 20, 100]));
  }

  async heal(): Promise<void> {
    for (const { proxy } of this.#places) {
      proxy.resume();
      proxy.delayMs = 0;
      proxy.cut();
    }
    for (const place of this.#places) await this.#revive(place);
    for (const { node } of this.#places) await node!.joined(this.#places.length - 1);
    for (let round = 0; round < 3; round++) {
      await this.#reconnectClosed();
      await after(1000);
    }
    for (const device of this.#devices)
      if (device.at === undefined) await this.#connect(device, this.#places[0]!);
    await after(1500);
    await this.#reconnectClosed();
    for (const device of this.#devices) await this.#publish(device);
  }

  /** Waits until all agree, then checks all that was seen on the way. */
  async check(): Promise<void> {
    const nodes = this.#places.map(({ node }) => node!);
    await eventually('every follower is at the last event', () => this.#agree(nodes), SETTLE_MS);
    for (const node of nodes) {
      for (const id of DEVICES) checkOrder(await node.got(id), `${id} at ${node.name}`);
      const obeys = pairsOf(await node.state());
      for (const [pair, change] of this.#obeyed) {
        if (!this.#unsure.has(pair)) expect(obeys.get(pair), `${pair} at ${node.name}`).toEqual(change);
      }
    }
  }

  async #agree(nodes: readonly NodeProcess[]): Promise<boolean> {
    const states = await Promise.all(nodes.map((node) => node.state()));
    for (const id of DEVICES) {
      const homes = states.filter(({ positions }) => positions[id] !== undefined);
      if (homes.length !== 1) return false;
      const { epoch, seq } = homes[0]!.positions[id]!;
      for (const node of nodes) {
        const position = positionOf(await node.got(id));
        if (position?.epoch !== epoch || position.seq !== seq) return false;
      }
    }
    return true;
  }

  async #publish(device: Device): Promise<void> {
    const { at } = device;
    if (at?.node === undefined || at.isStopped) return;
    const first = device.connections * PER_CONNECTION + device.sent + 1;
    const last = first + this.#random.below(30);
    device.sent += last - first + 1;
    await at.node.ask({ do: 'publish', id: device.id, from: first, to: last });
  }

  async #connect(device: Device, place: Place): Promise<void> {
    if (place.node === undefined || place.isStopped) return;
    const { at } = device;
    // Its old connection is closed, or hangs.
    if (at?.node !== undefined && !at.isStopped && this.#random.next() < 0.5)
      await at.node.ask({ do: 'disconnectDevice', id: device.id });
    Object.assign(device, { at: place, connections: device.connections + 1, sent: 0 });
    this.log.push(`${device.id} connects to ${place.name}`);
    await place.node.ask({ do: 'connectDevice', id: device.id });
  }

  async #change({ name, node, isStopped }: Place): Promise<void> {
    if (node === undefined || isStopped) return;
    const device = this.#random.pick(DEVICES);
    const pair = `${device} s-1`;
    const access = this.#random.pick(['deny', 'allow'] as const);
    const change: OperatorChange = { kind: 'pair', device, subscriber: 's-1', access };
    const result = await node.ask<{ ok: boolean; pendingNodes?: string[] }>({
      do: 'change',
      changes: [change],
    });
    this.log.push(`${access} ${pair} at ${name}: ${JSON.stringify(result)}`);
    this.#unsure.delete(pair);
    if (result.ok) this.#obeyed.set(pair, change);
    else this.#unsure.add(pair); // it may have been written all the same
  }

  async #disturbLink({ name, proxy }: Place): Promise<void> {
    const kind = this.#random.pick(['cut', 'delay', 'toServer', 'fromServer'] as const);
    const forMs = this.#random.pick([200, 1000, 3500]);
    this.log.push(`the link of ${name}: ${kind} for ${forMs} ms`);
    if (kind === 'cut') {
      proxy.cut();
    } else if (kind === 'delay') {
      proxy.delayMs = 30;
      setTimeout(() => {
        proxy.delayMs = 0;
      }, forMs);
    } else {
      proxy.stopDirection(kind);
      setTimeout(() => proxy.resume(), forMs);
    }
  }

  async #stop(place: Place): Promise<void> {
    if (place.node === undefined || place.isStopped) return;
    const forMs = this.#random.pick([300, 3500]);
    this.log.push(`${place.name} stands still for ${forMs} ms`);
    const { node } = place;
    place.isStopped = true;
    node.signal('SIGSTOP');
    setTimeout(() => {
      node.signal('SIGCONT');
      place.isStopped = false;
    }, forMs);
  }

  async #kill(place: Place): Promise<void> {
    if (place.node === undefined || place.isStopped || this.#places.filter(({ node }) => node).length < 3)
      return;
    this.log.push(`${place.name} is killed`);
    const { node } = place;
    place.node = undefined;
    await node.kill();
    for (const device of this.#devices) if (device.at === place) device.at = undefined;
  }

  async #restartNats(): Promise<void> {
    const forMs = this.#random.pick([0, 1000, 3500]);
    this.log.push(`NATS is away for ${forMs} ms`);
    await this.#nats.kill();
    await after(forMs);
    await this.#nats.start();
  }

  async #revive(place: Place): Promise<void> {
    await eventually(`${place.name} goes on`, () => !place.isStopped, SETTLE_MS);
    if (place.node === undefined) await this.start(place);
  }

  /** As a client that connects again whatever it was closed with. */
  async #reconnectClosed(): Promise<void> {
    for (const device of this.#devices) {
      const { at } = device;
      if (at?.node === undefined) continue;
      const { closed } = await at.node.state();
      if (closed[device.id] !== undefined) await this.#connect(device, at);
    }
  }
}

/** What a node obeys of pairs: the last change of each. */
function pairsOf({ changes }: NodeState): Map<string, OperatorChange> {
  const pairs = new Map<string, OperatorChange>();
  for (const change of changes) {
    if (change.kind === 'pair') pairs.set(`${change.device} ${change.subscriber}`, change);
  }
  return pairs;
}

describe.skipIf(natsServerPath === undefined)('a cluster in chaos (needs nats-server)', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  it('keeps its books', { timeout: Number(CLUSTER_CHAOS_SECONDS) * 1000 + TEST_MS }, async () => {
    const nats = await NatsServer.start(temporaryDirectory());
    cleanups.push(() => nats.kill());
    const places: Place[] = [];
    for (const name of ['a', 'b', 'c']) {
      const proxy = await TcpProxy.start(nats.port);
      cleanups.push(() => proxy.stop());
      places.push({ name, proxy, node: undefined, isStopped: false });
    }
    cleanups.push(() => Promise.all(places.map(({ node }) => node?.kill())));
    const chaos = new Chaos(new Random(Number(CLUSTER_CHAOS_SEED)), nats, places);
    for (const place of places) await chaos.start(place);
    for (const { node } of places) await node!.joined(2);
    const endMs = performance.now() + Number(CLUSTER_CHAOS_SECONDS) * 1000;
    try {
      while (performance.now() < endMs) await chaos.step();
      await chaos.heal();
      await chaos.check();
    } catch (failure) {
      const said = chaos.log.slice(-60).join('\n');
      throw new Error(`CLUSTER_CHAOS_SEED=${CLUSTER_CHAOS_SEED}\n${said}\n${(failure as Error).message}`, {
        cause: failure,
      });
    }
    expect(chaos.log.length).toBeGreaterThan(5);
  });
});
