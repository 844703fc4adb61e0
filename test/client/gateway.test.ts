/** Gateways, and devices that know whether anybody listens: against a hub that is played, and gateways against the hub. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { connectGateway } from '../../clients/js/src/index.ts';
import { uniqueId, useHub } from '../conformance/harness.ts';
import { openDevice, openGateway, openSubscriber } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { fakeSockets } from '../support/fake-socket.ts';
import { Inbox } from '../support/inbox.ts';
import { FakeHub } from './fake-hub/hub.ts';

const isConnected = ({ state }: { readonly state: string }): boolean => state === 'connected';

describe('a gateway', () => {
  it('speaks for many devices', async () => {
    const hub = await FakeHub.start();
    const { subscriber, events } = openSubscriber(hub.port);
    await subscriber.subscribe(['*']);
    const { gateway, states } = openGateway(hub.port, { id: 'gw-1' });
    const [one, two] = [gateway.device('dev-1'), gateway.device('dev-2')];
    expect(gateway.device('dev-3')).not.toBe(one);
    void one.message({ t: 1 });
    const ack = await two.status('ready', { data: { v: 2 }, ack: true, priority: 'low' });
    expect(await states.next(isConnected)).toMatchObject({ id: 'gw-1' });
    await one.pong(undefined, { ack: true });
    expect(gateway.device('dev-1')).toBe(one);
    const seen = await events.take(3, ({ source }) => source === 'device');
    expect(seen).toMatchObject([
      { device: 'dev-1', type: 'message', data: { t: 1 } },
      { device: 'dev-2', type: 'status', status: 'ready', data: { v: 2 }, priority: 'low', seq: ack.seq },
      { device: 'dev-1', type: 'pong' },
    ]);
    expect(hub.urls.at(-1)?.pathname).toBe('/v1/gateway');
  });

  it('says goodbye for a device', async () => {
    const hub = await FakeHub.start();
    const { gateway } = openGateway(hub.port);
    const device = gateway.device('dev-1');
    await device.message(1, { ack: true });
    await device.close();
    await hub.frames.next(({ op }) => op === 'close');
    expect(hub.fleet.get('dev-1')?.state).toBe('offline');
    await device.message(2, { ack: true }); // its next event connects it again
    expect(hub.fleet.get('dev-1')?.state).toBe('online');
  });

  it('connects its devices again when it is back, but for those that left or were taken', async () => {
    const hub = await FakeHub.start();
    const { gateway, reconnect } = openGateway(hub.port, { id: 'gw-1' });
    const closed = new Inbox<unknown>('closed');
    gateway.on('closed', (closure) => closed.push(closure));
    for (const id of ['stays', 'leaves', 'taken']) await gateway.device(id).message(1, { ack: true });
    await gateway.device('leaves').close();
    openDevice(hub.port, { id: 'taken' });
    expect(await closed.next()).toEqual({ device: 'taken', code: 4004 });
    const before = hub.frames.all.length;
    await reconnect();
    await gateway.device('stays').message(2, { ack: true });
    expect(hub.frames.all.slice(before).map(({ op, type, device }) => [op ?? type, device])).toEqual([
      ['open', 'stays'],
      ['message', 'stays'],
    ]);
  });

  it('connects what was opened before it was connected itself, however late that is', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { WebSocket, sockets } = fakeSockets();
    const gateway = connectGateway({ url: 'ws://hub.test', id: 'gw-1', WebSocket, requestTimeoutMs: 100 });
    const opened = gateway.device('meter').open();
    await vi.advanceTimersByTimeAsync(100);
    await expect(opened).rejects.toMatchObject({ code: 'timeout' });
    sockets[0]!.welcome({ gateway: 'gw-1' });
    expect(sockets[0]!.sent).toEqual([{ op: 'open', device: 'meter' }]);
  });

  it('does not fight for a device that connected elsewhere, until it is told to', async () => {
    const hub = await FakeHub.start();
    const { gateway } = openGateway(hub.port);
    const device = gateway.device('dev-1');
    const closed = new Inbox<unknown>('closed');
    device.on('closed', (closure) => closed.push(closure));
    await device.message(1, { ack: true });
    const other = openDevice(hub.port, { id: 'dev-1' });
    expect(await closed.next()).toEqual({ device: 'dev-1', code: 4004 });
    const reason = { code: 'closed', hubCode: 4004 };
    await expect(device.message(2)).rejects.toMatchObject(reason);
    await expect(gateway.device('dev-1').status('x', { ack: true })).rejects.toMatchObject(reason);
    void device.open();
    expect((await device.message(3, { ack: true })).seq).toBeGreaterThan(0);
    expect(await other.states.next(({ state }) => state === 'closed')).toMatchObject({
      error: { hubCode: 4004 },
    });
  });

  it('fails what a device that was taken from it waits for, and takes no late answer for an error', async () => {
    const hub = await FakeHub.start();
    const { gateway, errors } = openGateway(hub.port);
    const [device, other] = [gateway.device('dev-1'), gateway.device('dev-2')];
    await device.message(1, { ack: true });
    const answer = hub.holdAnswers();
    const waits = device.message(2, { ack: true });
    const stays = other.message(2, { ack: true });
    await hub.frames.next(({ device: of, data }) => of === 'dev-2' && data === 2);
    openDevice(hub.port, { id: 'dev-1' });
    await expect(waits).rejects.toMatchObject({ code: 'closed', hubCode: 4004 });
    answer();
    await stays;
    expect(errors.all).toEqual([]);
  });

  it('says no goodbye for a device that was taken from it', async () => {
    const hub = await FakeHub.start();
    const { gateway } = openGateway(hub.port);
    const device = gateway.device('dev-1');
    const closed = new Inbox<unknown>('closed');
    device.on('closed', (closure) => closed.push(closure));
    await device.message(1, { ack: true });
    openDevice(hub.port, { id: 'dev-1' });
    await closed.next();
    await device.close();
    await gateway.device('dev-2').message(2, { ack: true });
    expect(hub.frames.all.map(({ op }) => op)).not.toContain('close');
    await expect(gateway.device('dev-1').message(3)).rejects.toMatchObject({ code: 'closed' });
  });

  it('tells the device, too, of an error of the hub', async () => {
    const hub = await FakeHub.start({ mayFollow: (device) => device !== 'foreign' });
    const { gateway, errors } = openGateway(hub.port);
    const device = gateway.device('foreign');
    const own = new Inbox<unknown>('errors of the device');
    device.on('error', (error) => own.push(error));
    void device.message(1);
    expect(await own.next()).toMatchObject({ code: 'refused', hubCode: 103 });
    expect(await errors.next()).toMatchObject({ hubCode: 103 });
    await expect(device.message(2, { ack: true })).rejects.toMatchObject({ hubCode: 103 });
  });

  it('refuses what no gateway can send', async () => {
    const hub = await FakeHub.start();
    const { gateway } = openGateway(hub.port);
    expect(() => gateway.device('two words')).toThrow(/^id: /);
    expect(() => gateway.device('dev-1').message(new Uint8Array(1))).toThrow(/only JSON can be sent/);
  });

  it('sends what waits when it is closed', async () => {
    const hub = await FakeHub.start();
    const { gateway } = openGateway(hub.port);
    void gateway.device('dev-1').message('last words');
    await gateway.close();
    await hub.frames.next(({ data }) => data === 'last words');
  });
});

describe('interest', () => {
  it('tells a device whether anybody listens, and again after a lost connection', async () => {
    const hub = await FakeHub.start();
    const { device, reconnect } = openDevice(hub.port, { id: 'dev', interest: true });
    const interest = new Inbox<boolean>('interest');
    device.on('interest', (isListenedTo) => interest.push(isListenedTo));
    expect(await interest.next()).toBe(false);
    const { subscriber } = openSubscriber(hub.port);
    await subscriber.subscribe(['d*']);
    expect(await interest.next()).toBe(true);
    await subscriber.pause();
    expect(await interest.next()).toBe(false);
    await subscriber.resume();
    expect(await interest.next()).toBe(true);
    await reconnect();
    expect(await interest.next()).toBe(true);
    expect(hub.urls[0]?.searchParams.get('interest')).toBe('true');
  });

  it('is not asked for unless it is wanted', async () => {
    const hub = await FakeHub.start();
    const { states } = openDevice(hub.port, { id: 'dev' });
    await states.next(isConnected);
    expect(hub.urls[0]?.search).toBe('?id=dev');
  });
});

describe('a gateway at the hub', () => {
  const hub = useHub({ DAT_FANOUT_WORKERS: '1' });
  const gatewayOf = async (id: string) => {
    const line = openGateway(hub.process.devicePort, { id });
    await line.states.next(isConnected);
    return line;
  };

  it('speaks for its devices: events, acks, statuses and the goodbye', async () => {
    const [gw, one, two] = [uniqueId('gw'), uniqueId('dev'), uniqueId('dev')];
    const { subscriber, events } = openSubscriber(hub.process.subscriberPort);
    await subscriber.subscribe([one, two]);
    const { gateway, errors } = await gatewayOf(gw);
    const { seq } = await gateway.device(one).message({ t: 1 }, { ack: true });
    await gateway.device(two).status('ready', { data: { v: 2 }, ack: true, priority: 'low' });
    await gateway.device(one).pong(undefined, { ack: true });
    const sent = await events.take(3, ({ source }) => source === 'device');
    expect(sent).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ device: one, type: 'message', data: { t: 1 }, seq }),
        expect.objectContaining({ device: two, type: 'status', status: 'ready', data: { v: 2 } }),
        expect.objectContaining({ device: one, type: 'pong' }),
      ]),
    );
    expect(await hub.deviceEntry(one)).toMatchObject({ state: 'online', gateway: gw });
    await gateway.device(one).close();
    await eventually('it is offline', async () => (await hub.deviceEntry(one))?.state === 'offline');
    expect((await hub.deviceEntry(two))?.state).toBe('online');
    expect(errors.all).toEqual([]);
  });

  it('loses a device that connects elsewhere, and takes it back when it is told to', async () => {
    const dev = uniqueId('dev');
    const { gateway, errors } = await gatewayOf(uniqueId('gw'));
    const device = gateway.device(dev);
    const closed = new Inbox<unknown>('closed');
    device.on('closed', (closure) => closed.push(closure));
    await device.message(1, { ack: true });
    const other = openDevice(hub.process.devicePort, { id: dev });
    expect(await closed.next()).toEqual({ device: dev, code: 4004 });
    await expect(device.message(2)).rejects.toMatchObject({ code: 'closed', hubCode: 4004 });
    await device.open();
    expect(await other.states.next(({ state }) => state === 'closed')).toMatchObject({
      error: { hubCode: 4004 },
    });
    await device.message(3, { ack: true });
    expect(errors.all).toEqual([]);
  });

  it('brings its devices back when its connection was lost, and nobody notices', async () => {
    const [gw, dev] = [uniqueId('gw'), uniqueId('dev')];
    const { subscriber, events } = openSubscriber(hub.process.subscriberPort);
    await subscriber.subscribe([dev]);
    const { gateway, reconnect } = await gatewayOf(gw);
    await gateway.device(dev).message(1, { ack: true });
    await reconnect();
    await eventually('it is back', async () => (await hub.deviceEntry(dev))?.gateway === gw);
    await gateway.device(dev).message(2, { ack: true });
    await events.next(({ data }) => data === 2);
    expect(events.all.map(({ source, data }) => (source === 'hub' ? 'online' : data))).toEqual([
      'online',
      1,
      2,
    ]);
  });
});
