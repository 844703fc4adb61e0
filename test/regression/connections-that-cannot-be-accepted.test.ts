/** Node tells of each by an error of the server. Where nobody listened for it, it ended the thread. */
import { Server } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { roomForAll } from '../../fixtures/arrivals.ts';
import { startAdmin } from '../../src/admin/server.ts';
import { openTlsFront } from '../../src/transport/tls-front.ts';
import { createWsTransport } from '../../src/transport/ws.ts';
import { FakeHub } from '../admin/fake-hub.ts';

const host = '127.0.0.1';
const port = 0;

const adminOptions = {
  host,
  port,
  adminToken: '',
  allowedOrigins: [],
  allowedHosts: [],
  maxMessageBytes: 65_536,
};

it.each([
  ['the admin API', () => startAdmin(adminOptions, new FakeHub().deps)],
  ['ws', () => createWsTransport().listen(host, port, { routes: [], arrivals: roomForAll() })],
  [
    'the TLS front',
    () =>
      openTlsFront({
        host,
        port,
        path: '/nowhere',
        certificate: { cert: '', key: '' },
        arrivals: roomForAll(),
      }),
  ],
])('leave %s listening', async (_name, open) => {
  const listen = vi.spyOn(Server.prototype, 'listen');
  const listener = await open();
  const server = listen.mock.contexts[0] as Server;
  onTestFinished(async () => {
    listen.mockRestore();
    await listener.close();
  });
  for (let time = 0; time < 2; time++) server.emit('error', new Error('accept EMFILE'));
  expect(server.listening).toBe(true);
});
