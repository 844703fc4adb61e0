/**
 * The admin listener opens first. `/readyz` answered 200 from then on, while the other ports were closed or no thread
 * took their connections yet: a load balancer sent peers to a hub that refused them.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { admin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { startHub } from '../support/hub-process.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { uwsLoads } from '../support/uws-loads.ts';

const rows = [
  ['uws, 1 fan-out worker', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1' }],
  ['uws, 1 ingest thread', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1', DAT_INGEST_WORKERS: '1' }],
  ['ws', { DAT_TRANSPORT: 'ws' }],
] as const;

describe.each(rows)('a hub that starts (%s)', (_, env) => {
  it.skipIf(env.DAT_TRANSPORT === 'uws' && !uwsLoads())('is ready once it admits peers', async () => {
    const ports = await freePorts();
    const starting = startHub({ ...env, ...ports });
    onTestFinished(async () => void (await (await starting).stop()));
    const [adminPort, devicePort, subscriberPort] = ['ADMIN', 'DEVICE', 'SUBSCRIBER'].map((name) =>
      Number(ports[`DAT_${name}_PORT`]),
    ) as [number, number, number];
    await eventually('the hub is ready', async () => {
      const answer = await admin(adminPort, 'GET', '/readyz').catch(() => undefined);
      return answer?.status === 200;
    });
    const subscriber = await Subscriber.connect(subscriberPort, '?devices=dev-1');
    const device = await Device.connect(devicePort, '?id=dev-1');
    expect((await device.welcome()).device).toBe('dev-1');
    expect((await subscriber.subscribedByUrl()).devices).toHaveLength(1);
  });
});
