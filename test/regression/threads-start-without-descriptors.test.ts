/** With every file descriptor taken, a snapshot or a thread in a dead one's place could not be started. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { calm, TestHub, uniqueId } from '../conformance/harness.ts';
import { Metrics } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { KeptConnection } from '../support/kept-connection.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { uwsLoads } from '../support/uws-loads.ts';

/** Room for what the hub keeps for itself, and some connections. */
const FILES = 320;

const faults = [
  ['fanout', { thread: 'fanout', worker: 0 }],
  ['owner', { thread: 'owner', how: 'terminate' }],
] as const;

it.skipIf(!uwsLoads())(
  'a hub that holds as many connections as its files allow writes snapshots and replaces a dead thread',
  { timeout: 60_000 },
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
    const hub = new TestHub(env, { files: FILES });
    await hub.start();
    const { device, dev, subscriber } = await hub.pair();
    /** On a connection of its own each time. */
    const ask = async (method: string, path: string, body?: object) => {
      const connection = new KeptConnection(hub.process.adminPort);
      try {
        return await connection.ask(method, path, body);
      } finally {
        connection.close();
      }
    };
    const metric = async (name: string, labels = {}) =>
      new Metrics((await ask('GET', '/metrics')).text).value(name, labels);
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
    for (let n = 0; n < FILES; n++) {
      silent.push(connect(n % 2 === 0 ? devicePort : subscriberPort, '127.0.0.1').on('error', () => {}));
    }

    const before = await writtenAt();
    await eventually('another snapshot', async () => (await writtenAt()) > before);
    expect(await metric('dat_snapshot_failures_total')).toBe(0);
    await device.message('still served');
    expect((await subscriber.event(dev)).data).toBe('still served');
    for (const [role, fault] of faults) {
      expect((await ask('POST', '/v1/faults', fault)).status).toBe(200);
      // One after the other for as long as the thread takes to start: the hub has a descriptor for each of them.
      while ((await metric('dat_worker_restarts_total', { role })) === 0);
    }
    await device.message('and again');
    await hub.end();
  },
);
