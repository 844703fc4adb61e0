/** Filters, types, last values and the state of devices, against a hub that follows the wire contract. */
import { describe, expect, it } from 'vitest';
import { openDevice, openSubscriber } from '../support/client.ts';
import { FakeHub } from './fake-hub/hub.ts';

const namesOf = (entries: readonly { readonly device: string }[]) => entries.map(({ device }) => device);

describe('a filter', () => {
  it('follows the devices that there are, in pages, and those that appear', async () => {
    const hub = await FakeHub.start({ pageSize: 2 });
    for (const id of ['a.1', 'a.2', 'b.1', 'a.3']) hub.publish(id, { data: 0 });
    const { subscriber, subscribed, events } = openSubscriber(hub.port);
    const answer = await subscriber.subscribe(['a.*', 'b.1']);
    expect(answer.filters).toEqual([{ filter: 'a.*', matched: 3 }]);
    expect(namesOf(answer.devices)).toEqual(['b.1']);
    const pages = await subscribed.take(2, ({ filter }) => filter === 'a.*');
    expect(pages.map(({ devices, more }) => [namesOf(devices), more])).toEqual([
      [['a.1', 'a.2'], true],
      [['a.3'], false],
    ]);
    hub.publish('a.4', { data: 'hello' });
    const [page] = await subscribed.take(1, ({ filter }) => filter === 'a.*');
    expect(page).toMatchObject({ devices: [{ device: 'a.4' }], more: false });
    expect(await events.next(({ data }) => data === 'hello')).toMatchObject({ device: 'a.4' });
    expect([...subscriber.state.keys()].sort()).toEqual(['a.1', 'a.2', 'a.3', 'a.4', 'b.1']);
  });

  it('is given up with the devices that only it followed', async () => {
    const hub = await FakeHub.start();
    for (const id of ['a.1', 'a.2']) hub.publish(id, { data: 0 });
    const { subscriber, subscribed } = openSubscriber(hub.port);
    await subscriber.subscribe(['a.*', 'a.2']);
    await subscribed.next(({ filter }) => filter !== undefined);
    expect(await subscriber.unsubscribe(['a.*'])).toEqual({ devices: [], filters: ['a.*'], errors: [] });
    expect([...subscriber.state.keys()]).toEqual(['a.2']);
    expect(await subscriber.list()).toEqual([{ device: 'a.2', status: 'active' }]);
    expect(subscriber.follows('a.*')).toBe(false);
    expect(await subscriber.unsubscribe(['a.1'])).toMatchObject({ errors: [{ device: 'a.1', code: 120 }] });
  });

  it('stays when one of its devices is gone', async () => {
    const hub = await FakeHub.start();
    hub.publish('a.1', { data: 0 });
    const { subscriber, removals, subscribed, events } = openSubscriber(hub.port, { devices: ['a.*'] });
    await subscribed.next(({ devices }) => devices.length === 1);
    hub.remove('a.1');
    expect(await removals.next()).toMatchObject({ devices: ['a.1'], code: 123 });
    expect(subscriber.state.has('a.1')).toBe(false);
    hub.publish('a.1', { data: 'again' });
    await events.next(({ data }) => data === 'again');
    expect(subscriber.state.get('a.1')).toMatchObject({ lastMessage: { data: 'again' } });
  });

  it('is refused by itself, and not kept', async () => {
    const hub = await FakeHub.start({ maxFilters: 1 });
    const { subscriber } = openSubscriber(hub.port);
    const { filters, errors } = await subscriber.subscribe(['a.*', 'b.*', 'c*c', '*']);
    expect(filters).toEqual([{ filter: 'a.*', matched: 0 }]);
    expect(errors).toMatchObject([
      { device: 'b.*', code: 106 },
      { device: '*', code: 106 },
      { device: 'c*c', code: 107 },
    ]);
    expect(['a.*', 'b.*', '*', 'c*c'].filter((name) => subscriber.follows(name))).toEqual(['a.*']);
    expect(await subscriber.list()).toEqual([{ device: 'a.*', status: 'active' }]);
  });

  it('is paused and resumed like an id; what it gains meanwhile is paused too', async () => {
    const hub = await FakeHub.start({ historyEvents: 0 });
    hub.publish('a.1', { data: 0 });
    hub.publish('b', { data: 0 });
    const { subscriber, events, subscribed, gaps } = openSubscriber(hub.port, { devices: ['a.*', 'b'] });
    await subscribed.next(({ filter }) => filter === 'a.*');
    expect(await subscriber.pause(['a.*'])).toEqual({ devices: [], filters: ['a.*'], errors: [] });
    hub.publish('a.2', { data: 'unheard' });
    hub.publish('a.1', { data: 'unheard' });
    expect(await subscribed.next(({ filter }) => filter === 'a.*')).toMatchObject({
      devices: [{ device: 'a.2', status: 'inactive' }],
    });
    hub.publish('b', { data: 'heard' });
    await events.next(({ data }) => data === 'heard');
    await subscriber.resume(['a.*']);
    hub.publish('a.1', { data: 'again' });
    await events.next(({ data }) => data === 'again');
    expect(events.all.map(({ data }) => data)).not.toContain('unheard');
    expect(gaps.all).toEqual([]);
  });
});

describe('types', () => {
  it('limit what comes, for each subscription by itself', async () => {
    const hub = await FakeHub.start();
    const { subscriber, events } = openSubscriber(hub.port, { types: ['status'] });
    await subscriber.subscribe(['a']);
    await subscriber.subscribe(['b'], { types: ['message', 'pong'] });
    for (const device of ['a', 'b']) {
      hub.publish(device, { data: 1 });
      hub.publish(device, { type: 'status', status: 'ready' });
      hub.publish(device, { type: 'pong' });
    }
    hub.publish('b', { data: 'last' });
    await events.next(({ data }) => data === 'last');
    const seen = events.all.filter(({ source }) => source === 'device');
    expect(seen.map(({ device, type }) => `${device} ${type}`)).toEqual([
      'a status',
      'b message',
      'b pong',
      'b message',
    ]);
  });

  it('of the address are those of its devices', async () => {
    const hub = await FakeHub.start();
    const url = `ws://127.0.0.1:${hub.port}/?devices=a&types=status,pong`;
    const { subscribed } = openSubscriber(hub.port, { url });
    await subscribed.next();
    expect(hub.urls[0]?.search).not.toContain('types');
    expect(hub.frames.all).toMatchObject([{ op: 'subscribe', devices: ['a'], types: ['status', 'pong'] }]);
  });

  it('stay over pauses and lost connections', async () => {
    const hub = await FakeHub.start();
    const line = openSubscriber(hub.port, { id: 'me' });
    await line.subscriber.subscribe(['a'], { types: ['status'] });
    await line.subscriber.subscribe(['b.*', 'c']);
    await line.subscriber.pause();
    await line.subscriber.resume();
    await line.reconnect();
    await line.subscriber.list();
    const asked = hub.frames.all.filter(({ op }) => op === 'subscribe').slice(-3);
    expect(asked.map(({ devices, types }) => [devices, types])).toEqual([
      [['a'], ['status']],
      [['c'], undefined],
      [['b.*'], undefined],
    ]);
  });

  it.each([
    { types: [] },
    { types: ['news' as 'pong'] },
    { types: 'status' as unknown as ['status'] },
    { history: 0 },
    { history: 1001 },
  ])('that the hub would refuse are refused at once, as is such a history: %o', async (options) => {
    const hub = await FakeHub.start();
    const { subscriber } = openSubscriber(hub.port);
    expect(() => subscriber.subscribe(['a'], options)).toThrow(TypeError);
    expect(subscriber.follows('a')).toBe(false);
    expect(() => openSubscriber(hub.port, options)).toThrow(TypeError);
  });
});

describe('last values', () => {
  it.each([false, true])('come before live events, marked as replays (binary: %s)', async (binary) => {
    const hub = await FakeHub.start();
    hub.publish('a', { type: 'status', status: 'charging' });
    for (const data of [1, 2, 3]) hub.publish('a', { data });
    const { subscriber, events } = openSubscriber(hub.port, { last: true, binary });
    const { devices } = await subscriber.subscribe(['a']);
    hub.publish('a', { data: 'live' });
    await events.next(({ data }) => data === 'live');
    expect(events.all.map(({ seq, replay = false }) => [seq, replay])).toEqual([
      [2, true],
      [5, true],
      [6, false],
    ]);
    expect(devices[0]).toMatchObject({ seq: 5, epoch: expect.any(String) });
  });

  it('come with every page of a filter', async () => {
    const hub = await FakeHub.start({ pageSize: 1 });
    for (const id of ['a.1', 'a.2']) hub.publish(id, { data: id });
    const { subscriber, events } = openSubscriber(hub.port);
    void subscriber.subscribe(['*'], { last: true });
    const replays = await events.take(2, ({ type }) => type === 'message');
    expect(replays.map(({ data, replay }) => [data, replay])).toEqual([
      ['a.1', true],
      ['a.2', true],
    ]);
    expect(subscriber.state.get('a.2')?.lastMessage?.data).toBe('a.2');
  });

  it('may be more than one', async () => {
    const hub = await FakeHub.start();
    for (const data of [1, 2, 3, 4]) hub.publish('a', { data });
    const { subscriber, events } = openSubscriber(hub.port);
    await subscriber.subscribe(['a'], { history: 2 });
    expect((await events.take(2, () => true)).map(({ data }) => data)).toEqual([3, 4]);
  });

  it('come again for who asks again, and after a pause only where they are new', async () => {
    const hub = await FakeHub.start();
    hub.publish('a', { data: 1 });
    const { subscriber, events } = openSubscriber(hub.port);
    await subscriber.subscribe(['a'], { last: true });
    await subscriber.subscribe(['a'], { last: true });
    expect(await events.take(2, () => true)).toMatchObject([{ data: 1 }, { data: 1 }]);
    await subscriber.pause();
    await subscriber.resume();
    await subscriber.pause();
    hub.publish('a', { data: 2 });
    await subscriber.resume();
    await subscriber.list();
    expect(events.all.map(({ data }) => data)).toEqual([1, 1, 2]);
  });
});

describe('the state of devices', () => {
  it('is brought up to date before listeners are called', async () => {
    const hub = await FakeHub.start();
    const { device } = openDevice(hub.port, { id: 'a' });
    const { subscriber, subscribed, events } = openSubscriber(hub.port, { devices: ['a', 'never-seen'] });
    await device.status('charging', { ack: true });
    await subscribed.next();
    const seen: unknown[] = [];
    subscriber.on('event', ({ data, seq }) => {
      const { state, lastMessage, lastStatus, deviceStatus } = subscriber.state.get('a')!;
      seen.push([data, state, lastMessage?.seq === seq, lastStatus?.status, deviceStatus]);
    });
    await device.message({ t: 1 }, { ack: true });
    await device.status('full', { ack: true });
    await device.pong(undefined, { ack: true });
    void device.close();
    await events.next(
      ({ source, data }) => source === 'hub' && (data as { state: string }).state === 'offline',
    );
    const closed = { state: 'offline', reason: 'closed' };
    expect(seen.slice(-4)).toEqual([
      [{ t: 1 }, 'online', true, undefined, expect.any(String)],
      [null, 'online', false, 'full', 'full'],
      [null, 'online', false, 'full', 'full'],
      [closed, 'offline', false, 'full', 'full'],
    ]);
    expect(subscriber.state.get('never-seen')).toEqual({
      device: 'never-seen',
      state: 'offline',
      lastSeen: 0,
      deviceStatus: null,
      lastMessage: undefined,
      lastStatus: undefined,
    });
  });

  it('has a new object for what changed, and tells it once for all that came together', async () => {
    const hub = await FakeHub.start();
    for (const id of ['a', 'b', 'c']) for (const data of [1, 2]) hub.publish(id, { data });
    const { subscriber, changes } = openSubscriber(hub.port, { batch: true });
    const states: unknown[] = [];
    subscriber.on('change', () => states.push(subscriber.state.get('a')));
    await subscriber.subscribe(['*'], { history: 2 });
    expect(await changes.next()).toEqual(['a', 'b', 'c']);
    expect([...(await changes.next())].sort()).toEqual(['a', 'b', 'c']); // six events in one batch
    expect(states[0]).toMatchObject({ device: 'a', lastMessage: undefined });
    expect(states[1]).toMatchObject({ device: 'a', lastMessage: { data: 2 } });
    const b = subscriber.state.get('b');
    hub.publish('a', { data: 3 });
    expect(await changes.next()).toEqual(['a']);
    expect(subscriber.state.get('b')).toBe(b);
    void subscriber.unsubscribe(['*']);
    expect([...(await changes.next())].sort()).toEqual(['a', 'b', 'c']);
    expect(subscriber.state.size).toBe(0);
  });

  it('keeps the newest message, whatever order events come in', async () => {
    const hub = await FakeHub.start();
    const { subscriber, events } = openSubscriber(hub.port);
    await subscriber.subscribe(['a']);
    const base = { op: 'event', device: 'a', type: 'message', source: 'device', priority: 'normal', at: 1 };
    const [follower] = [...hub.followers.values()];
    const last: unknown[] = [];
    subscriber.on('event', () => last.push(subscriber.state.get('a')?.lastMessage?.seq));
    for (const seq of [5, 4]) follower?.send({ ...base, seq, data: seq });
    hub.renumber('a');
    follower?.send({ ...base, seq: 1, data: 1 });
    await events.take(3, () => true);
    expect(last).toEqual([5, 5, 1]);
  });
});
