/**
 * A second request in the same bytes as one that was refused ended the hub: the library dispatched it at once, on a
 * connection that was answered already. It could also be taken for the request of another connection.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { calm, TestHub, uniqueId } from '../conformance/harness.ts';
import { uwsLoads } from '../support/uws-loads.ts';

const rows = [
  ['uws, subscribers on main', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '0' }],
  ['uws, 1 fan-out worker', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1' }],
  ['ws', { DAT_TRANSPORT: 'ws' }],
] as const;

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
const post = 'POST /a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\nabc';
const upgrade = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n';
/** Of the PROXY protocol, version 2, which the library takes before any request. */
const proxy = `\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\0\0\0\0\0\x01\0\0`;

/** Each with the path that would upgrade. */
const pairs: Readonly<Record<string, (path: string) => string>> = {
  'two to no path': () => get('/a') + get('/b'),
  'an upgrade behind one to no path': (path) => get('/a') + upgrade(path),
  'an upgrade behind a plain one': (path) => get(path) + upgrade(path),
  'an upgrade behind one that is refused': (path) => upgrade(`${path}%20`) + upgrade(path),
  'an upgrade with a proxy header behind one to no path': (path) => get('/a') + proxy + upgrade(path),
  'one behind one with a body': () => post + get('/b'),
  'three, with proxy headers': (path) => get('/a') + proxy + get('/b') + proxy + upgrade(path),
};

/** @returns the status codes that it got until its connection ended */
async function answersTo(port: number, bytes: string): Promise<readonly string[]> {
  const socket = connect(port, '127.0.0.1').on('error', () => {}); // a reset; 'close' follows
  let got = '';
  socket.setEncoding('latin1').on('data', (part: string) => {
    got += part;
  });
  socket.write(bytes, 'latin1');
  await once(socket, 'close');
  return got.match(/(?<=HTTP\/1\.1 )\d+/g) ?? [];
}

describe.each(rows)('a second request in the same bytes (%s)', (_, env) => {
  it.skipIf(env.DAT_TRANSPORT === 'uws' && !uwsLoads())(
    'is never answered, however many others wait, and harms nobody',
    async () => {
      const hub = new TestHub({ ...calm, ...env });
      await hub.start();
      const { device, dev, subscriber } = await hub.pair();
      const { devicePort, subscriberPort } = hub.process;
      const silent: Socket[] = [];
      onTestFinished(() => {
        for (const socket of silent) socket.destroy();
      });
      for (const crowd of [0, 1, 3]) {
        while (silent.length < 2 * crowd) {
          const port = silent.length % 2 === 0 ? devicePort : subscriberPort;
          const socket = connect(port, '127.0.0.1').on('error', () => {});
          silent.push(socket);
          await once(socket, 'connect');
        }
        for (const [name, bytes] of Object.entries(pairs)) {
          const devices = await answersTo(devicePort, bytes(`/v1/device?id=${uniqueId('dev')}`));
          expect(devices.length, `${name}, beside ${crowd}`).toBeLessThanOrEqual(1);
          expect(devices, name).not.toContain('101');
          const subscribers = await answersTo(subscriberPort, bytes('/v1/subscribe'));
          expect(subscribers.length, `${name}, beside ${crowd}`).toBeLessThanOrEqual(1);
          expect(subscribers, name).not.toContain('101');
        }
      }
      const { seq } = await device.message('still here');
      expect(await subscriber.event(dev)).toMatchObject({ seq });
      await hub.end();
    },
  );
});
