/**
 * Three hubs around one NATS server while nodes die and come back, stand still, NATS restarts, and devices move. Followers on
 * every node check what they get: nothing twice, nothing missing that no `gap` tells, nothing that is denied. Runs for
 * CLUSTER_CHAOS_SECONDS, else for a short while.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { Device, Subscriber } from '../support/peers.ts';
import { TEST_MS } from '../support/waits.ts';
import { Denials } from './support/denials.ts';
import { type Node, startNode } from './support/hub-cluster.ts';
import { NatsServer, natsServerPath } from './support/nats-server.ts';
import { StreamBooks } from './support/stream-books.ts';

const SECONDS = Number(process.env['CLUSTER_CHAOS_SECONDS'] ?? 12);
const CHAOS_MS = SECONDS * 1000 + TEST_MS;
const DEVICES = 12;
const suite = natsServerPath === undefined ? describe.skip : describe;

suite('three hubs through faults', { timeout: CHAOS_MS }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'dat-cluster-'));
  const names = ['a', 'b', 'c'] as const;
  const nodes = new Map<string, Node>();
  const devices = new Map<string, Device>();
  const books: StreamBooks[] = [];
  let nats: NatsServer;
  let sent = 0;
  const denials = new Denials(() => sent);
  /** On the nodes that are never killed. */
  const deniable: { readonly id: string; readonly subscriber: Subscriber }[] = [];

  beforeAll(async () => {
    nats = await NatsServer.start(folder);
    await Promise.all(names.map(async (name) => nodes.set(name, await startNode(nats.url, name))));
  });

  afterAll(async () => {
    await Promise.all([...nodes.values()].map(({ hub }) => hub.kill()));
    await nats.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  const idOf = (n: number): string => `chaos-${n}`;
  const nodeOf = (n: number): Node => nodes.get(names[n % names.length]!)!;

  async function connectDevice(n: number, node: Node): Promise<void> {
    const before = devices.get(idOf(n));
    devices.set(idOf(n), await node.device(idOf(n)));
    await before?.drop();
  }

  async function follow(node: Node, name: string): Promise<Subscriber> {
    const subscriber: Subscriber = await node.subscriber(name);
    const book = new StreamBooks(`${name} on ${node.name}`, subscriber.frames);
    books.push(book);
    await subscriber.subscribe(...Array.from({ length: DEVICES }, (_, n) => idOf(n)));
    return subscriber;
  }

  /** Sends from every device that is connected. */
  async function traffic(ms: number): Promise<void> {
    for (const endMs = performance.now() + ms; performance.now() < endMs; ) {
      for (const device of devices.values()) device.send({ type: 'message', data: ++sent });
      await sleep(50);
    }
  }

  const allConnected = (): Promise<unknown> =>
    eventually('all nodes are connected', async () => {
      const states = await Promise.all(
        [...nodes.values()].map(async (node) => {
          const { body } = await node.admin('GET', '/readyz');
          return (body as { cluster?: string }).cluster;
        }),
      );
      return states.every((state) => state === 'connected');
    });

  async function restart(name: string): Promise<void> {
    await nodes.get(name)!.hub.kill();
    for (let n = 0; n < DEVICES; n++) if (nodeOf(n).name === name) devices.delete(idOf(n));
    await traffic(500);
    const node = await startNode(nats.url, name);
    nodes.set(name, node);
    for (let n = 0; n < DEVICES; n++) if (!devices.has(idOf(n))) await connectDevice(n, nodeOf(n));
    await follow(node, `follower-${name}-${books.length}`);
  }

  const faults: readonly (() => Promise<void>)[] = [
    async () => {
      // Devices move to the next node.
      for (let n = 0; n < DEVICES; n += 3) await connectDevice(n, nodeOf(n + 1));
      await traffic(300);
      for (let n = 0; n < DEVICES; n += 3) await connectDevice(n, nodeOf(n));
    },
    async () => {
      nodes.get('b')!.hub.signal('SIGSTOP');
      await sleep(700);
      nodes.get('b')!.hub.signal('SIGCONT');
    },
    async () => {
      await nats.kill();
      await traffic(400);
      await nats.start();
      await allConnected();
    },
    () => restart('c'),
  ];

  it('delivers nothing twice, and tells what is missing', async () => {
    for (let n = 0; n < DEVICES; n++) await connectDevice(n, nodeOf(n));
    for (const name of names) await follow(nodes.get(name)!, `follower-${name}`);
    for (const name of ['a', 'b'])
      deniable.push({
        id: `deniable-${name}`,
        subscriber: await follow(nodes.get(name)!, `deniable-${name}`),
      });
    const endMs = performance.now() + SECONDS * 1000;
    for (let round = 0; performance.now() < endMs || round < faults.length; round++) {
      const { id, subscriber } = deniable[round % deniable.length]!;
      const lift = await denials.deny(nodeOf(round), idOf(round % DEVICES), id, subscriber);
      await traffic(400);
      await faults[round % faults.length]!();
      await lift(nodeOf(round + 1));
    }
    await allConnected();
    await traffic(1000);
    const last = new Map<string, number>();
    for (const [id, device] of devices) {
      const { seq } = await device.message('the last');
      last.set(id, seq);
    }
    const live = books.filter(({ isOpen }) => isOpen);
    expect(live.length).toBeGreaterThanOrEqual(names.length);
    for (const book of live)
      await eventually(`${book.name} has all`, () => [...last].every(([id, seq]) => book.reached(id) >= seq));
    for (const book of books) expect(book.problems()).toEqual([]);
    expect(denials.problems()).toEqual([]);
    expect(denials.count).toBeGreaterThanOrEqual(faults.length);
    expect(sent).toBeGreaterThan(100);
  });
});
