/** The client's connection, with a fake WebSocket and a fake clock: what no real hub does on demand. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type ConnectionState,
  connectDevice,
  connectSubscriber,
  type Device,
  type DeviceOptions,
  type SocketConstructor,
  type Subscriber,
  type SubscriberOptions,
} from '../../src/client/index.ts';
import { closes } from '../../src/codes.ts';
import type { Client } from '../support/client.ts';
import { type FakeSocket, fakeSockets } from '../support/fake-socket.ts';

interface Peer<Kind> {
  readonly client: Kind;
  readonly sockets: readonly FakeSocket[];
  readonly states: readonly ConnectionState[];
  /** The newest WebSocket. */
  socket(): FakeSocket;
}

const url = 'ws://hub.test:7400';

async function peerOf<Kind extends Client>(
  connect: (WebSocket: SocketConstructor) => Kind,
): Promise<Peer<Kind>> {
  const { WebSocket, sockets } = fakeSockets();
  const client = connect(WebSocket);
  const states: ConnectionState[] = [];
  client.on('state', (state) => states.push(state));
  await vi.advanceTimersByTimeAsync(0);
  return { client, sockets, states, socket: () => sockets.at(-1)! };
}

const deviceOf = (options: Partial<DeviceOptions> = {}): Promise<Peer<Device>> =>
  peerOf((WebSocket) => connectDevice({ url, id: 'me', WebSocket, ...options }));
const subscriberOf = (options: Partial<SubscriberOptions> = {}): Promise<Peer<Subscriber>> =>
  peerOf((WebSocket) => connectSubscriber({ url, id: 'me', WebSocket, ...options }));

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

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
    expect(client.state).toBe('connecting');
    socket().welcome({ device: undefined, subscriber: 'me', resumed: ['dev-1'] });
    expect(client.state).toBe('connected');
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

  it('is closed by close in every other state', async () => {
    const waiting = await deviceOf();
    waiting.socket().end();
    await waiting.client.close();
    const connecting = await deviceOf();
    void connecting.client.close();
    expect(connecting.socket().closedWith).toBe(1000);
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

describe('what is asked for', () => {
  it('waits for a connection and goes out in order', async () => {
    const { client, socket } = await deviceOf();
    const first = client.message(1);
    const second = client.message(2, { ack: true, priority: 'high' });
    expect(socket().sent).toEqual([]);
    socket().welcome();
    expect(socket().sent).toEqual([
      { type: 'message', data: 1 },
      { type: 'message', data: 2, priority: 'high', id: 1 },
    ]);
    await first;
    socket().frame({ op: 'ack', id: 1, seq: 7 });
    expect(await second).toEqual({ seq: 7, skipped: false });
  });

  it('is refused when there is no connection in time', async () => {
    const { client, socket } = await deviceOf({ requestTimeoutMs: 3000 });
    const sent = client.message('old news');
    await vi.advanceTimersByTimeAsync(3000);
    await expect(sent).rejects.toMatchObject({ code: 'timeout' });
    socket().welcome();
    expect(socket().sent).toEqual([]);
  });

  it('is refused when too much waits for a connection', async () => {
    const { client, socket } = await deviceOf({ queueLimit: 2 });
    void client.message(1);
    void client.message(2);
    await expect(client.message(3)).rejects.toMatchObject({ code: 'full' });
    socket().welcome();
    expect(socket().sent).toHaveLength(2);
  });

  it('is refused when too much waits in the WebSocket', async () => {
    const { client, socket } = await deviceOf({ sendBufferBytes: 100 });
    socket().welcome();
    await client.message(1);
    socket().bufferedAmount = 101;
    await expect(client.message(2)).rejects.toMatchObject({ code: 'full' });
    await expect(client.message(3, { ack: true })).rejects.toMatchObject({ code: 'full' });
    socket().bufferedAmount = 100;
    await client.message(4);
    expect(socket().sent).toHaveLength(2);
  });

  it('is refused with the error of the hub', async () => {
    const { client, socket } = await deviceOf();
    socket().welcome();
    const sent = client.message(1, { ack: true });
    socket().frame({ op: 'error', id: 1, code: 111, message: 'too many events per second' });
    await expect(sent).rejects.toMatchObject({
      name: 'TunnelError',
      code: 'refused',
      hubCode: 111,
      message: 'too many events per second',
    });
  });

  it('is refused when the connection is lost before the answer, and not sent again', async () => {
    const { client, socket } = await deviceOf();
    socket().welcome();
    const sent = client.message(1, { ack: true });
    socket().end();
    await expect(sent).rejects.toMatchObject({ code: 'disconnected', hubCode: 1006 });
    await vi.advanceTimersByTimeAsync(500);
    socket().welcome();
    expect(socket().sent).toEqual([]);
  });

  it('is refused without an answer in time; a late answer does no harm', async () => {
    const { client, socket, states } = await deviceOf({ requestTimeoutMs: 3000 });
    socket().welcome();
    const sent = client.message(1, { ack: true });
    await vi.advanceTimersByTimeAsync(1000);
    socket().ping();
    await vi.advanceTimersByTimeAsync(2000);
    await expect(sent).rejects.toMatchObject({ code: 'timeout' });
    socket().frame({ op: 'ack', id: 1, seq: 7 });
    expect(states.at(-1)).toMatchObject({ state: 'connected' });
  });

  it('is refused after close', async () => {
    const { client, socket } = await deviceOf();
    const waiting = client.message(0);
    void client.close();
    await expect(waiting).rejects.toMatchObject({ code: 'closed', hubCode: undefined });
    await expect(client.message(1)).rejects.toMatchObject({ code: 'closed' });
    expect(socket().sent).toEqual([]);
  });

  it('does not end the process when nobody waits for what is refused', async () => {
    const rejected = vi.fn();
    process.on('unhandledRejection', rejected);
    vi.useRealTimers();
    const { WebSocket } = fakeSockets();
    const device = connectDevice({ url, WebSocket });
    const subscriber = connectSubscriber({ url, WebSocket });
    void device.message(1);
    void device.status('x', { ack: true });
    for (const op of ['subscribe', 'unsubscribe', 'pause', 'resume'] as const) void subscriber[op](['dev-1']);
    void subscriber.list();
    void subscriber.touch();
    await Promise.all([device.close(), subscriber.close()]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.off('unhandledRejection', rejected);
    expect(rejected).not.toHaveBeenCalled();
  });
});

describe('what a device sends', () => {
  it('is JSON, or a binary frame with type and priority in its first byte', async () => {
    const { client, socket } = await deviceOf();
    socket().welcome();
    await client.status('charging', { data: { watts: 7 } });
    await client.pong();
    await client.message(new Uint8Array([1, 2]));
    await client.message(new Uint8Array([0, 3, 4]).subarray(1).buffer.slice(1), { priority: 'high' });
    await client.pong(new DataView(new ArrayBuffer(1)), { priority: 'normal' });
    expect(socket().sent).toEqual([
      { type: 'status', status: 'charging', data: { watts: 7 } },
      { type: 'pong' },
      new Uint8Array([0x02, 1, 2]),
      new Uint8Array([0x32, 3, 4]),
      new Uint8Array([0x21, 0]),
    ]);
    expect(() => client.message(new Uint8Array(1), { ack: true })).toThrow(TypeError);
    const circular: unknown[] = [];
    circular.push(circular);
    expect(() => client.message(circular)).toThrow(TypeError);
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

describe('what has no other place is told as an error', () => {
  it.each([
    ['an error of the hub that answers nothing', '{"op":"error","code":107,"message":"not JSON"}', 'refused'],
    ['text that is no JSON', 'not JSON', 'unreadable'],
    ['JSON that is no object', 'null', 'unreadable'],
  ])('%s', async (_what, text, code) => {
    const { client, socket, states } = await subscriberOf();
    socket().welcome();
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    socket().text(text);
    expect(errors).toMatchObject([{ code }]);
    expect(states.at(-1)).toMatchObject({ state: 'connected' });
  });

  it('a frame of a kind that is not known yet is passed over', async () => {
    const { client, socket } = await subscriberOf();
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    socket().welcome();
    socket().frame({ op: 'news', of: 'tomorrow' });
    expect(errors).toEqual([]);
  });
});

describe('a listener', () => {
  it('that throws harms neither the others nor the connection, and is reported', async () => {
    const reported = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => {});
    const { client, socket } = await deviceOf();
    const seen: string[] = [];
    client.on('state', () => {
      throw new Error('of the application');
    });
    client.on('state', ({ state }) => seen.push(state));
    socket().welcome();
    expect(seen).toEqual(['connected']);
    expect(client.state).toBe('connected');
    expect(() => reported.mock.calls[0]?.[0]()).toThrow('of the application');
  });

  it('is called no more once it was taken away', async () => {
    const { client, socket } = await deviceOf();
    const seen: string[] = [];
    const leave = client.on('state', ({ state }) => seen.push(state));
    leave();
    socket().welcome();
    expect(seen).toEqual([]);
  });
});
