/**
 * A link that said goodbye while NATS went away failed to close, and went on looking for NATS. When that happened as
 * another owner took over, the hub opened no link any more until it was started again.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createLinkCounts } from '../../src/cluster/figures.ts';
import { ClusterLink } from '../../src/cluster/link.ts';
import { FakeHost } from '../cluster/support/fake-host.ts';

const INFO = { server_id: 'one', version: '2.10.0', proto: 1, headers: true, max_payload: 8 * 1024 * 1024 };

/** A NATS server that lets its client in, and is gone as soon as the client ends its subscriptions. */
function serverThatGoesAway() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.write(`INFO ${JSON.stringify(INFO)}\r\n`);
    socket.on('data', (data) => {
      const text = data.toString('latin1');
      if (text.includes('UNSUB')) {
        server.close();
        socket.destroy();
      } else if (text.includes('PING')) socket.write('PONG\r\n');
    });
  });
  return { server, sockets };
}

it('a link that closes while NATS goes away is closed', async () => {
  const { server, sockets } = serverThatGoesAway();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const link = await ClusterLink.open({
    servers: [`nats://127.0.0.1:${port}`],
    credsFile: undefined,
    tls: {},
    cluster: 'test',
    node: 'a',
    version: '0.0.0',
    timeoutMs: 2000,
    replicas: 1,
    maxMessageBytes: 65_536,
    stopped: new AbortController().signal,
    isReopened: false,
    clock: systemClock,
    host: new FakeHost('a', 0, (what) => setImmediate(what)),
    figures: createLinkCounts(),
    snapshot: [],
    log: () => {},
    connectedChanged: () => {},
  });
  try {
    await link.close();
    expect(server.listening).toBe(false); // it went away meanwhile
    expect(link.isConnected).toBe(true); // and was there when the link began to close
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
});
