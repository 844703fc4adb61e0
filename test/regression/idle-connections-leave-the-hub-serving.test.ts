/**
 * Connections that never ask for anything took every file descriptor: nobody else got in, and the next snapshot ended
 * the hub. They wait in a place of their own now, a while at most, and the oldest makes room.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { calm, TestHub, uniqueId } from '../conformance/harness.ts';
import { eventually } from '../support/eventually.ts';
import { upgradeAnswer } from '../support/raw-peer.ts';
import { uwsLoads } from '../support/uws-loads.ts';

/** As the hub has it: how long a connection may wait. */
const WAIT_MS = 10_000;
const FILES = 512;
/** What a hub with so many files lets wait, per thread that accepts connections. */
const WAITING = FILES / 8;

const rows = [
  ['uws, subscribers on main', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '0' }],
  ['uws, 2 fan-out workers', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '2' }],
  ['ws', { DAT_TRANSPORT: 'ws' }],
] as const;

describe.each(rows)('connections that say nothing (%s)', (_, env) => {
  const skip = env.DAT_TRANSPORT === 'uws' && !uwsLoads();
  const sockets = new Set<Socket>();
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  });
  const silent = (port: number): Socket => {
    const socket = connect(port, '127.0.0.1')
      .on('error', () => {})
      .resume();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };

  it.skipIf(skip)('make room for each other, and for those that do', async () => {
    const hub = new TestHub({ ...calm, ...env }, { files: FILES });
    await hub.start();
    const { device, dev, subscriber } = await hub.pair();
    const { devicePort, subscriberPort } = hub.process;
    for (let n = 0; n < 2000; n++) {
      const socket = silent(n % 2 === 0 ? devicePort : subscriberPort);
      // Some have begun to ask, so that they are not merely silent.
      if (n % 5 === 0) socket.write('GET /v1/device?id=never HTTP/1.1\r\nHost: 127.0.0.1\r\n');
      if (n % 100 === 99) await once(socket, 'connect').catch(() => {});
    }
    await eventually('most of them are gone', () => sockets.size <= 3 * WAITING);
    for (let n = 0; n < 20; n++) {
      expect((await upgradeAnswer(devicePort, `/v1/device?id=${uniqueId('late')}`)).status).toBe(101);
      const late = await hub.subscriber({ devices: [dev] });
      await late.subscribedByUrl();
      const { seq } = await device.message(n);
      expect(await subscriber.event(dev)).toMatchObject({ seq });
      await late.close(1000);
    }
    const { text } = await hub.admin('GET', '/metrics');
    expect(text).toMatch(/^dat_upgrades_refused_total\{reason="crowded"\} [1-9]/m);
    await hub.end();
  });

  it.skipIf(skip)(
    'are cut off when they have waited for ten seconds, one that dribbles too; whoever was answered is not',
    async () => {
      const hub = new TestHub({ ...calm, ...env });
      await hub.start();
      const { devicePort, subscriberPort } = hub.process;
      const device = await hub.device();
      for (let n = 0; n < 50; n++) {
        expect((await upgradeAnswer(devicePort, '/nowhere')).status).toBe(404);
        expect((await upgradeAnswer(subscriberPort, '/v1/subscribe?id=a%20b')).status).toBe(400);
        silent(devicePort).destroy();
      }
      const began = performance.now();
      const slow = [silent(devicePort), silent(subscriberPort)];
      const dribble = silent(devicePort);
      dribble.write('GET /v1/device?id=never HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
      const drip = setInterval(() => dribble.write('x'), 500);
      const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve));
      await Promise.all([...slow, dribble].map(closed));
      clearInterval(drip);
      expect(performance.now() - began).toBeGreaterThan(WAIT_MS / 2);
      expect((await device.message('still here')).op).toBe('ack');
      await hub.end();
    },
  );
});
