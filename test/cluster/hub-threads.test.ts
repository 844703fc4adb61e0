/** A hub of a cluster starts only with what it needs, and goes on when one of its threads dies. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { admin, Metrics } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-ports.ts';
import { runHub, startHub } from '../support/hub-process.ts';
import { TEST_MS } from '../support/waits.ts';
import { follow, type Node, startNode } from './support/hub-cluster.ts';
import { NatsServer, natsServerPath } from './support/nats-server.ts';

const suite = natsServerPath === undefined ? describe.skip : describe;

suite('a hub of a cluster', () => {
  let folder: string;
  let nats: NatsServer;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dat-cluster-'));
  });

  afterEach(async () => {
    await nats.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is not ready while it cannot read what operators set, and lets nobody in', async () => {
    nats = await NatsServer.start(folder);
    await nats.kill();
    const adminPort = await freePort();
    const starting = startHub(
      { DAT_CLUSTER_NATS_URL: nats.url, DAT_ADMIN_PORT: String(adminPort) },
      { withinMs: TEST_MS / 2 },
    );
    const readiness = () => admin(adminPort, 'GET', '/readyz').catch(() => undefined);
    await eventually('the admin listener answers', async () => (await readiness()) !== undefined);
    expect(await readiness()).toMatchObject({ status: 503, body: { status: 'unready' } });
    const page = new Metrics((await admin(adminPort, 'GET', '/metrics')).text);
    expect(page.value('dat_cluster_connected')).toBe(0);
    expect(page.value('dat_ready')).toBe(0);
    await nats.start();
    const hub = await starting;
    expect(await readiness()).toMatchObject({ status: 200, body: { cluster: 'connected' } });
    expect(await hub.stop()).toBe(0);
  });

  it('refuses to start when NATS does not carry its messages', async () => {
    nats = await NatsServer.start(folder);
    const ended = await runHub({ DAT_CLUSTER_NATS_URL: nats.url, DAT_MAX_MESSAGE_BYTES: '4000000' });
    expect(ended.code).toBe(78);
    expect(ended.stderr).toMatch(/DAT_MAX_MESSAGE_BYTES.*4000000/);
  });

  it.each(['owner', 'cluster'] as const)('goes on when its thread "%s" dies', async (thread) => {
    nats = await NatsServer.start(folder);
    const faults = { DAT_FAULT_INJECTION: 'true' };
    const [a, b] = (await Promise.all([
      startNode(nats.url, 'a', faults),
      startNode(nats.url, 'b', faults),
    ])) as [Node, Node];
    const device = await a.device('dev-1');
    await device.message('first');
    const subscriber = await b.subscriber('s-1');
    await follow(subscriber, 'dev-1');
    await device.message('before');
    expect(await subscriber.event('dev-1')).toMatchObject({ data: 'before' });
    const claimsOf = async (node: Node) =>
      new Metrics((await node.admin('GET', '/metrics')).text).value('dat_cluster_claims_total');
    const claimed = await claimsOf(a);
    expect(claimed).toBeGreaterThan(0);
    for (const node of [a, b]) {
      const fault = thread === 'owner' ? { thread, how: 'throw' } : { thread };
      expect((await node.operate('POST', '/v1/faults', { body: fault })).status).toBeLessThan(300);
      await eventually(`${node.name} is back`, async () => {
        const metrics = new Metrics((await node.admin('GET', '/metrics')).text);
        if (metrics.value('dat_worker_restarts_total', { role: thread }) === 0) return false;
        const { status, body } = await node.admin('GET', '/readyz');
        return status === 200 && (body as { cluster?: string }).cluster === 'connected';
      });
      const before = subscriber.events('dev-1').length;
      await eventually('dev-1 is followed', async () => {
        device.send({ type: 'message', data: 'ping' }); // without an ack: the thread may die with it
        return subscriber.events('dev-1').length > before;
      });
    }
    expect(await claimsOf(a)).toBeGreaterThanOrEqual(claimed);
    // A node that is slow to be back may be called lost meanwhile, which takes no number.
    const seqs = subscriber
      .events('dev-1')
      .map(({ seq }) => seq)
      .filter((seq) => seq > 0);
    expect(seqs).toEqual([...new Set(seqs)]);
    const back = await b.device('dev-1');
    expect(await device.closed).toMatchObject({ code: 4004 });
    const { seq } = await back.message('moved');
    expect(await subscriber.frames.next(({ data }) => data === 'moved')).toMatchObject({ seq });
    expect(seq).toBeGreaterThan(Math.max(...seqs));
    await Promise.all([a.hub.kill(), b.hub.kill()]);
  });
});
