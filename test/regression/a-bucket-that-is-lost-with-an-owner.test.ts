/**
 * A hub whose owner died while the operators' bucket was lost filled the new one with what it had known when its link
 * started: denials since then were gone, in its own table too.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type Node, startNode } from '../cluster/support/hub-cluster.ts';
import { NatsServer, natsServerPath } from '../cluster/support/nats-server.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const isIn = async (node: Node): Promise<boolean> => {
  const { status, body } = await node.admin('GET', '/readyz');
  return status === 200 && (body as { cluster?: string }).cluster === 'connected';
};

it.skipIf(natsServerPath === undefined)(
  'A hub whose owner dies while the bucket is lost fills the new one with all that operators have set',
  async () => {
    const folder = temporaryDirectory();
    const nats = await NatsServer.start(folder);
    const a = await startNode(nats.url, 'a', { DAT_FAULT_INJECTION: 'true' });
    for (const [row, body] of [
      ['dev-1/subscribers/s-1', { status: 'deny' }],
      ['dev-2/subscribers/s-2', { status: 'allow', vip: true }],
    ] as const)
      expect(await a.admin('PUT', `/v1/devices/${row}`, { body })).toMatchObject({ status: 200 });
    await nats.kill();
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
    const fault = { thread: 'owner', how: 'throw' };
    expect((await a.admin('POST', '/v1/faults', { body: fault })).status).toBeLessThan(300);
    await eventually('the link has given way to another', async () => {
      const { body } = await a.admin('GET', '/v1/cluster');
      return (body as { state?: string }).state !== 'connected';
    });
    await nats.start();
    await eventually('a is back', () => isIn(a));
    const b = await startNode(nats.url, 'b');
    for (const node of [a, b]) {
      const subscriber = await node.subscriber('s-1');
      subscriber.send({ op: 'subscribe', id: node.name, devices: ['dev-1'] });
      expect(await subscriber.frames.next(({ id }) => id === node.name)).toMatchObject({
        devices: [],
        errors: [{ device: 'dev-1', code: 103 }],
      });
      expect(await node.admin('GET', '/v1/devices/dev-2/subscribers')).toMatchObject({
        body: { subscribers: [{ subscriber: 's-2', status: 'allow', vip: true }] },
      });
    }
    await Promise.all([a.hub.kill(), b.hub.kill()]);
    await nats.kill();
  },
);
