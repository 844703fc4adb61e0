/** A worker that took the place of one that had died while the hub drained was not told, and let peers in. */
import { expect, it, onTestFinished } from 'vitest';
import { calm, numbersFrom } from '../conformance/harness.ts';
import { admin, Metrics } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { startHub } from '../support/hub-process.ts';
import { Subscriber, UpgradeRefused } from '../support/peers.ts';
import { uwsLoads } from '../support/uws-loads.ts';

it.skipIf(!uwsLoads())('lets nobody in', async () => {
  const hub = await startHub({
    ...calm,
    DAT_TRANSPORT: 'uws',
    DAT_FANOUT_WORKERS: '2',
    DAT_FAULT_INJECTION: 'true',
    DAT_DRAIN_RATE: '1', // it goes on while the test looks
    DAT_DRAIN_TIMEOUT_MS: '600000',
  });
  onTestFinished(() => hub.kill());
  const connect = (number: number) => Subscriber.connect(hub.subscriberPort, `?id=s-${number}`);
  const before = await Promise.all(numbersFrom(1, 100).map(connect));
  await Promise.all(before.map((subscriber) => subscriber.welcome()));
  hub.signal('SIGTERM');
  await eventually('it drains', async () => (await admin(hub.adminPort, 'GET', '/readyz')).status === 503);
  const body = { thread: 'fanout', worker: 0 };
  expect((await admin(hub.adminPort, 'POST', '/v1/faults', { body })).status).toBe(200);
  await eventually('another took its place', async () => {
    const { text } = await admin(hub.adminPort, 'GET', '/metrics');
    return new Metrics(text).value('dat_worker_restarts_total', { role: 'fanout' }) === 1;
  });
  // Each thread in turn.
  for (const number of numbersFrom(101, 4)) await expect(connect(number)).rejects.toThrow(UpgradeRefused);
});
