/** What the client sends and how it is answered, with a fake WebSocket and a fake clock. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectDevice, connectSubscriber } from '../../clients/js/src/index.ts';
import { deviceOf, subscriberOf, url, useFakeTime, useRealTime } from '../support/fake-peers.ts';
import { fakeSockets } from '../support/fake-socket.ts';

beforeEach(useFakeTime);
afterEach(useRealTime);

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
    expect(vi.getTimerCount(), 'that of the watch over the connection only').toBe(1);
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
    void client.close(); // does not wait for what waits
    await expect(waiting).rejects.toMatchObject({ code: 'closed', hubCode: undefined });
    await expect(client.message(1)).rejects.toMatchObject({ code: 'closed' });
    expect(socket().sent).toEqual([]);
  });

  it('does not end the process when nobody waits for what is refused', async () => {
    const rejected = vi.fn();
    process.on('unhandledRejection', rejected);
    vi.useRealTimers();
    const { WebSocket } = fakeSockets();
    const device = connectDevice({ url, WebSocket, requestTimeoutMs: 20 });
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

describe('an answer in pages', () => {
  it('is awaited for as long as pages come', async () => {
    const { client, socket } = await subscriberOf({ requestTimeoutMs: 400 });
    socket().welcome();
    const asked = client.list();
    for (const device of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await vi.advanceTimersByTimeAsync(399);
      socket().frame({ op: 'list', id: 1, devices: [{ device, status: 'active' }], more: true });
    }
    await vi.advanceTimersByTimeAsync(399);
    socket().frame({ op: 'list', id: 1, devices: [] });
    expect(await asked).toHaveLength(6);
  });

  it('is given up when the next page does not come in time', async () => {
    const { client, socket } = await subscriberOf({ requestTimeoutMs: 400 });
    socket().welcome();
    const asked = client.list();
    socket().frame({ op: 'list', id: 1, devices: [], more: true });
    await vi.advanceTimersByTimeAsync(400);
    await expect(asked).rejects.toMatchObject({ code: 'timeout' });
  });
});

describe('what the hub refuses for its rate', () => {
  const refusal = { op: 'error', code: 111, message: 'over the rate', retryAfterMs: 250 };

  it('is sent again when the hub says so, and what comes later waits behind it', async () => {
    const { client, socket } = await deviceOf();
    socket().welcome();
    const acks = [1, 2].map((n) => client.message(n, { ack: true }));
    socket().frame({ ...refusal, id: 1 });
    socket().frame({ ...refusal, id: 2 });
    const third = client.message(3);
    await vi.advanceTimersByTimeAsync(249);
    expect(socket().sent).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(socket().sent.slice(2)).toEqual([
      { type: 'message', data: 1, id: 1 },
      { type: 'message', data: 2, id: 2 },
      { type: 'message', data: 3 },
    ]);
    await third;
    for (const id of [1, 2]) socket().frame({ op: 'ack', id, seq: id });
    expect(await Promise.all(acks)).toMatchObject([{ seq: 1 }, { seq: 2 }]);
  });

  it('has its time for an answer from when it was sent again', async () => {
    const { client, socket } = await deviceOf({ requestTimeoutMs: 300 });
    socket().welcome();
    const sent = client.message(1, { ack: true });
    for (let n = 0; n < 5; n++) {
      socket().frame({ ...refusal, id: 1 });
      await vi.advanceTimersByTimeAsync(250);
    }
    await vi.advanceTimersByTimeAsync(299);
    socket().frame({ op: 'ack', id: 1, seq: 9 });
    expect((await sent).seq).toBe(9);
  });

  it('waits for the next connection when this one is lost, since it had no effect', async () => {
    const { client, socket } = await deviceOf();
    socket().welcome();
    const sent = client.message(1, { ack: true });
    socket().frame({ ...refusal, retryAfterMs: 60_000, id: 1 });
    socket().end();
    await vi.advanceTimersByTimeAsync(500);
    socket().welcome();
    expect(socket().sent).toEqual([{ type: 'message', data: 1, id: 1 }]);
    socket().frame({ op: 'ack', id: 1, seq: 5 });
    expect((await sent).seq).toBe(5);
    expect(vi.getTimerCount(), 'that of the watch over the connection only').toBe(1);
  });

  it('holds up what comes later for a minute at most', async () => {
    const { client, socket } = await deviceOf();
    socket().welcome();
    socket().frame({ ...refusal, retryAfterMs: 2 ** 40 });
    void client.message(1);
    socket().ping();
    await vi.advanceTimersByTimeAsync(59_999);
    expect(socket().sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(socket().sent).toHaveLength(1);
  });

  it('is not kept without end: more than the limit is refused', async () => {
    const { client, socket } = await deviceOf({ queueLimit: 2 });
    socket().welcome();
    socket().frame(refusal);
    void client.message(1);
    void client.message(2);
    await expect(client.message(3)).rejects.toMatchObject({ code: 'full' });
  });

  it('is told where it asked for no answer', async () => {
    const { client, socket } = await deviceOf();
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    socket().welcome();
    await client.message(1);
    socket().frame(refusal);
    expect(errors).toMatchObject([{ code: 'refused', hubCode: 111 }]);
  });

  it('and was given up meanwhile is given up in the end', async () => {
    const { client, socket } = await subscriberOf();
    socket().welcome();
    void client.subscribe(['a']);
    socket().frame({ ...refusal, id: 1 });
    void client.unsubscribe(['a']);
    await vi.advanceTimersByTimeAsync(250);
    expect(socket().sent.slice(1)).toEqual([
      { op: 'subscribe', devices: ['a'], id: 1 },
      { op: 'unsubscribe', devices: ['a'], id: 2 },
    ]);
  });

  it('and was overtaken by its end is given up when it is answered', async () => {
    const { client, socket } = await subscriberOf();
    socket().welcome();
    void client.subscribe(['a']);
    void client.unsubscribe(['a']);
    socket().frame({ ...refusal, id: 1 });
    socket().frame({
      op: 'unsubscribed',
      id: 2,
      devices: [],
      errors: [{ device: 'a', code: 120, message: '' }],
    });
    await vi.advanceTimersByTimeAsync(250);
    const entry = { device: 'a', status: 'active', state: 'online', lastSeen: 1, seq: 3, deviceStatus: null };
    socket().frame({ op: 'subscribed', id: 1, devices: [entry], errors: [] });
    expect(socket().sent.slice(2)).toEqual([
      { op: 'subscribe', devices: ['a'], id: 1 },
      { op: 'unsubscribe', devices: ['a'], id: 3 },
    ]);
    expect(client.state.size).toBe(0);
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
    expect(client.connection.state).toBe('connected');
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
