/**
 * Three hubs around three NATS servers that are a cluster themselves: the bucket has three replicas and outlives a server.
 * In the long run only: a JetStream cluster takes seconds to find its leaders.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-ports.ts';
import { isLongRun, type Node, startNode } from './support/hub-cluster.ts';
import { NatsServer, natsServerPath } from './support/nats-server.ts';

/** For a leader to be found, and a node to be called lost meanwhile and to join again. */
const SETTLE_MS = 60_000;
const NAMES = ['a', 'b', 'c'] as const;

async function startServers(folder: string): Promise<NatsServer[]> {
  const ports = [await freePort(), await freePort(), await freePort()];
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(', ');
  return Promise.all(
    ports.map((port, n) =>
      NatsServer.start(
        folder,
        `server_name: nats-${n}\ncluster { name: nats, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
      ),
    ),
  );
}

describe.skipIf(natsServerPath === undefined || !isLongRun)('hubs around a cluster of NATS servers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dat-cluster-'));
  let servers: NatsServer[] = [];
  let nodes: Node[] = [];

  beforeAll(async () => {
    servers = await startServers(folder);
    // Each hub prefers a server of its own: the client takes the first that answers.
    nodes = await Promise.all(
      NAMES.map((name, n) => {
        const urls = [0, 1, 2].map((more) => servers[(n + more) % 3]!.url).join(',');
        return startNode(urls, name, { DAT_CLUSTER_REPLICAS: '3' });
      }),
    );
  });

  afterAll(async () => {
    await Promise.all(nodes.map(({ hub }) => hub.kill()));
    await Promise.all(servers.map((server) => server.kill()));
    rmSync(folder, { recursive: true, force: true });
  });

  /** An operator's change that every node obeys. */
  async function deny(node: Node, device: string): Promise<void> {
    await eventually(
      `${node.name} denies ${device} on all nodes`,
      async () => {
        const path = `/v1/devices/${device}/subscribers/s-denied`;
        const { status, body } = await node.operate('PUT', path, { body: { status: 'deny' } });
        return status === 200 && !('pendingNodes' in (body as object));
      },
      SETTLE_MS,
    );
    for (const one of nodes) {
      const subscriber = await one.subscriber('s-denied');
      const { errors } = await subscriber.subscribe(device);
      const rows = await Promise.all(
        nodes.map((node) => node.admin('GET', `/v1/devices/${device}/subscribers`)),
      );
      const where = `${one.name}: ${JSON.stringify(rows.map(({ body }) => body))}`;
      expect(errors, where).toMatchObject([{ device, code: 103 }]);
      await subscriber.close(1000);
    }
  }

  async function crosses(from: Node, to: Node, id: string): Promise<void> {
    const device = await from.device(id);
    const subscriber = await to.subscriber(`s-${id}`);
    await subscriber.subscribe(id);
    await device.message('crosses');
    expect(await subscriber.frames.next(({ data }) => data === 'crosses')).toMatchObject({ device: id });
  }

  it('act as one, and go on when servers die one after the other', async () => {
    const [a, b, c] = nodes as [Node, Node, Node];
    await crosses(a, c, 'dev-0');
    await deny(b, 'dev-denied-0');
    for (const [n, server] of servers.entries()) {
      await server.kill();
      await eventually(
        'all nodes hear each other again',
        async () => {
          const states = await Promise.all(nodes.map((node) => node.admin('GET', '/v1/cluster')));
          return states.every(({ body }) => (body as { nodes?: unknown[] }).nodes?.length === NAMES.length);
        },
        SETTLE_MS,
      );
      await deny([a, b, c][n]!, `dev-denied-${n + 1}`);
      await crosses([a, b, c][n]!, [b, c, a][n]!, `dev-${n + 1}`);
      await server.start();
    }
    for (const node of nodes) {
      const { body } = await node.admin('GET', '/readyz');
      expect(body).toMatchObject({ cluster: 'connected' });
    }
  });
});
