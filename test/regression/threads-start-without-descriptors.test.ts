/** With every file descriptor taken, a snapshot or a thread in a dead one's place could not be started. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { calm, TestHub, uniqueId } from '../conformance/harness.ts';
import { eventually } from '../support/eventually.ts';
import { KeptConnection } from '../support/kept-connection.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { uwsLoads } from '../support/uws-loads.ts';

it.skipIf(!uwsLoads())(
  'a hub that holds as many connections as its files allow writes snapshots and replaces a dead thread',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dat-test-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const env = {
      ...calm,
      DAT_TRANSPORT: 'uws',
      DAT_FANOUT_WORKERS: '1',
      DAT_FAULT_INJECTION: 'true',
      DAT_SNAPSHOT_FILE: join(directory, 'snapshot'),
      DAT_SNAPSHOT_INTERVAL_MS: '300',
    };
    const hub = new TestHub(env, { files: 256 });
    await hub.start();
    const { device, dev, subscriber } = await hub.pair();
    // Open from the start: while a thread starts, there may be no file for one more connection.
    const admin = new KeptConnection(hub.process.adminPort);
    onTestFinished(() => admin.close());
    expect((await admin.ask('GET', '/readyz')).status).toBe(200);
    const metric = async (name: string, labels = {}) => (await admin.metrics()).value(name, labels);
    const writtenAt = () => metric('dat_snapshot_written_timestamp_seconds');
    const { devicePort, subscriberPort } = hub.process;

    // As many devices as get in, and a crowd that asks for nothing.
    let status = 101;
    while (status === 101) {
      const peer = await RawPeer.connect(devicePort);
      ({ status } = await peer.upgrade(`/v1/device?id=${uniqueId('dev')}`));
      if (status !== 101) peer.destroy();
      else onTestFinished(() => peer.destroy());
    }
    expect(status).toBe(503);
    const silent: Socket[] = [];
    onTestFinished(() => {
      for (const socket of silent) socket.destroy();
    });
    for (let n = 0; n < 300; n++) {
      silent.push(connect(n % 2 === 0 ? devicePort : subscriberPort, '127.0.0.1').on('error', () => {}));
    }

    const before = await writtenAt();
    await eventually('another snapshot', async () => (await writtenAt()) > before);
    expect(await metric('dat_snapshot_failures_total')).toBe(0);
    await device.message('still served');
    expect((await subscriber.event(dev)).data).toBe('still served');
    expect((await admin.ask('POST', '/v1/faults', { thread: 'fanout', worker: 0 })).status).toBe(200);
    const restarts = () => metric('dat_worker_restarts_total', { role: 'fanout' });
    await eventually('the thread is replaced', async () => (await restarts()) === 1);
    await device.message('and again');
    await hub.end();
  },
);
