/** Tokens, over real sockets, with a small hub of the test's own that knows nothing else. */
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { closes } from '../../src/codes.ts';
import { openDevice, openSubscriber } from '../support/client.ts';
import { Inbox } from '../support/inbox.ts';

interface FakeHub {
  readonly port: number;
  /** The tokens of those who were let in. */
  readonly tokens: Inbox<string | null>;
  /** Closes everyone. */
  close(code: number, reason: string): void;
}

/** Lets in who brings a token of these, and answers everyone else with 401. */
async function hubThatAccepts(accepted: Set<string>): Promise<FakeHub> {
  const tokens = new Inbox<string | null>('tokens');
  const tokenOf = ({ url = '' }: IncomingMessage): string | null =>
    new URL(url, 'ws://hub').searchParams.get('token');
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    verifyClient: ({ req }, answer) => answer(accepted.has(tokenOf(req) ?? ''), 401),
  });
  onTestFinished(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  server.on('connection', (socket: WebSocket, request) => {
    tokens.push(tokenOf(request));
    socket.send(JSON.stringify({ op: 'welcome', device: 'me', subscriber: 'me', pingIntervalMs: 25_000 }));
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    tokens,
    close(code, reason) {
      for (const socket of server.clients) socket.close(code, reason);
    },
  };
}

describe('a token', () => {
  it('goes along as it is, and stays the same for every connection', async () => {
    const hub = await hubThatAccepts(new Set(['eyJ.a-b_c.d+/=']));
    const { states } = openDevice(hub.port, { token: 'eyJ.a-b_c.d+/=' });
    expect(await hub.tokens.next()).toBe('eyJ.a-b_c.d+/=');
    await states.next(({ state }) => state === 'connected');
    hub.close(closes.noPong.code, closes.noPong.reason);
    expect(await hub.tokens.next()).toBe('eyJ.a-b_c.d+/=');
  });

  it('is renewed when the hub says that it has expired', async () => {
    const accepted = new Set(['token-1']);
    const hub = await hubThatAccepts(accepted);
    let made = 0;
    const { states } = openSubscriber(hub.port, { token: async () => `token-${++made}` });
    expect(await hub.tokens.next()).toBe('token-1');
    await states.next(({ state }) => state === 'connected');
    accepted.clear();
    accepted.add('token-2');
    hub.close(closes.tokenExpired.code, closes.tokenExpired.reason);
    expect(await states.next(({ state }) => state === 'waiting')).toMatchObject({
      retryInMs: 0,
      error: { hubCode: 4202 },
    });
    expect(await hub.tokens.next()).toBe('token-2');
    await states.next(({ state }) => state === 'connected');
  });

  it('that the hub does not take is asked for again until it does', async () => {
    const hub = await hubThatAccepts(new Set(['token-3']));
    let made = 0;
    const { states } = openDevice(hub.port, { token: () => `token-${++made}` });
    expect(await states.next(({ state }) => state === 'waiting')).toMatchObject({
      error: { code: 'disconnected', hubCode: 1006, message: expect.stringContaining('401') },
    });
    expect(await hub.tokens.next()).toBe('token-3');
    await states.next(({ state }) => state === 'connected');
  });

  it('that the hub calls bad is the end', async () => {
    const hub = await hubThatAccepts(new Set(['forged']));
    const { device, states } = openDevice(hub.port, { token: 'forged' });
    await states.next(({ state }) => state === 'connected');
    hub.close(closes.badToken.code, closes.badToken.reason);
    expect(await states.next(({ state }) => state === 'closed')).toMatchObject({
      error: { code: 'closed', hubCode: 4001, message: expect.stringContaining('bad token') },
    });
    await expect(device.message('late')).rejects.toMatchObject({ code: 'closed', hubCode: 4001 });
  });
});
