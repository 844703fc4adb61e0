/** Node tells of each by an error of the server: without a listener for it, the second one ended the thread. */
import { Server } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { openTlsFront } from '../../src/transport/tls-front.ts';
import { createWsTransport } from '../../src/transport/ws.ts';
import { roomForAll } from '../support/room.ts';

const host = '127.0.0.1';
const port = 0;

it.each([
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
