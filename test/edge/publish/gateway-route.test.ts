/** Gateways that speak the hub's own protocol, on an edge of a hub in one thread. */
import { describe, expect, it } from 'vitest';
import { PatternSet } from '../../../src/access/pattern-set.ts';
import type { GatewaySession } from '../../../src/edge/publish/gateway-session.ts';
import { OneThreadHub, type OneThreadHubOptions } from '../one-thread-hub.ts';

async function start(options: OneThreadHubOptions = {}, query = '') {
  const hub = new OneThreadHub(options);
  const gateway = await hub.peer<GatewaySession>('gateway', 'gw', query);
  gateway.frames();
  return { hub, gateway };
}

/** A gateway that pays for what it says. */
const startPaying = (deviceRate: number) => start({ settings: { deviceRate, deviceBurst: deviceRate } });
const stateOf = (hub: OneThreadHub, id: string): string | undefined => hub.device(id)?.state;

describe('the route of gateways', () => {
  it('has the path of the contract, and welcomes a gateway', async () => {
    const hub = new OneThreadHub();
    expect(hub.routes.gateway.path).toBe('/v1/gateway');
    const gateway = await hub.peer('gateway', 'gw');
    expect(gateway.frames()).toEqual([{ op: 'welcome', gateway: 'gw', pingIntervalMs: 25_000 }]);
    expect(await hub.connect('gateway', 'id=gw&interest=2')).toMatchObject({ status: 400 });
  });

  it.each([
    ['', []],
    ['&interest=true', [{ op: 'interest', device: 'dev', active: false }]],
  ])('tells of interest in its devices where it is asked for (%j)', async (query, told) => {
    const { hub, gateway } = await start({}, query);
    gateway.say({ op: 'open', device: 'dev' });
    await hub.settle();
    expect(gateway.frames()).toEqual(told);
  });
});

describe('a frame of a gateway', () => {
  it('connects the device that it is an event of, and is acknowledged in its name', async () => {
    const { hub, gateway } = await start();
    const subscriber = await hub.peer('subscriber', 's', '&devices=dev');
    subscriber.frames();
    gateway.say({ device: 'dev', type: 'message', data: 1, id: 'a' });
    await hub.settle();
    expect(gateway.frames()).toEqual([{ op: 'ack', device: 'dev', id: 'a', seq: 2 }]);
    expect(subscriber.frames()).toMatchObject([
      { type: 'status', source: 'hub', data: { state: 'online' } },
      { type: 'message', data: 1 },
    ]);
  });

  it('opens a device without an event, and says its goodbye', async () => {
    const { hub, gateway } = await start();
    gateway.say({ op: 'open', device: 'dev' });
    await hub.settle();
    expect(stateOf(hub, 'dev')).toBe('online');
    gateway.say({ op: 'close', device: 'dev' });
    await hub.settle();
    expect(stateOf(hub, 'dev')).toBe('offline');
    expect(gateway.frames()).toEqual([]);
    expect(hub.edge.gateways.connected).toEqual([]);
  });

  it.each([
    ['is not JSON', 'nonsense', { code: 107, message: expect.stringContaining('not a JSON object') }],
    ['names no device', { type: 'message', id: 1 }, { code: 107, id: 1 }],
    ['names what is no id', { device: 'a b', type: 'message', id: 1 }, { code: 107, id: 1 }],
    ['is no event', { device: 'dev', type: 'x', id: 1 }, { code: 107, id: 1, device: 'dev' }],
    ['asks for what there is not', { device: 'dev', op: 'x', id: 1 }, { code: 104, id: 1, device: 'dev' }],
  ])('that %s is refused, and connects nothing', async (_what, frame, problem) => {
    const { hub, gateway } = await start();
    gateway.receive(typeof frame === 'string' ? frame : JSON.stringify(frame));
    await hub.settle();
    const [error, ...rest] = gateway.frames();
    expect(error).toMatchObject({ op: 'error', ...problem });
    if (!('device' in problem)) expect(error).not.toHaveProperty('device');
    expect(rest).toEqual([]);
    expect(hub.edge.gateways.connected).toEqual([]);
  });

  it('of a connected device that makes no sense is refused in its name', async () => {
    const { hub, gateway } = await start();
    gateway.say({ op: 'open', device: 'dev' });
    gateway.say({ device: 'dev', type: 'x', id: 1 });
    gateway.say({ device: 'dev', op: 'x', id: 2 });
    gateway.say({ device: 'dev', op: 'open', id: 3 }); // it is open
    expect(gateway.frames()).toEqual([]);
    await hub.settle();
    const unknown = 'unknown op: "x"; expected "open" or "close", or none in an event';
    expect(gateway.frames()).toMatchObject([
      { op: 'error', device: 'dev', id: 1, code: 107 },
      { op: 'error', device: 'dev', id: 2, code: 104, message: unknown },
    ]);
  });

  it('that is binary is refused, and costs as any other', async () => {
    const { hub, gateway } = await startPaying(10);
    gateway.receive(Uint8Array.of(2, 1));
    expect(gateway.frames()).toEqual([
      { op: 'error', code: 107, message: 'a gateway sends text frames only' },
    ]);
    expect(hub.used(gateway.session, 10)).toBe(1);
  });

  it('longer than is accepted closes the gateway', async () => {
    const { gateway } = await start({ settings: { maxMessageBytes: 100 } });
    gateway.say({ device: 'dev', type: 'message', data: 'x'.repeat(100) });
    expect(gateway.closed?.code).toBe(4000);
  });

  it('is a sign of life of the gateway, and one of the device that it is about', async () => {
    const { hub, gateway } = await start();
    gateway.say({ op: 'open', device: 'dev' });
    await hub.settle();
    const device = gateway.session.devices.get('dev')!;
    hub.clock.advance(1000);
    gateway.say({ device: 'dev', type: 'x' });
    expect(device.aliveAt).toBe(Math.floor(hub.clock.nowMs));
    hub.clock.advance(1000);
    gateway.say({ device: 'other', type: 'x' });
    expect(gateway.session.aliveAt).toBe(Math.floor(hub.clock.nowMs));
    expect(device.aliveAt).toBe(Math.floor(hub.clock.nowMs) - 1000);
  });
});

describe('a gateway whose token covers some devices', () => {
  it('is refused the others, and pays for the frame', async () => {
    const hub = new OneThreadHub({ settings: { deviceRate: 10, deviceBurst: 10 } });
    hub.useTokens();
    hub.tokens.set('t', { sub: 'gw', role: 'gateway', devices: new PatternSet(['site-a.*']) });
    const gateway = await hub.peer<GatewaySession>('gateway', 'gw', '&token=t');
    gateway.frames();
    gateway.say({ device: 'site-b.1', type: 'message', id: 1 });
    gateway.say({ device: 'site-b.1', op: 'open', id: 2 });
    gateway.say({ device: 'site-b.1', op: 'close', id: 3 });
    gateway.say({ device: 'site-b.1', op: 'x', id: 4 });
    gateway.say({ device: 'site-b.1', type: 'x', id: 5 });
    const message = 'the gateway may not speak for this device';
    expect(gateway.frames()).toEqual(
      [1, 2, 3, 4, 5].map((id) => ({ op: 'error', device: 'site-b.1', id, code: 103, message })),
    );
    expect(hub.used(gateway.session, 10)).toBeCloseTo(5);
    gateway.say({ device: 'site-a.1', op: 'open' });
    await hub.settle();
    expect(stateOf(hub, 'site-a.1')).toBe('online');
  });
});

describe('a device of a gateway', () => {
  it('that connects by itself is taken from it, until it opens the device again', async () => {
    const { hub, gateway } = await start();
    gateway.say({ op: 'open', device: 'dev' });
    await hub.settle();
    const device = await hub.peer('device', 'dev');
    device.frames();
    expect(gateway.frames()).toEqual([{ op: 'closed', device: 'dev', code: 4004 }]);
    gateway.say({ device: 'dev', type: 'message', id: 1 });
    gateway.say({ device: 'dev', op: 'close', id: 2 });
    gateway.say({ device: 'dev', op: 'x', id: 3 });
    gateway.say({ device: 'dev', type: 'x', id: 4 });
    gateway.say({ device: 'dev', op: 'open', id: null }); // which says that it knows
    const taken = { op: 'error', device: 'dev', code: 103, message: expect.stringContaining('"open"') };
    expect(gateway.frames()).toMatchObject([
      ...[1, 2, 3, 4].map((id) => ({ ...taken, id })),
      { op: 'error', device: 'dev', code: 107 },
    ]);
    gateway.say({ device: 'dev', op: 'open' });
    gateway.say({ device: 'dev', type: 'message', id: 3 });
    await hub.settle();
    expect(device.closed?.code).toBe(4004);
    expect(gateway.frames()).toMatchObject([{ op: 'ack', device: 'dev', id: 3 }]);
  });

  it('that is not there may be said goodbye to, which costs a frame', async () => {
    const { hub, gateway } = await startPaying(10);
    gateway.say({ device: 'dev', op: 'close', id: 1 });
    expect(gateway.frames()).toEqual([]);
    expect(hub.used(gateway.session, 10)).toBe(1);
    expect(hub.edge.gateways.connected).toEqual([]);
  });

  it('beyond as many as a gateway may have is refused', async () => {
    const { gateway } = await start({ settings: { maxDevicesPerGateway: 1 } });
    gateway.say({ op: 'open', device: 'a' });
    gateway.say({ op: 'open', device: 'b', id: 1 });
    expect(gateway.frames()).toEqual([
      {
        op: 'error',
        device: 'b',
        id: 1,
        code: 106,
        message: 'more devices than one gateway may have (DAT_MAX_DEVICES_PER_GATEWAY)',
      },
    ]);
  });

  it('pays for its events, and its gateway for its connection', async () => {
    const { hub, gateway } = await startPaying(2);
    gateway.say({ device: 'a', type: 'message' });
    gateway.say({ device: 'a', type: 'message' });
    gateway.say({ device: 'a', type: 'message', id: 1 });
    gateway.say({ device: 'b', type: 'message', id: 2 });
    expect(hub.used(gateway.session, 2)).toBeCloseTo(2 / 50);
    await hub.settle();
    expect(gateway.frames()).toMatchObject([
      { op: 'error', device: 'a', id: 1, code: 111, retryAfterMs: 500 },
      { op: 'ack', device: 'b', id: 2 },
    ]);
    gateway.say({ device: 'a', op: 'close' }); // over its rate
    await hub.settle();
    expect(stateOf(hub, 'a')).toBe('offline');
  });

  it('is not connected while its gateway is over its rate', async () => {
    const { hub, gateway } = await startPaying(1);
    gateway.receive(Uint8Array.of(1));
    gateway.frames();
    gateway.say({ device: 'a', type: 'message', id: 1 });
    expect(gateway.frames()).toEqual([
      {
        op: 'error',
        device: 'a',
        id: 1,
        code: 111,
        message: 'more than 1 events per second (burst 1)',
        retryAfterMs: 20,
      },
    ]);
    hub.clock.advance(20);
    gateway.say({ device: 'a', type: 'message', id: 1 });
    expect(gateway.session.devices.size).toBe(1);
  });
});

describe('a control frame of a gateway', () => {
  it('is a sign of life; a ping costs as much as a frame', async () => {
    const { hub, gateway } = await startPaying(10);
    hub.clock.advance(1000.5);
    gateway.handlers.controlPong(gateway);
    expect(gateway.session.aliveAt).toBe(Math.floor(hub.clock.nowMs));
    expect(hub.used(gateway.session, 10)).toBe(0);
    hub.clock.advance(1000);
    gateway.handlers.controlPing(gateway);
    expect(gateway.session.aliveAt).toBe(Math.floor(hub.clock.nowMs));
    expect(hub.used(gateway.session, 10)).toBe(1);
    gateway.session.closing = true;
    hub.clock.advance(1000);
    gateway.handlers.controlPing(gateway);
    expect(gateway.session.aliveAt).toBe(Math.floor(hub.clock.nowMs) - 1000);
  });
});

describe('the end of a gateway', () => {
  it.each([
    ['the gateway', 1000],
    ['the hub', undefined],
  ])('loses its devices, who have the leave grace, be it by %s', async (_who, code) => {
    const { hub, gateway } = await start();
    for (const device of ['a', 'b']) gateway.say({ op: 'open', device });
    await hub.settle();
    if (code === undefined) gateway.session.close({ code: 4005, retry: 'never', reason: 'kicked' });
    else gateway.end(code);
    expect(gateway.session.devices.size).toBe(0);
    await hub.settle();
    expect(hub.edge.gateways.connected).toEqual([]);
    expect([stateOf(hub, 'a'), stateOf(hub, 'b')]).toEqual(['online', 'online']);
    hub.clock.advance(15_000);
    await hub.settle();
    expect([stateOf(hub, 'a'), stateOf(hub, 'b')]).toEqual(['offline', 'offline']);
    expect(hub.edge.connectionCount).toBe(0);
  });
});
