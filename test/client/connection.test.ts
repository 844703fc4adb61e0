/** How the client connects and comes back, with a fake WebSocket and a fake clock: what no real hub does on demand. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectDevice } from '../../clients/js/src/index.ts';
import { closes } from '../../src/codes.ts';
import { deviceOf, subscriberOf, url, useFakeTime, useRealTime } from '../support/fake-peers.ts';
import { fakeSockets } from '../support/fake-socket.ts';

beforeEach(useFakeTime);
afterEach(useRealTime);

describe('the address', () => {
  it('is that of the wire contract, with id and token in the query', async () => {
    const { socket } = await deviceOf({ id: 'a:b~c', token: 'x.y+z' });
    expect(socket().url.origin + socket().url.pathname).toBe('ws://hub.test:7400/v1/device');
    expect(Object.fromEntries(socket().url.searchParams)).toEqual({ id: 'a:b~c', token: 'x.y+z' });
    expect((await subscriberOf()).socket().url.pathname).toBe('/v1/subscribe');
  });

  it('keeps a path and a query of its own', async () => {
    const { socket } = await deviceOf({ url: 'wss://proxy.test/tunnel/devices?site=3' });
    expect(socket().url.href).toBe('wss://proxy.test/tunnel/devices?site=3&id=me');
  });

  it('may be given with http or https', async () => {
    expect((await deviceOf({ url: 'https://hub.test' })).socket().url.protocol).toBe('wss:');
    expect((await deviceOf({ url: 'http://hub.test' })).socket().url.protocol).toBe('ws:');
  });

  it('asks for the encoding that was chosen', async () => {
    expect((await subscriberOf()).socket().protocols).toEqual(['dat.v1.json']);
    expect((await subscriberOf({ binary: true })).socket().protocols).toEqual(['dat.v1.binary']);
    expect((await deviceOf()).socket().protocols).toEqual([]);
  });

  it('asks for batches where it was told to', async () => {
    const batchOf = async (options: object) =>
      (await subscriberOf(options)).socket().url.searchParams.get('batch');
    expect(await batchOf({ batch: true })).toBe('true');
    expect(await batchOf({ batch: false })).toBeNull();
    expect(await batchOf({})).toBeNull(); // this is no page
  });

  it('is refused at once when it is none', () => {
    const { WebSocket } = fakeSockets();
    expect(() => connectDevice({ url: 'hub', WebSocket })).toThrow(TypeError);
  });

  it('comes back under the id that the hub generated', async () => {
    const { socket } = await subscriberOf({ id: undefined as never });
    expect(socket().url.searchParams.has('id')).toBe(false);
    socket().welcome({ device: undefined, subscriber: 's-17' });
    socket().end(closes.noPong.code);
    await vi.advanceTimersByTimeAsync(0);
    expect(socket().url.searchParams.get('id')).toBe('s-17');
  });
});

describe('a subscriber that a token names', () => {
  it('comes back without an id: the next token may name it otherwise', async () => {
    const { socket } = await subscriberOf({ id: undefined as never, token: 'token' });
    socket().welcome({ device: undefined, subscriber: 'sub-of-the-token' });
    socket().end(closes.noPong.code);
    await vi.advanceTimersByTimeAsync(0);
    expect(Object.fromEntries(socket().url.searchParams)).toEqual({ token: 'token', hold: 'true' });
  });
});

describe('a place without a global WebSocket', () => {
  it('needs one to be passed, and is told so', () => {
    vi.stubGlobal('WebSocket', undefined);
    try {
      expect(() => connectDevice({ url })).toThrow(/pass \{ WebSocket \}/);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe('the state', () => {
  it('goes from connecting to connected with the welcome', async () => {
    const { client, socket, states } = await subscriberOf();
    expect(client.connection.state).toBe('connecting');
    socket().welcome({ device: undefined, subscriber: 'me', resumed: ['dev-1'] });
    expect(client.connection.state).toBe('connected');
    expect(states).toEqual([{ state: 'connected', id: 'me', resumed: ['dev-1'] }]);
  });

  it('tells how long the wait is and why, then connects again', async () => {
    const { sockets, socket, states } = await deviceOf();
    socket().fail('Unexpected server response: 503');
    expect(states.at(-1)).toMatchObject({
      state: 'waiting',
      retryInMs: 500,
      error: { code: 'disconnected', hubCode: 1006, message: expect.stringContaining('503') },
    });
    await vi.advanceTimersByTimeAsync(499);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets).toHaveLength(2);
    expect(states.at(-1)).toEqual({ state: 'connecting' });
  });

  it.each(Object.values(closes))(
    'after $code ($reason) follows the code: $retry',
    async ({ code, reason, retry }) => {
      const { client, sockets, socket, states } = await deviceOf();
      socket().welcome();
      socket().end(code, reason);
      const error = { hubCode: code, message: expect.stringContaining(reason) };
      if (retry === 'never') {
        expect(states.at(-1)).toMatchObject({ state: 'closed', error: { ...error, code: 'closed' } });
        await vi.advanceTimersByTimeAsync(600_000);
        expect(sockets).toHaveLength(1);
        await expect(client.message('late')).rejects.toMatchObject({ code: 'closed', hubCode: code });
      } else {
        const retryInMs = retry === 'now' ? 0 : 500;
        expect(states.at(-1)).toMatchObject({ state: 'waiting', retryInMs, error });
        await vi.advanceTimersByTimeAsync(retryInMs);
        expect(sockets).toHaveLength(2);
      }
    },
  );

  it('obeys reconnectAfterMs of a drain, counted from the close', async () => {
    const { sockets, socket } = await deviceOf();
    socket().welcome();
    socket().frame({ op: 'draining', reconnectAfterMs: 3000 });
    await vi.advanceTimersByTimeAsync(10_000);
    socket().end(closes.drain.code);
    await vi.advanceTimersByTimeAsync(2999);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets).toHaveLength(2);
    socket().fail('ECONNREFUSED');
    await vi.advanceTimersByTimeAsync(2000);
    expect(sockets.length).toBeGreaterThan(2);
  });

  it('gives up an attempt that brings no welcome in time', async () => {
    const { sockets, socket, states } = await deviceOf({ connectTimeoutMs: 5000 });
    const first = socket();
    await vi.advanceTimersByTimeAsync(5000);
    expect(states.at(-1)).toMatchObject({
      state: 'waiting',
      error: { message: expect.stringContaining('5000') },
    });
    expect(first.closedWith).toBe(3008);
    await vi.advanceTimersByTimeAsync(500);
    expect(sockets).toHaveLength(2);
    first.welcome(); // too late
    expect(states.at(-1)).toEqual({ state: 'connecting' });
  });

  it('is closed after close, with nothing left running', async () => {
    const { client, socket, states, sockets } = await deviceOf();
    socket().welcome();
    const closed = client.close();
    expect(socket().closedWith).toBe(1000);
    expect(states.at(-1)).toEqual({ state: 'closed', error: undefined });
    socket().end(1000);
    await closed;
    expect(vi.getTimerCount()).toBe(0);
    expect(sockets).toHaveLength(1);
  });

  it('does not wait for ever for a WebSocket that does not close', async () => {
    const { client, socket } = await deviceOf();
    socket().welcome();
    let isClosed = false;
    void client.close().then(() => {
      isClosed = true;
    });
    await vi.advanceTimersByTimeAsync(4999);
    expect(isClosed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isClosed).toBe(true);
  });

  it('is waiting after an error of the WebSocket, even if no close follows', async () => {
    const { sockets, socket, states } = await deviceOf();
    socket().fail('non-101 status code', { closes: false });
    expect(states.at(-1)).toMatchObject({ state: 'waiting', error: { hubCode: 1006 } });
    await vi.advanceTimersByTimeAsync(500);
    expect(sockets).toHaveLength(2);
  });

  it('is closed by close in every other state', async () => {
    const waiting = await deviceOf();
    waiting.socket().end();
    await waiting.client.close();
    const connecting = await deviceOf();
    void connecting.client.close();
    expect(connecting.socket().closedWith).toBe(1000);
    connecting.socket().end();
    const { WebSocket, sockets } = fakeSockets();
    await connectDevice({ url, WebSocket }).close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('may be ended by a listener at any change', async () => {
    for (const at of ['connecting', 'connected', 'waiting'] as const) {
      const { client, socket, states } = await deviceOf();
      client.on('state', ({ state }) => {
        if (state === at) void client.close();
      });
      socket().welcome();
      socket().end();
      await vi.advanceTimersByTimeAsync(60_000);
      expect(states.at(-1)).toEqual({ state: 'closed', error: undefined });
      expect(vi.getTimerCount(), at).toBe(0);
    }
  });
});

describe('a token', () => {
  it('is asked for before every connect', async () => {
    let asked = 0;
    const token = async (): Promise<string> => `token-${++asked}`;
    const { socket } = await deviceOf({ token });
    expect(socket().url.searchParams.get('token')).toBe('token-1');
    socket().welcome();
    socket().end(closes.tokenExpired.code);
    await vi.advanceTimersByTimeAsync(0);
    expect(socket().url.searchParams.get('token')).toBe('token-2');
  });

  it('that cannot be had counts as a failure to connect', async () => {
    let asked = 0;
    const { sockets, states } = await deviceOf({
      token: () => {
        asked += 1;
        if (asked === 1) throw new Error('the issuer is down');
        return 'fresh';
      },
    });
    expect(sockets).toEqual([]);
    await vi.advanceTimersByTimeAsync(500);
    expect(sockets[0]?.url.searchParams.get('token')).toBe('fresh');
    expect(states.at(-1)).toEqual({ state: 'connecting' });
  });

  it('that never comes is given up with the attempt', async () => {
    let asked = 0;
    const { sockets } = await deviceOf({
      token: () => {
        asked += 1;
        return asked === 1 ? new Promise<string>(() => {}) : 'fresh';
      },
    });
    await vi.advanceTimersByTimeAsync(10_500);
    expect(sockets).toHaveLength(1);
  });
});

describe('a link that died without a word', () => {
  it('is noticed by the pings that no longer come', async () => {
    const { sockets, socket, states } = await deviceOf();
    const first = socket();
    first.welcome();
    for (let n = 0; n < 10; n++) {
      await vi.advanceTimersByTimeAsync(25_000);
      first.ping();
    }
    expect(states.at(-1)).toMatchObject({ state: 'connected' });
    await vi.advanceTimersByTimeAsync(2 * 35_000);
    expect(first.closedWith).toBe(3008);
    expect(sockets).toHaveLength(2);
  });

  it('is noticed by a subscriber that sees no pings, by a question without an answer', async () => {
    const { sockets, socket } = await subscriberOf();
    socket().welcome();
    await vi.advanceTimersByTimeAsync(35_000);
    expect(socket().sent).toEqual([{ op: 'list', id: 1 }]);
    socket().frame({ op: 'list', id: 1, devices: [] });
    await vi.advanceTimersByTimeAsync(2 * 35_000);
    expect(socket().sent).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(10_000 + 500);
    expect(sockets).toHaveLength(2);
  });

  it('is noticed by a device whose event is not acknowledged while nothing else comes either', async () => {
    const { client, sockets, socket } = await deviceOf();
    socket().welcome();
    void client.message(1, { ack: true });
    await vi.advanceTimersByTimeAsync(10_000 + 500);
    expect(sockets).toHaveLength(2);
  });

  it('is not suspected while frames come', async () => {
    const { sockets, socket } = await subscriberOf();
    socket().welcome();
    for (let n = 0; n < 20; n++) {
      await vi.advanceTimersByTimeAsync(20_000);
      socket().frame({ op: 'event', device: 'dev-1', seq: n });
    }
    expect(socket().sent).toEqual([]);
    expect(sockets).toHaveLength(1);
  });
});
