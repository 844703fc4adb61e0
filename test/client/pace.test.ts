/** Pages, rates and pace, against a hub that follows the wire contract. */
import { describe, expect, it } from 'vitest';
import { numbersFrom } from '../conformance/harness.ts';
import { openDevice, openSubscriber } from '../support/client.ts';
import { FakeHub } from './fake-hub/hub.ts';

describe('a hub that wants less', () => {
  it('gets again what it refused, until it takes it', async () => {
    const hub = await FakeHub.start();
    const { subscriber } = openSubscriber(hub.port);
    hub.refuse('subscribe', 2, 20);
    expect((await subscriber.subscribe(['a'])).devices).toMatchObject([{ device: 'a' }]);
    expect(hub.frames.all.map(({ op }) => op)).toEqual(['subscribe', 'subscribe', 'subscribe']);
  });

  it('gets the events of a device again, in order', async () => {
    const hub = await FakeHub.start();
    const { subscriber, events } = openSubscriber(hub.port);
    await subscriber.subscribe(['dev']);
    const { device, errors } = openDevice(hub.port, { id: 'dev' });
    await device.message(0, { ack: true });
    hub.refuse('message', 3, 20);
    const acks = await Promise.all([1, 2, 3].map((n) => device.message(n, { ack: true })));
    await events.next(({ data }) => data === 3);
    const seen = events.all.filter(({ type }) => type === 'message');
    expect(seen.map(({ data }) => data)).toEqual([0, 1, 2, 3]);
    expect(seen.slice(1).map(({ seq }) => seq)).toEqual(acks.map(({ seq }) => seq));
    expect(errors.all).toEqual([]);
  });

  it('is obeyed by close: what waits is sent first', async () => {
    const hub = await FakeHub.start();
    const { device } = openDevice(hub.port, { id: 'dev' });
    await device.message(0, { ack: true });
    hub.refuse('message', 1, 20);
    void device.message('last words', { ack: true });
    await device.close();
    expect(hub.frames.all.map(({ data }) => data)).toEqual([0, 'last words', 'last words']);
  });

  it('tells of an event that was lost: it asked for no ack', async () => {
    const hub = await FakeHub.start();
    const { device, errors } = openDevice(hub.port, { id: 'dev' });
    await device.message(0, { ack: true });
    hub.refuse('message', 1, 20);
    await device.message(1);
    expect(await errors.next()).toMatchObject({ code: 'refused', hubCode: 111 });
  });

  it('is asked at most eight things at a time', async () => {
    const hub = await FakeHub.start();
    const { subscriber } = openSubscriber(hub.port);
    await subscriber.list();
    const answerAll = hub.holdAnswers();
    const devices = numbersFrom(1, 30_000).map((n) => `device-of-a-large-fleet-${n}`);
    const asked = subscriber.subscribe(devices);
    const isSubscribe = ({ op }: { readonly op?: unknown }): boolean => op === 'subscribe';
    await hub.frames.take(8, isSubscribe);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(hub.frames.all.filter(isSubscribe)).toHaveLength(8);
    answerAll();
    expect((await asked).devices).toHaveLength(30_000);
  });
});

describe('an answer in pages', () => {
  it('is put together: list and pause', async () => {
    const hub = await FakeHub.start({ pageSize: 10 });
    const { subscriber } = openSubscriber(hub.port);
    const devices = numbersFrom(1, 25).map((n) => `d-${n}`);
    await subscriber.subscribe([...devices, 'x.*']);
    expect(await subscriber.list()).toEqual([
      ...devices.map((device) => ({ device, status: 'active' })),
      { device: 'x.*', status: 'active' },
    ]);
    expect((await subscriber.pause()).devices).toEqual(devices);
    expect((await subscriber.list()).every(({ status }) => status === 'inactive')).toBe(true);
  });

  it('is lost when the connection is lost between its pages', async () => {
    const hub = await FakeHub.start();
    const line = openSubscriber(hub.port, { id: 'me' });
    await line.subscriber.touch();
    await hub.frames.next();
    hub.holdAnswers();
    const asked = line.subscriber.list();
    const { id } = await hub.frames.next(({ op }) => op === 'list');
    hub.follower('me').send({ op: 'list', id, devices: [], more: true });
    line.cut();
    await expect(asked).rejects.toMatchObject({ code: 'disconnected' });
  });
});

describe('a removal in pages', () => {
  it('is told page by page', async () => {
    const hub = await FakeHub.start();
    const { subscriber, removals } = openSubscriber(hub.port, { id: 'me' });
    await subscriber.subscribe(['a', 'b', 'c', 'x.*']);
    const removed = { op: 'removed', code: 121, reason: 'inactive too long' };
    hub.follower('me').send({ ...removed, devices: ['a', 'b'], more: true });
    hub.follower('me').send({ ...removed, devices: ['c'], filters: ['x.*'] });
    await removals.take(2, () => true);
    expect(['a', 'b', 'c', 'x.*'].some((name) => subscriber.follows(name))).toBe(false);
    expect(subscriber.state.size).toBe(0);
  });
});

describe.each([false, true])('every (binary: %s)', (binary) => {
  it('brings the newest message of each device, and statuses at once', async () => {
    const hub = await FakeHub.start();
    const { subscriber, events, gaps } = openSubscriber(hub.port, { every: 100, binary });
    await subscriber.subscribe(['a', 'b']);
    expect(hub.urls[0]?.searchParams.get('every')).toBe('100');
    for (const data of [1, 2, 3]) hub.publish('a', { data });
    hub.publish('a', { type: 'status', status: 'ready' });
    hub.publish('b', { data: 'one' });
    const messages = await events.take(2, ({ type }) => type === 'message');
    expect(messages.map(({ data }) => data)).toEqual([3, 'one']);
    expect(messages.map(({ conflated }) => conflated)).toEqual([binary ? undefined : 2, undefined]);
    const order = events.all.filter(({ source, device }) => source === 'device' && device === 'a');
    expect(order.map(({ type }) => type)).toEqual(['status', 'message']);
    expect(gaps.all).toEqual([]);
    expect(subscriber.state.get('a')).toMatchObject({
      lastMessage: { data: 3 },
      lastStatus: { status: 'ready' },
    });
  });
});

describe('every', () => {
  it('recovers after a lost connection what came after the newest event seen', async () => {
    const hub = await FakeHub.start();
    const line = openSubscriber(hub.port, { every: 100, id: 'me' });
    await line.subscriber.subscribe(['a']);
    for (const data of [1, 2, 3]) hub.publish('a', { data });
    await line.events.next(({ data }) => data === 3);
    hub.publish('a', { data: 4 }); // waits for its turn when the link dies
    await line.reconnect();
    expect(await line.events.next(({ data }) => data === 4)).toMatchObject({ replay: true });
    expect(line.gaps.all).toEqual([]);
  });

  it('is asked for in whole milliseconds, as the hub takes it', async () => {
    const hub = await FakeHub.start();
    const line = openSubscriber(hub.port, { every: 1000 / 3 });
    await line.states.next(({ state }) => state === 'connected');
    expect(hub.urls[0]?.searchParams.get('every')).toBe('333');
  });

  it.each([99, 60_001, Number.NaN, '1000' as unknown as number])(
    'is refused out of its range: %s',
    (every) => {
      expect(() => openSubscriber(1, { every })).toThrow(/every: .*; expected a number from 100 to 60000/);
    },
  );
});
