/** MQTT gateways: what holds for gateways of the hub's own protocol holds for them. */
import { once } from 'node:events';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { admin, Metrics } from '../support/admin.ts';
import { type Client, type ClientOptions, connect } from './client.ts';
import { ADMIN_TOKEN, type MqttHub, startMqttHub } from './harness.ts';

const SITE = ['site.*'];
let ids = 0;
const unique = (name: string): string => `${name}-${++ids}`;
const willOf = (device: string): NonNullable<ClientOptions['will']> => ({
  topic: `devices/${device}/status`,
  payload: Buffer.from('lost'),
  qos: 0,
  retain: false,
});
const deviceId = (): string => `site.${++ids}`;

describe.each([{ workers: 0 }, { workers: 1 }])('a hub with $workers fan-out workers', ({ workers }) => {
  let hub: MqttHub;
  beforeAll(async () => {
    hub = await startMqttHub({
      needsTokens: true,
      workers,
      leaveGraceMs: 300,
      env: { DAT_MAX_DEVICES_PER_GATEWAY: '3' },
    });
    return () => hub.stop();
  });

  async function client(role: 'device' | 'subscriber' | 'gateway', id: string, options: ClientOptions = {}) {
    const password = await hub.token({ sub: id, role, ...(role === 'gateway' && { devices: SITE }) });
    return connect(hub, { protocolVersion: 5, clientId: id, username: 'any', password, ...options });
  }

  /** A connection of the hub's own protocol. */
  async function own(role: 'device' | 'gateway', id: string) {
    const token = await hub.token({ sub: id, role, ...(role === 'gateway' && { devices: SITE }) });
    const ws = new WebSocket(`ws://127.0.0.1:${hub.devicePort}/v1/${role}?id=${id}&token=${token}`);
    onTestFinished(() => ws.terminate());
    const code = once(ws, 'close').then(([closeCode]) => closeCode as number);
    await once(ws, 'message');
    return { code };
  }

  const get = async (path: string): Promise<Record<string, unknown>> =>
    (await admin(hub.adminPort, 'GET', path, { token: ADMIN_TOKEN })).body as Record<string, unknown>;
  const publish = (gateway: Client, device: string): Promise<number> =>
    gateway.publish(`devices/${device}/message`, '1', 1).then(
      () => 0,
      (error: { code: number }) => error.code,
    );

  it('shows the gateway of each device, and counts it as a gateway', async () => {
    const [id, device] = [unique('gw'), deviceId()];
    const gateway = await client('gateway', id);
    expect(await publish(gateway, device)).toBe(0);
    expect(await get(`/v1/devices/${device}`)).toMatchObject({ state: 'online', gateway: id });
    const { text } = await admin(hub.adminPort, 'GET', '/metrics', { token: ADMIN_TOKEN });
    expect(new Metrics(text).value('dat_connections', { role: 'gateway' })).toBeGreaterThanOrEqual(1);
  });

  it('refuses a device that has connected by itself, and a device too many, and lets the others go on', async () => {
    const gateway = await client('gateway', unique('gw'));
    const [roams, stays] = [deviceId(), deviceId()];
    for (const device of [roams, stays]) expect(await publish(gateway, device)).toBe(0);
    const itself = await client('device', roams, { way: 'device' });
    expect(await publish(gateway, roams)).toBe(0x87);
    expect(await publish(gateway, stays)).toBe(0);
    expect(itself.closes).toBe(0);
    for (const device of [deviceId(), deviceId()]) expect(await publish(gateway, device)).toBe(0);
    expect(await publish(gateway, deviceId())).toBe(0x97);
    expect(gateway.closes).toBe(0);
  });

  it('loses the devices of a gateway with it, be it with DISCONNECT: they have the leave grace, and no will', async () => {
    const device = deviceId();
    const gateway = await client('gateway', unique('gw'), { will: willOf(device) });
    expect(await publish(gateway, device)).toBe(0);
    const subscriber = await client('subscriber', unique('sub'));
    await subscriber.subscribe(`devices/${device}/#`);
    await subscriber.texts(2);
    await gateway.mqtt.endAsync();
    expect(await subscriber.texts(1)).toEqual([
      `devices/${device}/presence {"state":"offline","reason":"lost"}`,
    ]);
  });

  it.each(['status', 'message'])(
    'publishes the will of a gateway that is lost, on %s, before its device is offline',
    async (type) => {
      const device = deviceId();
      const will = { ...willOf(device), topic: `devices/${device}/${type}` };
      const gateway = await client('gateway', unique('gw'), { will });
      const subscriber = await client('subscriber', unique('sub'));
      await subscriber.subscribe(`devices/${device}/#`);
      await subscriber.texts(1);
      gateway.breakOff();
      expect(await subscriber.texts(2)).toEqual([
        `devices/${device}/${type} lost`,
        `devices/${device}/presence {"state":"offline","reason":"lost"}`,
      ]);
    },
  );

  it('has one gateway of an id, whichever protocol it speaks', async () => {
    const id = unique('gw');
    const first = await own('gateway', id);
    const second = await client('gateway', id);
    expect(await first.code).toBe(4004);
    await own('gateway', id);
    await second.ended();
    expect(second.disconnectReason).toBe(0x8e);
  });
});
