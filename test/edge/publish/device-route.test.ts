/** Devices that speak the hub's own protocol, on an edge of a hub in one thread. */
import { describe, expect, it } from 'vitest';
import type { DeviceSession } from '../../../src/edge/publish/device-session.ts';
import { HubSocket } from '../hub-socket.ts';
import { OneThreadHub, type OneThreadHubOptions } from '../one-thread-hub.ts';

async function start(options: OneThreadHubOptions = {}) {
  const hub = new OneThreadHub(options);
  const device = await hub.peer<DeviceSession>('device', 'dev');
  device.frames();
  return { hub, device };
}

const stateOf = (hub: OneThreadHub): string | undefined => hub.device('dev')?.state;

describe('the route of devices', () => {
  it('has the path of the contract, and the limits of the settings', () => {
    const { routes } = new OneThreadHub({ settings: { maxMessageBytes: 1000, sendQueueMaxBytes: 5000 } });
    const { path, queueBytesMax, frameBytesMax } = routes.device;
    expect([path, queueBytesMax]).toEqual(['/v1/device', 5000]);
    expect(frameBytesMax).toBeGreaterThan(1000); // so that the hub has the last word on a long frame
  });

  it('welcomes a device, which is online from then on', async () => {
    const hub = new OneThreadHub();
    const device = await hub.peer('device', 'dev');
    expect(device.frames()).toEqual([{ op: 'welcome', device: 'dev', pingIntervalMs: 25_000 }]);
    expect(stateOf(hub)).toBe('online');
    expect(hub.device('dev')?.connectedAt).toBe(hub.clock.wallMs);
  });

  it('refuses whoever is not admitted, or asks for what there is not', async () => {
    const hub = new OneThreadHub();
    expect(await hub.connect('device', 'id=a b')).toMatchObject({ status: 400 });
    expect(await hub.connect('device', 'id=dev&interest=maybe')).toMatchObject({
      status: 400,
      message: 'interest: expected true or false',
    });
    expect(await hub.connect('device', 'id=dev&other=1')).toMatchObject({ status: 400 });
  });

  it('waits for the decision where that takes its time', async () => {
    const hub = new OneThreadHub();
    const refusal = { ok: false, reason: 'token', status: 401, message: 'no' } as const;
    hub.admission.decide = () => Promise.resolve(refusal);
    expect(await hub.connect('device', 'id=dev')).toMatchObject({ status: 401, message: 'no' });
  });

  it('chooses the subprotocol that it was offered', async () => {
    const { handlers } = new OneThreadHub().routes.device;
    const answer = await handlers.upgrade({
      query: 'id=dev',
      header: (name) => (name === 'sec-websocket-protocol' ? 'dat.v1.json' : ''),
      remoteAddress: '',
    });
    expect(answer).toMatchObject({ protocol: 'dat.v1.json' });
    const none = await handlers.upgrade({ query: 'id=dev', header: () => '', remoteAddress: '' });
    expect(none).not.toHaveProperty('protocol');
  });

  it.each([
    ['', []],
    ['&interest=false', []],
    ['&interest=true', [{ op: 'interest', active: false }]],
  ])('tells of interest where it is asked for (%j)', async (query, told) => {
    const hub = new OneThreadHub();
    const device = await hub.peer('device', 'dev', query);
    expect(device.frames().slice(1)).toEqual(told);
  });
});

describe('a frame of a device', () => {
  it('is an event, which the owner numbers and acknowledges', async () => {
    const { hub, device } = await start();
    const subscriber = await hub.peer('subscriber', 's', '&devices=dev');
    subscriber.frames();
    device.say({ type: 'message', data: 1, id: 'a' });
    device.receive(Uint8Array.of(0x02, 0xff));
    device.say({ type: 'pong', id: 3 });
    await hub.settle();
    expect(device.frames()).toEqual([
      { op: 'ack', id: 'a', seq: 2 },
      { op: 'ack', id: 3, seq: 4 },
    ]);
    expect(subscriber.frames()).toMatchObject([
      { op: 'event', type: 'message', data: 1, seq: 2 },
      { type: 'message', data64: '/w==', seq: 3 },
      { type: 'pong', seq: 4 },
    ]);
  });

  it('that makes no sense is refused with what is wrong with it, and the device stays', async () => {
    const { hub, device } = await start();
    device.say({ type: 'massage', id: 5 });
    device.receive(Uint8Array.of(0x0f));
    await hub.settle();
    expect(device.frames()).toMatchObject([
      { op: 'error', id: 5, code: 107, message: expect.stringContaining('massage') },
      { op: 'error', code: 107, message: expect.stringContaining('byte 0') },
    ]);
    expect(device.closed).toBeUndefined();
  });

  it('longer than is accepted closes the device', async () => {
    const { hub, device } = await start({ settings: { maxMessageBytes: 100 } });
    device.say({ type: 'message', data: 'x'.repeat(100) });
    await hub.settle();
    expect(device.frames()).toMatchObject([{ op: 'error', code: 106 }]);
    expect(device.closed?.code).toBe(4000);
    expect(hub.count('receivedMessage')).toBe(0);
  });

  it('over the rate is refused, with the time after which it is not', async () => {
    const { hub, device } = await start({ settings: { deviceRate: 2, deviceBurst: 2 } });
    device.say({ type: 'message' });
    device.say({ nonsense: true }); // costs as much
    device.say({ type: 'message', id: 7 });
    await hub.settle();
    expect(device.frames()).toMatchObject([
      { op: 'error', code: 107 },
      { op: 'error', code: 111, id: 7, retryAfterMs: 500 },
    ]);
    expect([hub.count('receivedMessage'), hub.count('droppedRate')]).toEqual([1, 1]);
    hub.clock.advance(500);
    device.say({ type: 'message' });
    expect(hub.count('receivedMessage')).toBe(2);
  });

  it('is a sign of life, whatever it says', async () => {
    const { hub, device } = await start();
    hub.clock.advance(1000);
    device.say({ nonsense: true });
    expect(device.session.aliveAt).toBe(Math.floor(hub.clock.nowMs));
    expect(hub.presence.device(device.session.slot)?.lastSeen).toBe(hub.clock.nowMs);
  });

  it('counts for nothing once its connection is closing', async () => {
    const { hub, device } = await start({ settings: { deviceRate: 1, deviceBurst: 1 } });
    const { aliveAt } = device.session;
    device.session.close({ code: 4005, retry: 'never', reason: 'kicked' });
    hub.clock.advance(1000);
    device.say({ type: 'message' });
    device.handlers.controlPong(device);
    device.handlers.controlPing(device);
    expect(device.session.aliveAt).toBe(aliveAt);
    expect(hub.used(device.session, 1)).toBe(0);
    expect(hub.count('receivedMessage')).toBe(0);
  });
});

describe('a control frame of a device', () => {
  it('is a sign of life', async () => {
    const { hub, device } = await start();
    for (const handler of ['controlPong', 'controlPing'] as const) {
      hub.clock.advance(1000);
      device.handlers[handler](device);
      expect(device.session.aliveAt).toBe(Math.floor(hub.clock.nowMs));
    }
  });

  it('that is a ping costs as much as a frame; a pong was asked for', async () => {
    const { hub, device } = await start({ settings: { deviceRate: 1, deviceBurst: 1 } });
    device.handlers.controlPong(device);
    device.say({ type: 'message' });
    expect(hub.count('receivedMessage')).toBe(1);
    hub.clock.advance(1000);
    device.handlers.controlPing(device);
    device.say({ type: 'message' });
    expect(hub.count('receivedMessage')).toBe(1);
  });
});

describe('the end of a connection', () => {
  it.each([
    [1000, 'offline'],
    [1001, 'offline'],
    [1005, 'offline'],
    [1006, 'online'],
    [4000, 'online'],
  ])('with %i is a goodbye or a loss: the device is %s', async (code, state) => {
    const { hub, device } = await start();
    device.end(code);
    await hub.settle();
    expect(stateOf(hub)).toBe(state);
    hub.clock.advance(15_000);
    await hub.settle();
    expect(stateOf(hub)).toBe('offline');
    expect(hub.edge.connectionCount).toBe(0);
  });

  it('is unharmed by what the transport says besides', async () => {
    const { device } = await start();
    expect(device).toBeInstanceOf(HubSocket);
    for (const handler of ['writable', 'dropped'] as const) device.handlers[handler](device);
    device.say({ type: 'pong', id: 1 });
    expect(device.frames()).toMatchObject([{ op: 'ack', skipped: true }]);
  });
});
