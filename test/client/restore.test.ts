/** What a subscriber asks for on a new connection, with a fake WebSocket and a fake page. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askedOf, peerOf, snapshot } from '../support/fake-subscriber.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('on a new connection a subscriber', () => {
  it('asks for what it was made with, once', async () => {
    const { socket } = await peerOf({ devices: ['a', 'b'] });
    socket().welcome();
    expect(askedOf(socket())).toEqual([{ op: 'subscribe', devices: ['a', 'b'] }]);
  });

  it('asks once for what waited for the connection', async () => {
    const { subscriber, socket } = await peerOf({ devices: ['a'] });
    void subscriber.subscribe(['b']);
    socket().welcome();
    expect(askedOf(socket())).toEqual([
      { op: 'subscribe', devices: ['a'] },
      { op: 'subscribe', devices: ['b'] },
    ]);
  });

  it('asks for what could not be asked for in time', async () => {
    const { subscriber, socket, reconnect } = await peerOf({ requestTimeoutMs: 500, connectTimeoutMs: 1000 });
    const asked = subscriber.subscribe(['a']);
    await vi.advanceTimersByTimeAsync(500);
    await expect(asked).rejects.toMatchObject({ code: 'timeout' });
    expect(socket().sent).toEqual([]);
    expect(await reconnect()).toEqual([{ op: 'subscribe', devices: ['a'] }]);
  });

  it('asks again for all that it has, resumed or not, so that it learns what it missed', async () => {
    const { socket, reconnect } = await peerOf({ devices: ['a', 'b'] });
    socket().welcome();
    expect(await reconnect(['a'])).toEqual([{ op: 'subscribe', devices: ['a', 'b'] }]);
  });

  it('does not ask for what was refused, removed or given up', async () => {
    const { subscriber, socket, reconnect } = await peerOf({ devices: ['a', 'b', 'c', 'd', 'e'] });
    const removed: unknown[] = [];
    subscriber.on('removed', (removal) => removed.push(removal));
    socket().welcome();
    const refusal = { device: 'b', code: 103, message: 'not allowed' };
    socket().frame({ op: 'subscribed', id: 1, devices: [snapshot('a')], errors: [refusal] });
    await vi.advanceTimersByTimeAsync(0);
    socket().frame({ op: 'removed', devices: ['c'], code: 122, reason: 'device terminated' });
    socket().frame({ op: 'removed', devices: ['e'], code: 121, reason: 'inactive too long' });
    void subscriber.unsubscribe(['d']);
    socket().frame({ op: 'unsubscribed', id: 2, devices: ['d'] });
    expect(removed).toMatchObject([
      { devices: ['b'], code: 103, reason: 'not allowed' },
      { devices: ['c'], code: 122 },
      { devices: ['e'], code: 121 },
    ]);
    expect(await reconnect()).toEqual([{ op: 'subscribe', devices: ['a'] }]);
  });

  it('gives up what it could not give up while it was away', async () => {
    const { subscriber, socket, reconnect } = await peerOf({ devices: ['a', 'b'], requestTimeoutMs: 100 });
    socket().welcome();
    socket().end();
    void subscriber.unsubscribe(['b']);
    await vi.advanceTimersByTimeAsync(100);
    expect(await reconnect(['a', 'b'])).toEqual([
      { op: 'subscribe', devices: ['a'] },
      { op: 'unsubscribe', devices: ['b'] },
    ]);
    socket().frame({
      op: 'unsubscribed',
      id: 4,
      devices: [],
      errors: [{ device: 'b', code: 120, message: '' }],
    });
    expect(await reconnect(['a'])).toEqual([{ op: 'subscribe', devices: ['a'] }]);
  });

  it('leaves what is paused paused', async () => {
    const { subscriber, socket, reconnect } = await peerOf({ devices: ['a', 'b', 'c'] });
    socket().welcome();
    void subscriber.pause(['b']);
    socket().frame({ op: 'status', devices: ['c'], status: 'inactive', reason: 'paused' });
    expect(await reconnect(['a'])).toEqual([{ op: 'subscribe', devices: ['a'] }]);
    socket().frame({ op: 'status', devices: ['c'], status: 'active', reason: 'operator' });
    expect(await reconnect(['a', 'c'])).toEqual([{ op: 'subscribe', devices: ['a', 'c'] }]);
    void subscriber.resume();
    expect(askedOf(socket()).at(-1)).toEqual({ op: 'subscribe', devices: ['a', 'b', 'c'] });
  });

  it('pauses again what the hub resumed although it was paused meanwhile', async () => {
    const { subscriber, socket, reconnect } = await peerOf({ devices: ['a', 'b'], requestTimeoutMs: 100 });
    socket().welcome();
    socket().end();
    void subscriber.pause(['b']);
    await vi.advanceTimersByTimeAsync(100);
    expect(await reconnect(['a', 'b'])).toEqual([
      { op: 'subscribe', devices: ['a'] },
      { op: 'pause', devices: ['b'] },
    ]);
  });

  it('takes over what the hub resumed of an earlier life of the same id', async () => {
    const { socket, reconnect } = await peerOf();
    socket().welcome({ resumed: ['old'] });
    expect(askedOf(socket())).toEqual([{ op: 'subscribe', devices: ['old'] }]);
    expect(await reconnect()).toEqual([{ op: 'subscribe', devices: ['old'] }]);
  });

  it('tells what it missed, with the numbers, before the snapshots', async () => {
    const { subscriber, socket, reconnect } = await peerOf({ devices: ['a', 'b'] });
    const told: unknown[] = [];
    subscriber.on('gap', (gap) => told.push(gap));
    subscriber.on('subscribed', ({ devices }) => told.push(devices.length));
    socket().welcome();
    socket().frame({ op: 'subscribed', id: 1, devices: [snapshot('a', 3), snapshot('b', 8)], errors: [] });
    socket().frame({ op: 'event', device: 'a', seq: 4 });
    socket().frame({ op: 'gap', device: 'b', from: 9, to: 10, reason: 'slow' });
    await reconnect(['a']);
    socket().frame({ op: 'event', device: 'a', seq: 7 });
    socket().frame({ op: 'subscribed', id: 2, devices: [snapshot('a', 7), snapshot('b', 12)], errors: [] });
    expect(told).toEqual([
      2,
      { op: 'gap', device: 'b', from: 9, to: 10, reason: 'slow' },
      { device: 'a', from: 5, to: 6, reason: 'reconnect' },
      { device: 'b', from: 11, to: 12, reason: 'reconnect' },
      2,
    ]);
  });

  it('does not give up what it gave up and asked for again', async () => {
    const { subscriber, socket, reconnect } = await peerOf({ devices: ['a'] });
    socket().welcome();
    void subscriber.unsubscribe(['a']);
    void subscriber.subscribe(['a']);
    expect(await reconnect(['a'])).toEqual([{ op: 'subscribe', devices: ['a'] }]);
  });

  it.each(['the application', 'an operator'])('calls nothing a gap that %s paused', async (who) => {
    const { subscriber, socket, reconnect } = await peerOf({ devices: ['a'] });
    const gaps: unknown[] = [];
    subscriber.on('gap', (gap) => gaps.push(gap));
    socket().welcome();
    socket().frame({ op: 'subscribed', id: 1, devices: [snapshot('a', 3)], errors: [] });
    if (who === 'the application') void subscriber.pause();
    else socket().frame({ op: 'status', devices: ['a'], status: 'inactive', reason: 'paused' });
    await reconnect();
    void subscriber.resume();
    socket().frame({ op: 'subscribed', id: 3, devices: [snapshot('a', 9)], errors: [] });
    expect(gaps).toEqual([]);
  });

  it('calls nothing a gap that was missed in a silence', async () => {
    const { subscriber, socket, reconnect } = await peerOf({ devices: ['a'] });
    const gaps: unknown[] = [];
    subscriber.on('gap', (gap) => gaps.push(gap));
    socket().welcome();
    socket().frame({ op: 'subscribed', id: 1, devices: [snapshot('a', 3)], errors: [] });
    socket().frame({ op: 'status', devices: ['a'], status: 'inactive', reason: 'silent' });
    socket().frame({ op: 'status', devices: ['a'], status: 'active', reason: 'activity' });
    await reconnect();
    socket().frame({ op: 'subscribed', id: 2, devices: [snapshot('a', 9)], errors: [] });
    expect(gaps).toEqual([]);
  });

  it('calls nothing a gap that was paused before it was answered', async () => {
    const { subscriber, socket, reconnect } = await peerOf({ devices: ['a'] });
    const gaps: unknown[] = [];
    subscriber.on('gap', (gap) => gaps.push(gap));
    socket().welcome();
    void subscriber.pause();
    socket().frame({ op: 'subscribed', id: 1, devices: [snapshot('a', 3)], errors: [] });
    await reconnect();
    void subscriber.resume();
    await reconnect();
    socket().frame({ op: 'subscribed', id: 4, devices: [snapshot('a', 9)], errors: [] });
    expect(gaps).toEqual([]);
  });
});

describe('a subscriber with pauseWhenHidden', () => {
  const page = {
    visibilityState: 'visible',
    listeners: new Set<() => void>(),
    addEventListener: (_type: string, listener: () => void) => void page.listeners.add(listener),
    removeEventListener: (_type: string, listener: () => void) => void page.listeners.delete(listener),
    become(state: 'visible' | 'hidden') {
      page.visibilityState = state;
      for (const listener of page.listeners) listener();
    },
  };
  const options = { devices: ['a', 'b'], pauseWhenHidden: true };

  beforeEach(() => {
    page.visibilityState = 'visible';
    vi.stubGlobal('document', page);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    page.listeners.clear();
  });

  it('pauses when the page is hidden and subscribes when it is back, but for what was paused', async () => {
    const { subscriber, socket } = await peerOf(options);
    socket().welcome();
    void subscriber.pause(['b']);
    socket().sent.length = 0;
    page.become('hidden');
    page.become('visible');
    expect(askedOf(socket())).toEqual([
      { op: 'pause', devices: ['a'] },
      { op: 'subscribe', devices: ['a'] },
    ]);
  });

  it('subscribes to nothing behind a hidden page, and pauses what the hub resumed', async () => {
    const { socket, reconnect } = await peerOf(options);
    socket().welcome();
    page.become('hidden');
    expect(await reconnect(['a', 'b'])).toEqual([{ op: 'pause', devices: ['a', 'b'] }]);
    page.become('visible');
    expect(askedOf(socket()).at(-1)).toEqual({ op: 'subscribe', devices: ['a', 'b'] });
  });

  it('waits with the first subscribe until the page is shown', async () => {
    page.visibilityState = 'hidden';
    const { socket } = await peerOf(options);
    socket().welcome();
    expect(socket().sent).toEqual([]);
    page.become('visible');
    expect(askedOf(socket())).toEqual([{ op: 'subscribe', devices: ['a', 'b'] }]);
  });

  it('pauses what is subscribed to behind a hidden page once it was answered', async () => {
    const { subscriber, socket } = await peerOf({ pauseWhenHidden: true });
    socket().welcome();
    page.become('hidden');
    const answered = subscriber.subscribe(['c']);
    socket().frame({ op: 'subscribed', id: 1, devices: [snapshot('c', 5)], errors: [] });
    expect(await answered).toEqual({ devices: [snapshot('c', 5)], filters: [], errors: [] });
    expect(askedOf(socket())).toEqual([
      { op: 'subscribe', devices: ['c'] },
      { op: 'pause', devices: ['c'] },
    ]);
  });

  it('keeps what the hub removed for silence behind a hidden page', async () => {
    const { socket } = await peerOf(options);
    socket().welcome();
    page.become('hidden');
    socket().frame({ op: 'removed', devices: ['a'], code: 121, reason: 'inactive too long' });
    socket().frame({ op: 'removed', devices: ['b'], code: 103, reason: 'denied' });
    page.become('visible');
    expect(askedOf(socket()).at(-1)).toEqual({ op: 'subscribe', devices: ['a'] });
  });

  it('leaves the page alone when it is closed', async () => {
    const { subscriber } = await peerOf(options);
    expect(page.listeners.size).toBe(1);
    void subscriber.close();
    expect(page.listeners.size).toBe(0);
  });

  it('is like any other where there is no page', async () => {
    vi.unstubAllGlobals();
    const { socket } = await peerOf(options);
    socket().welcome();
    expect(askedOf(socket())).toEqual([{ op: 'subscribe', devices: ['a', 'b'] }]);
  });
});
