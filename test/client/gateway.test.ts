/** Gateways, and devices that know whether anybody listens, against a hub that follows the wire contract. */
import { describe, expect, it } from 'vitest';
import { openDevice, openGateway, openSubscriber } from '../support/client.ts';
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
    expect(() => gateway.device('dev-1').message(new Uint8Array(1))).toThrow(/a gateway sends JSON only/);
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
