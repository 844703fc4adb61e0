/** Events that the client lost without a word. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventsFromBinary } from '../../clients/js/src/events.ts';
import { deviceOf, subscriberOf, useFakeTime, useRealTime } from '../support/fake-peers.ts';

beforeEach(useFakeTime);
afterEach(useRealTime);

describe('a device that is closed before it was connected', () => {
  it('sends what waits first', async () => {
    const { client, socket, states } = await deviceOf();
    const sent = client.message('the last words');
    const closed = client.close();
    await expect(client.message('too late')).rejects.toMatchObject({ code: 'closed' });
    expect(socket().closedWith).toBeUndefined();
    socket().welcome();
    await sent;
    expect(socket().sent).toEqual([{ type: 'message', data: 'the last words' }]);
    await vi.advanceTimersByTimeAsync(0);
    expect(socket().closedWith).toBe(1000);
    socket().end(1000);
    await closed;
    expect(states.at(-1)).toEqual({ state: 'closed', error: undefined });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits for what is to be acknowledged too', async () => {
    const { client, socket } = await deviceOf();
    socket().welcome();
    const sent = client.message(1, { ack: true });
    void client.close();
    await vi.advanceTimersByTimeAsync(100);
    expect(socket().closedWith).toBeUndefined();
    socket().frame({ op: 'ack', id: 1, seq: 5 });
    expect(await sent).toEqual({ seq: 5, skipped: false });
    await vi.advanceTimersByTimeAsync(0);
    expect(socket().closedWith).toBe(1000);
  });

  it('gives up after requestTimeoutMs, and tells the sender', async () => {
    const { client, states } = await deviceOf({ requestTimeoutMs: 2000 });
    const sent = client.message('the last words');
    const closed = client.close();
    await vi.advanceTimersByTimeAsync(2000);
    await expect(sent).rejects.toMatchObject({ code: 'timeout' });
    await vi.advanceTimersByTimeAsync(5000);
    await closed;
    expect(states.at(-1)).toEqual({ state: 'closed', error: undefined });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is closed at once by a second close', async () => {
    const { client, socket } = await deviceOf();
    const sent = client.message('the last words');
    void client.close();
    void client.close();
    await expect(sent).rejects.toMatchObject({ code: 'closed' });
    expect(socket().closedWith).toBe(1000);
  });
});

describe('a link that died under a device that sees no pings', () => {
  it('is noticed by the next event, although it asked for no ack', async () => {
    const { client, sockets, socket } = await deviceOf();
    socket().welcome();
    await client.message('before');
    await vi.advanceTimersByTimeAsync(35_000);
    await client.message('after');
    await client.message('and again');
    expect(socket().sent).toEqual([
      { type: 'message', data: 'before' },
      { type: 'message', data: 'after', id: 1 },
      { type: 'message', data: 'and again' },
    ]);
    await vi.advanceTimersByTimeAsync(10_000 + 500);
    expect(sockets).toHaveLength(2);
  });

  it('is noticed by a pong of its own when it sends nothing', async () => {
    const { sockets, socket } = await deviceOf();
    socket().welcome();
    await vi.advanceTimersByTimeAsync(35_000);
    expect(socket().sent).toEqual([{ type: 'pong', id: 1 }]);
    socket().frame({ op: 'ack', id: 1, seq: 0, skipped: true });
    await vi.advanceTimersByTimeAsync(2 * 35_000);
    expect(socket().sent).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(10_000 + 500);
    expect(sockets).toHaveLength(2);
  });

  it('is noticed by a pong when what it sends cannot be acknowledged', async () => {
    const { client, sockets, socket } = await deviceOf();
    socket().welcome();
    for (let n = 0; n < 70; n++) {
      await client.message(new Uint8Array([n]));
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(socket().sent.at(-1)).toEqual({ type: 'pong', id: 1 });
    await vi.advanceTimersByTimeAsync(10_000 + 500);
    expect(sockets).toHaveLength(2);
  });

  it('costs nothing where pings are seen', async () => {
    const { client, socket } = await deviceOf();
    socket().welcome();
    for (let n = 0; n < 10; n++) {
      await vi.advanceTimersByTimeAsync(25_000);
      socket().ping();
      await client.message(n);
    }
    expect(JSON.stringify(socket().sent)).not.toContain('"id"');
  });
});

describe('a byte order mark', () => {
  it('at the start of a binary status is kept', () => {
    const payload = new TextEncoder().encode('\ufeffready');
    const frame = new Uint8Array(24 + 5 + payload.length);
    frame.set([3, 3]);
    new DataView(frame.buffer).setUint16(2, 5, true);
    frame.set(new TextEncoder().encode('dev-1'), 24);
    frame.set(payload, 29);
    expect(eventsFromBinary(frame.buffer)[0]).toMatchObject({ device: 'dev-1', status: '\ufeffready' });
  });
});

describe('a subscriber', () => {
  it('is closed at once, whatever it waits for', async () => {
    const { client, socket } = await subscriberOf();
    const asked = client.list();
    void client.close();
    await expect(asked).rejects.toMatchObject({ code: 'closed' });
    expect(socket().closedWith).toBe(1000);
  });
});
