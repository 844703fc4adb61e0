/** The client against the hub, over real sockets. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DeviceEvent } from '../../clients/js/src/index.ts';
import { calm, numbersFrom, uniqueId, useHub } from '../conformance/harness.ts';
import { openDevice, openSubscriber } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { type HubProcess, startHub } from '../support/hub-process.ts';

const isState = (state: string) => (candidate: { readonly state: string }) => candidate.state === state;

describe('the client', () => {
  const hub = useHub({ DAT_FANOUT_WORKERS: '1', DAT_MAX_DEVICES: '10000' });
  const device = (id: string) => openDevice(hub.process.devicePort, { id });
  const subscriber = (options: Parameters<typeof openSubscriber>[1] = {}) =>
    openSubscriber(hub.process.subscriberPort, options);

  it('brings a device event to its subscriber, and its number to the device', async () => {
    const dev = uniqueId('dev');
    const { events, subscriber: client } = subscriber();
    await client.subscribe([dev]);
    const { device: sender } = device(dev);
    const { seq, skipped } = await sender.message({ temperature: 21.5 }, { ack: true });
    expect(skipped).toBe(false);
    expect(await events.next(({ type }) => type === 'message')).toMatchObject({
      device: dev,
      source: 'device',
      seq,
      priority: 'normal',
      data: { temperature: 21.5 },
      at: expect.any(Number),
    });
  });

  it('tells a device that nobody listens', async () => {
    const { device: sender } = device(uniqueId('dev'));
    expect(await sender.message('hello?', { ack: true })).toEqual({ seq: 0, skipped: true });
  });

  it.each([false, true])(
    'brings every kind of event with what the device sent (binary: %s)',
    async (binary) => {
      const dev = uniqueId('dev');
      const { events, subscriber: client } = subscriber({ binary });
      await client.subscribe([dev]);
      const { device: sender } = device(dev);
      await sender.status('charging', { data: { watts: 7 }, ack: true });
      await sender.pong(undefined, { priority: 'high', ack: true });
      await sender.message(new Uint8Array([0, 128, 255]), { priority: 'low' });
      await sender.message('done', { ack: true });
      const sent = await events.take(4, ({ source }) => source === 'device');
      expect(sent[0]).toMatchObject({
        type: 'status',
        status: 'charging',
        data: { watts: 7 },
        priority: 'high',
      });
      expect(sent[1]).toMatchObject({ type: 'pong', data: null, priority: 'high' });
      const rest = sent.slice(2).sort((one, other) => one.seq - other.seq);
      expect(rest[0]).toMatchObject({ type: 'message', priority: 'low' });
      expect([...(rest[0]?.bytes ?? [])]).toEqual([0, 128, 255]);
      expect(rest[1]).toMatchObject({ type: 'message', data: 'done' });
      const online = events.all.find(({ source }) => source === 'hub');
      expect(online).toMatchObject({ type: 'status', data: { state: 'online' } });
    },
  );

  it.each([false, true])('brings what came in batches one by one (binary: %s)', async (binary) => {
    const dev = uniqueId('dev');
    const { events, subscriber: client } = subscriber({ binary, batch: true });
    await client.subscribe([dev]);
    const { device: sender } = device(dev);
    const numbers = numbersFrom(1, 200);
    for (const n of numbers) void sender.message(n % 2 === 0 ? { n } : new Uint8Array([n]));
    await sender.message('done', { ack: true });
    await events.next(({ data }) => data === 'done');
    const sent = events.all.filter(({ type }) => type === 'message').slice(0, -1);
    expect(sent.map(({ data, bytes }) => (data as { n: number } | undefined)?.n ?? bytes?.[0])).toEqual(
      numbers,
    );
    expect(sent.map(({ seq }) => seq)).toEqual(numbersFrom(sent[0]!.seq, numbers.length));
  });

  it('answers a subscribe with the devices as they are, and with those that are refused', async () => {
    const [dev, sub, denied] = [uniqueId('dev'), uniqueId('sub'), uniqueId('dev')];
    await hub.device(dev);
    await hub.setRow(denied, sub, { status: 'deny' });
    const { subscriber: client } = subscriber({ id: sub });
    expect(await client.subscribe([dev, denied])).toMatchObject({
      devices: [{ device: dev, status: 'active', state: 'online', deviceStatus: null }],
      errors: [{ device: denied, code: 103, message: expect.any(String) }],
    });
    expect(await client.list()).toEqual([{ device: dev, status: 'active' }]);
  });

  it('tells of a device in its options that is refused', async () => {
    const [sub, denied] = [uniqueId('sub'), uniqueId('dev')];
    await hub.setRow(denied, sub, { status: 'deny' });
    const { removals } = subscriber({ id: sub, devices: [denied] });
    expect(await removals.next()).toMatchObject({ devices: [denied], code: 103 });
  });

  it('pauses, resumes and unsubscribes', async () => {
    const dev = uniqueId('dev');
    const { device: sender } = device(dev);
    const { events, gaps, subscriber: client, subscribed } = subscriber({ devices: [dev] });
    await hub.witness(dev);
    await subscribed.next();
    expect(await client.pause()).toEqual({ devices: [dev], filters: [], errors: [] });
    expect(await client.list()).toEqual([{ device: dev, status: 'inactive' }]);
    await sender.message('unheard', { ack: true });
    const { devices } = await client.resume();
    expect(devices).toMatchObject([{ device: dev, status: 'active' }]);
    await sender.message('heard', { ack: true });
    await events.next(({ data }) => data === 'heard');
    expect(events.all.map(({ data }) => data)).not.toContain('unheard');
    expect(gaps.all).toEqual([]);
    expect(await client.unsubscribe([dev, 'never-heard-of'])).toMatchObject({
      devices: [dev],
      errors: [{ device: 'never-heard-of', code: 120 }],
    });
    expect(await client.list()).toEqual([]);
  });

  it('subscribes to more devices than one frame takes', async () => {
    const devices = numbersFrom(1, 2500).map((n) => `one-of-many-devices-${n}`);
    const { subscriber: client } = subscriber();
    const answer = await client.subscribe(devices);
    expect(answer.devices.map(({ device: id }) => id)).toEqual(devices);
    expect((await client.list()).length).toBe(2500);
    expect((await client.unsubscribe(devices)).devices).toHaveLength(2500);
  });

  it('is iterated over until it is closed', async () => {
    const dev = uniqueId('dev');
    const { device: sender } = device(dev);
    const { subscriber: client } = subscriber();
    await client.subscribe([dev]);
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const event of client) {
        if (event.source === 'device') seen.push(event.data);
        if (seen.length === 3) await client.close();
      }
    })();
    for (const n of [1, 2, 3]) await sender.message(n, { ack: true });
    await reading;
    expect(seen).toEqual([1, 2, 3]);
    for await (const _event of client) throw new Error('no event comes after close');
  });

  it('gets an error of the hub that answers no request', async () => {
    const { device: sender, errors } = device(uniqueId('dev'));
    await sender.status('x'.repeat(65));
    expect(await errors.next()).toMatchObject({ code: 'refused', hubCode: 107 });
    await expect(sender.status('x'.repeat(65), { ack: true })).rejects.toMatchObject({
      code: 'refused',
      hubCode: 107,
    });
  });

  it.each([false, true])(
    'goes on after a lost connection, with what the hub kept (binary: %s)',
    async (binary) => {
      const dev = uniqueId('dev');
      const { device: sender, states } = device(dev);
      await states.next(isState('connected')); // "online" would be missed between the connections
      await hub.witness(dev);
      const line = subscriber({ devices: [dev], binary });
      await line.subscribed.next();
      expect((await line.reconnect()).resumed).toEqual([dev]);
      const again = await line.subscribed.next();
      expect(again.devices).toMatchObject([{ device: dev, status: 'active', state: 'online' }]);
      await sender.message('after', { ack: true });
      expect(await line.events.next(({ data }) => data === 'after')).toBeDefined();
      expect(line.gaps.all).toEqual([]);
    },
  );

  it('tells which events it missed while it was away', async () => {
    const dev = uniqueId('dev');
    const { device: sender } = device(dev);
    await hub.witness(dev);
    let mayConnect: Promise<void> = Promise.resolve();
    const line = subscriber({
      id: uniqueId('sub'),
      devices: [dev],
      token: () => mayConnect.then(() => 'any'), // this hub asks for none; the test holds the door with it
    });
    await line.subscribed.next();
    const { seq } = await sender.message('seen', { ack: true });
    await line.events.next(({ data }) => data === 'seen');
    let open: () => void = () => {};
    mayConnect = new Promise((resolve) => {
      open = resolve;
    });
    line.cut();
    await line.states.next(isState('waiting'));
    for (const n of [1, 2, 3]) await sender.message(n, { ack: true });
    open();
    expect(await line.gaps.next()).toMatchObject({
      device: dev,
      from: seq + 1,
      to: seq + 3,
      reason: 'history',
    });
    await sender.message('next', { ack: true });
    expect((await line.events.next(({ data }) => data === 'next')).seq).toBe(seq + 4);
    expect(line.gaps.all).toHaveLength(1);
  });

  it('leaves no event untold over many lost connections: each comes or is in a gap', async () => {
    const dev = uniqueId('dev');
    const { device: sender, states } = device(dev);
    await states.next(isState('connected')); // until then only so much may wait
    await hub.witness(dev);
    const line = subscriber({ devices: [dev] });
    const { devices } = await line.subscribed.next();
    const first = (devices[0]?.seq ?? 0) + 1;
    let last = 0;
    const busy = setInterval(() => {
      void sender.message('busy', { ack: true }).then(({ seq }) => {
        last = Math.max(last, seq);
      });
    }, 1);
    for (let n = 0; n < 8; n++) {
      const { length } = line.events.all;
      await eventually('events come', () => line.events.all.length > length + 5);
      await line.reconnect();
    }
    clearInterval(busy);
    await line.subscriber.list(); // answered after the snapshots of the last reconnect, with which its gap is told
    await sender.message('the last one', { ack: true });
    await line.events.next(({ data }) => data === 'the last one');
    const told = new Set(line.events.all.map(({ seq }) => seq));
    expect(told.size, 'no event comes twice').toBe(line.events.all.length);
    for (const { from, to } of line.gaps.all)
      for (const seq of numbersFrom(from, to - from + 1)) told.add(seq);
    const untold = numbersFrom(first, last - first + 1).filter((seq) => !told.has(seq));
    expect(untold).toEqual([]);
  });

  it('keeps a pause over a lost connection', async () => {
    const [dev, paused] = [uniqueId('dev'), uniqueId('dev')];
    const line = subscriber();
    await line.subscriber.subscribe([dev, paused]);
    await line.subscriber.pause([paused]);
    await line.reconnect();
    await line.subscribed.next(({ devices }) => devices.length === 1);
    const listed = await line.subscriber.list();
    expect(Object.fromEntries(listed.map(({ device: id, status }) => [id, status]))).toEqual({
      [dev]: 'active',
      [paused]: 'inactive',
    });
  });

  it('is told when it is denied, and does not come back to it', async () => {
    const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
    const line = subscriber({ id: sub });
    await line.subscriber.subscribe([dev]);
    await hub.setRow(dev, sub, { status: 'deny' });
    expect(await line.removals.next()).toMatchObject({ devices: [dev], code: 103 });
    await line.reconnect();
    expect(await line.subscriber.list()).toEqual([]);
    expect(line.removals.all).toHaveLength(1);
  });

  it('is told when an operator pauses and wakes a subscription', async () => {
    const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
    const line = subscriber({ id: sub });
    await line.subscriber.subscribe([dev]);
    await hub.setRow(dev, sub, { status: 'inactive' });
    expect(await line.statuses.next()).toMatchObject({
      devices: [dev],
      status: 'inactive',
      reason: 'paused',
    });
    await line.reconnect();
    expect(await line.subscriber.list()).toEqual([{ device: dev, status: 'inactive' }]);
    await hub.setRow(dev, sub, { status: 'active' });
    expect(await line.statuses.next()).toMatchObject({ devices: [dev], status: 'active' });
  });

  it('refuses what was asked for when the connection was lost, and stays usable', async () => {
    const { subscriber: client, cut, states } = subscriber();
    await states.next(isState('connected'));
    const asked = client.list();
    cut();
    await expect(asked).rejects.toMatchObject({ name: 'TunnelError', code: 'disconnected', hubCode: 1006 });
    expect(await client.list()).toEqual([]);
  });

  it('ends when an operator kicks it: loops and requests with the reason', async () => {
    const sub = uniqueId('sub');
    const { subscriber: client, states } = subscriber({ id: sub });
    await states.next(isState('connected'));
    const reason = { code: 'closed', hubCode: 4005 };
    const loop = expect(client.events().next()).rejects.toMatchObject(reason);
    await hub.admin('DELETE', `/v1/subscribers/${sub}`);
    expect(await states.next(isState('closed'))).toMatchObject({ error: reason });
    await loop;
    await expect(client.list()).rejects.toMatchObject(reason);
    await expect(client.events().next()).rejects.toMatchObject(reason);
  });

  it('gives way to a newer connection of the same id, without a fight', async () => {
    const dev = uniqueId('dev');
    const older = device(dev);
    await older.states.next(isState('connected'));
    const newer = device(dev);
    await newer.states.next(isState('connected'));
    expect(await older.states.next(isState('closed'))).toMatchObject({ error: { hubCode: 4004 } });
    expect((await newer.device.message('mine', { ack: true })).skipped).toBe(true);
  });

  it('says goodbye, so that a device is offline at once', async () => {
    const dev = uniqueId('dev');
    const { events, subscriber: client } = subscriber();
    await client.subscribe([dev]);
    const { device: sender, states } = device(dev);
    await states.next(isState('connected'));
    await sender.close();
    const isOffline = ({ data }: DeviceEvent) => (data as { state?: string } | null)?.state === 'offline';
    expect(await events.next(isOffline)).toMatchObject({ source: 'hub', data: { reason: 'closed' } });
  });
});

describe('a hub that drains', () => {
  it('is left when it says so and come back to after reconnectAfterMs; all is made anew on the next', async () => {
    const env = { ...calm, ...(await freePorts()) };
    const first = await startHub(env);
    let second: HubProcess | undefined;
    onTestFinished(() => first.kill());
    onTestFinished(() => second?.kill());
    const dev = openDevice(first.devicePort, { id: 'dev-1' });
    const sub = openSubscriber(first.subscriberPort, { id: 'sub-1', devices: ['dev-1', 'dev-2'] });
    const others = ['sub-2', 'sub-3'].map((id) => openSubscriber(first.subscriberPort, { id }));
    await Promise.all(others.map(({ states }) => states.next(isState('connected'))));
    await sub.subscribed.next();
    await dev.device.message('before', { ack: true });
    await dev.device.message('before', { ack: true });
    const { seq: seqBefore } = await sub.events.next(({ seq }) => seq >= 2);
    expect(seqBefore).toBeGreaterThanOrEqual(2);
    first.signal('SIGTERM');
    const all = [dev, sub, ...others];
    const waits = await Promise.all(all.map(({ states }) => states.next(isState('waiting'))));
    for (const wait of waits) {
      // The hub spreads over 5 s; without it these clients would come back within 100 ms.
      expect(wait).toMatchObject({ error: { code: 'disconnected', hubCode: 4200 } });
      expect(wait.state === 'waiting' && wait.retryInMs).toBeLessThanOrEqual(5000);
    }
    expect(waits.some((wait) => wait.state === 'waiting' && wait.retryInMs > 100)).toBe(true);
    await first.ended;
    second = await startHub(env);
    const again = await sub.subscribed.next();
    expect(again.devices.map(({ device }) => device)).toEqual(['dev-1', 'dev-2']);
    await eventually('an event of the new hub comes', async () => {
      await dev.device.message('after', { ack: true });
      return sub.events.all.some(({ data }) => data === 'after');
    });
  });
});
