/** What an application may hand to the client by mistake. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectDevice, connectSubscriber } from '../../clients/js/src/index.ts';
import { deviceOf, subscriberOf, url, useFakeTime, useRealTime } from '../support/fake-peers.ts';
import { fakeSockets } from '../support/fake-socket.ts';

beforeEach(useFakeTime);
afterEach(useRealTime);

const malformed = ['', 'two words', 'größe', '.', '..', 'x'.repeat(129), 7 as unknown as string];
const snapshot = (device: string) => ({ device, status: 'active', state: 'online', lastSeen: 1, seq: 3 });

/** What a hub would be asked for: op and devices of each frame. */
const asked = (socket: { readonly sent: readonly unknown[] }) =>
  socket.sent.map((frame) => {
    const { op, devices } = frame as { readonly op: string; readonly devices?: readonly string[] };
    return [op, devices];
  });

describe('a malformed id in a list', () => {
  it('is refused by itself: the others are subscribed to', async () => {
    const { client, socket } = await subscriberOf();
    socket().welcome();
    const answered = client.subscribe(['a', ...malformed, 'b']);
    expect(asked(socket())).toEqual([['subscribe', ['a', 'b']]]);
    socket().frame({ op: 'subscribed', id: 1, devices: [snapshot('a'), snapshot('b')], errors: [] });
    const { devices, errors } = await answered;
    expect(devices).toHaveLength(2);
    expect(errors.map(({ device, code }) => [device, code])).toEqual(
      malformed.map((device) => [String(device), 107]),
    );
  });

  it('is not asked for again after a reconnect', async () => {
    const { client, socket } = await subscriberOf({ devices: ['two words', 'a'] });
    const removed: unknown[] = [];
    client.on('removed', (removal) => removed.push(removal));
    socket().welcome();
    expect(asked(socket())).toEqual([['subscribe', ['a']]]);
    socket().frame({ op: 'subscribed', id: 1, devices: [snapshot('a')], errors: [] });
    await vi.advanceTimersByTimeAsync(0);
    expect(removed).toMatchObject([{ devices: ['two words'], code: 107 }]);
    socket().end();
    await vi.advanceTimersByTimeAsync(1000);
    socket().welcome();
    expect(asked(socket())).toEqual([['subscribe', ['a']]]);
  });

  it.each(['unsubscribe', 'pause', 'resume'] as const)('does not stop %s of the others', async (op) => {
    const { client, socket } = await subscriberOf();
    socket().welcome();
    void client.subscribe(['a']);
    const answered = client[op](['two words', 'a']);
    expect(asked(socket())[1]).toEqual([op === 'resume' ? 'subscribe' : op, ['a']]);
    socket().frame({ op: `${op}d`, id: 2, devices: op === 'resume' ? [snapshot('a')] : ['a'], errors: [] });
    expect((await answered).errors).toMatchObject([{ device: 'two words', code: 107 }]);
  });
});

describe('a text where a list is expected', () => {
  it('is refused: it would be followed letter by letter', async () => {
    const { WebSocket, sockets } = fakeSockets();
    const devices = 'dev-1' as unknown as string[];
    expect(() => connectSubscriber({ url, WebSocket, devices })).toThrow(/devices: "dev-1"; expected/);
    expect(sockets).toEqual([]);
    const { client } = await subscriberOf();
    for (const op of ['subscribe', 'unsubscribe', 'pause', 'resume'] as const) {
      expect(() => client[op](devices), op).toThrow(TypeError);
    }
  });
});

describe('a time above what timers can hold', () => {
  it.each([2 ** 31, Number.POSITIVE_INFINITY])('means never, not at once: %s', async (ms) => {
    const { client, sockets, socket } = await deviceOf({ connectTimeoutMs: ms, requestTimeoutMs: ms });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    client.message('waits', { ack: true }).then(over, over);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(isOver).toBe(false);
    socket().welcome();
    socket().frame({ op: 'ack', id: 1, seq: 1 });
    await vi.advanceTimersByTimeAsync(0);
    expect(isOver).toBe(true);
  });

  it('that the hub asks for is waited for', async () => {
    const { sockets, socket } = await deviceOf();
    socket().welcome();
    socket().frame({ op: 'draining', reconnectAfterMs: 2 ** 31 });
    socket().end(4200);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
  });

  it('between the hub’s pings does not end the connection at once', async () => {
    const { sockets, socket } = await deviceOf();
    socket().ping();
    socket().welcome({ pingIntervalMs: 2 ** 31 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
  });
});

describe('a number that is none', () => {
  it.each([
    { connectTimeoutMs: Number.NaN },
    { requestTimeoutMs: -1 },
    { queueLimit: '10' as unknown as number },
    { reconnect: { baseMs: Number.NaN } },
    { reconnect: { capMs: -5 } },
    { reconnect: { stableAfterMs: 'soon' as unknown as number } },
  ])('is refused with its name: %o', (options) => {
    const { WebSocket } = fakeSockets();
    const [name = ''] = Object.keys(options.reconnect ?? options);
    expect(() => connectDevice({ url, WebSocket, ...options })).toThrow(new RegExp(`${name}: .*; expected`));
  });
});

describe('an address that no WebSocket can connect to', () => {
  it.each(['localhost:7401', 'mqtt://hub.test', 'file:///hub', 'ws://hub.test/#devices', '/v1/subscribe'])(
    'is refused at once, not retried for ever: %s',
    async (address) => {
      const { WebSocket, sockets } = fakeSockets();
      expect(() => connectSubscriber({ url: address, WebSocket })).toThrow(TypeError);
      await vi.advanceTimersByTimeAsync(1000);
      expect(sockets).toEqual([]);
    },
  );

  it('is told with what is accepted', () => {
    const { WebSocket } = fakeSockets();
    expect(() => connectDevice({ url: 'localhost:7401', WebSocket })).toThrow(
      'url: "localhost:7401"; expected ws:, wss:, http: or https: without a fragment',
    );
  });
});

describe('an id that the hub refuses with 400', () => {
  it.each(['two words', '..', ''])('is refused at once, not retried for ever: "%s"', (id) => {
    const { WebSocket } = fakeSockets();
    expect(() => connectDevice({ url, WebSocket, id })).toThrow(/^id: /);
    expect(() => connectSubscriber({ url, WebSocket, id })).toThrow(/^id: /);
  });
});

describe('a token function that throws what has no text', () => {
  it.each([Object.create(null), undefined, Symbol('odd')])('counts as a failure to connect', async (odd) => {
    const rejected = vi.fn();
    process.on('unhandledRejection', rejected);
    let calls = 0;
    const { sockets, states } = await deviceOf({
      token: () => {
        calls += 1;
        if (calls === 1) throw odd;
        return 'fresh';
      },
    });
    await vi.advanceTimersByTimeAsync(500);
    vi.useRealTimers();
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off('unhandledRejection', rejected);
    expect(rejected).not.toHaveBeenCalled();
    expect(states.at(-1)).toEqual({ state: 'connecting' });
    expect(sockets[0]?.url.searchParams.get('token')).toBe('fresh');
  });
});

describe('a list of devices in the address', () => {
  it('goes into a frame: an address may be too long for the hub', async () => {
    const many = Array.from({ length: 1500 }, (_, n) => `device-number-${n}`);
    const { socket } = await subscriberOf({
      url: `ws://hub.test/?site=3&devices=${many.join(',')}&devices=one-more`,
      devices: ['of-the-options'],
    });
    expect(socket().url.href).toBe('ws://hub.test/v1/subscribe?site=3&hold=true&id=me');
    socket().welcome();
    expect(asked(socket()).flatMap(([, devices]) => devices)).toEqual([
      ...many,
      'one-more',
      'of-the-options',
    ]);
  });
});
