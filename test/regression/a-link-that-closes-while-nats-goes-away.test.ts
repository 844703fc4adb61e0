/**
 * A link that said goodbye while NATS went away failed to close, and went on looking for NATS. When that happened as
 * another owner took over, the hub opened no link any more until it was started again. And what a link heard while it
 * closed, it still told the owner, which knows nothing of that link.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createLinkCounts } from '../../src/cluster/figures.ts';
import { ClusterLink } from '../../src/cluster/link.ts';
import { FakeHost } from '../cluster/support/fake-host.ts';

const INFO = { server_id: 'one', version: '2.10.0', proto: 1, headers: true, max_payload: 8 * 1024 * 1024 };

interface FakeNats {
  readonly server: Server;
  readonly sockets: Set<Socket>;
  /** What the client has sent. */
  said: string;
}

/** A NATS server that lets its client in. @param leaving the client ends its subscriptions @returns whether it goes on */
async function startNats(leaving: (nats: FakeNats, socket: Socket) => boolean): Promise<FakeNats> {
  const server = createServer((socket) => {
    nats.sockets.add(socket);
    socket.on('error', () => {});
    socket.write(`INFO ${JSON.stringify(INFO)}\r\n`);
    socket.on('data', (data) => {
      const text = data.toString('latin1');
      nats.said += text;
      if (text.includes('UNSUB') && !leaving(nats, socket)) return;
      socket.write('PONG\r\n'.repeat(text.split('PING').length - 1));
    });
  });
  const nats: FakeNats = { server, sockets: new Set(), said: '' };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of nats.sockets) socket.destroy();
  });
  return nats;
}

function open({ server }: FakeNats, figures = createLinkCounts()): Promise<ClusterLink> {
  const { port } = server.address() as AddressInfo;
  return ClusterLink.open({
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
    figures,
    snapshot: [],
    log: () => {},
    connectedChanged: () => {},
  });
}

it('a link that closes while NATS goes away is closed', async () => {
  const nats = await startNats(({ server }, socket) => {
    server.close();
    socket.destroy();
    return false;
  });
  const link = await open(nats);
  await link.close();
  expect(nats.server.listening).toBe(false); // it went away meanwhile
  expect(link.isConnected).toBe(true); // and was there when the link began to close
});

it('a link that closes hears nothing more', async () => {
  const figures = createLinkCounts();
  const nats = await startNats(({ said }, socket) => {
    const subscriptions = [...said.matchAll(/^SUB (\S+) (\d+)\r$/gm)];
    expect(subscriptions.length).toBeGreaterThanOrEqual(2);
    for (const [, subject, number] of subscriptions) socket.write(`MSG ${subject} ${number} 4\r\noops\r\n`);
    return true;
  });
  await (await open(nats, figures)).close();
  expect(nats.said).toContain('UNSUB');
  expect(figures).toMatchObject({ undecodable: 0, bytesReceived: 0 });
});
