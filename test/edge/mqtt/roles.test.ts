/** What one MQTT client may be at once in a hub in one thread, and who pays. */
import { describe, expect, it } from 'vitest';
import { PatternSet } from '../../../src/access/pattern-set.ts';
import { closes } from '../../../src/codes.ts';
import type { MqttGatewaySession } from '../../../src/edge/mqtt/gateway-session.ts';
import { OneThreadHub, type OneThreadHubOptions } from '../one-thread-hub.ts';
import { Client } from './mqtt-client.ts';

const stateOf = (hub: OneThreadHub, id: string): string | undefined => hub.device(id)?.state;
const withToken = { username: 'u', password: Buffer.from('t') };

async function gatewayOf(options: OneThreadHubOptions = {}, connect = {}) {
  const hub = new OneThreadHub(options);
  hub.useTokens();
  hub.tokens.set('t', { sub: 'gw', role: 'gateway', devices: new PatternSet(['site-a.*', 'dev']) });
  const gateway = await Client.in(hub, 'gw', { connect: { ...withToken, ...connect } });
  return { hub, gateway };
}

describe('a gateway with a will', () => {
  it('is refused where it cannot pay for the device of its will: it would rely on that', async () => {
    const { hub, gateway } = await gatewayOf({ settings: { deviceRate: 1, deviceBurst: 1 } });
    gateway.send({ cmd: 'pingreq' });
    gateway.disconnect();
    await hub.settle();
    const will = {
      topic: 'devices/site-a.1/message',
      payload: Buffer.from('x'),
      qos: 0,
      retain: false,
    } as const;
    const { connack, client } = await Client.connect(hub, 'gw', { connect: { ...withToken, will } });
    expect(connack).toMatchObject({ cmd: 'connack', reasonCode: 0x97 });
    expect(client.socket.closed?.code).toBe(closes.overCapacity.code);
    await hub.settle();
    expect([...hub.edge.mqtt.all]).toEqual([]);
    hub.clock.advance(1000);
    await Client.in(hub, 'gw', { connect: { ...withToken, will } });
    expect(stateOf(hub, 'site-a.1')).toBe('online');
  });
});

describe('a client that is a device and a subscriber', () => {
  it('follows others, and is followed', async () => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 'dev', { route: 'mqttDevice' });
    await client.subscribe('devices/+/message');
    client.publish('devices/dev/message', '1');
    (await hub.peer('device', 'other')).say({ type: 'message', data: 2 });
    await hub.settle();
    expect(client.events()).toEqual(['devices/dev/message 1', 'devices/other/message 2']);
    expect(hub.count('mqttSessions')).toBe(2);
    client.disconnect();
    await hub.settle();
    expect(hub.count('mqttSessions')).toBe(0);
  });

  it('is taken over in both when another of the hub’s own protocol comes', async () => {
    for (const route of ['device', 'subscriber'] as const) {
      const hub = new OneThreadHub();
      const client = await Client.in(hub, 'dev', { route: 'mqttDevice' });
      await client.subscribe('devices/+/message');
      await hub.peer(route, 'dev');
      expect(client.socket.closed?.code).toBe(closes.replaced.code);
      expect(client.said()).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x8e }]);
      expect(hub.count('mqttSessions')).toBe(0);
    }
  });

  it('pays for each of its events as the device, and for the rest as the subscriber', async () => {
    const rates = { deviceRate: 1, deviceBurst: 1, subscriberRate: 2, subscriberBurst: 2 };
    const hub = new OneThreadHub({ settings: rates });
    const client = await Client.in(hub, 'dev', { route: 'mqttDevice' });
    client.publish('devices/dev/status', 'on');
    expect(await client.subscribe('devices/other/message')).toEqual([0x97]); // it pays as the device
    hub.clock.advance(1000);
    expect(await client.subscribe('devices/other/message')).toEqual([0]); // with which it is a subscriber
    expect(await client.subscribe('devices/other/status')).toEqual([0]);
    client.publish('devices/dev/status', 'off', 1);
    expect(client.said()).toMatchObject([{ reasonCode: 0x97 }]);
  });
});

describe('a client that is nothing yet', () => {
  it('pays as a subscriber, and what it used stays used when it comes back', async () => {
    const hub = new OneThreadHub({ settings: { subscriberRate: 1, subscriberBurst: 1 } });
    const first = await Client.in(hub, 's');
    first.send({ cmd: 'pingreq' });
    first.disconnect();
    await hub.settle();
    const second = await Client.in(hub, 's');
    expect(await second.subscribe('devices/dev/message')).toEqual([0x97]);
    hub.clock.advance(1000);
    expect(await second.subscribe('devices/dev/message')).toEqual([0]);
  });
});

describe('a client whose token names a role', () => {
  it('is a device on whatever listener, and follows itself alone', async () => {
    const hub = new OneThreadHub();
    hub.useTokens();
    hub.tokens.set('t', { sub: 'dev', role: 'device' });
    const device = await Client.in(hub, 'dev', { connect: withToken });
    await hub.settle();
    expect(stateOf(hub, 'dev')).toBe('online');
    expect(await device.subscribe('devices/dev/message', 'devices/+/message')).toEqual([0, 0x87]);
    device.publish('devices/dev/message', '1');
    await hub.settle();
    expect(device.events()).toEqual(['devices/dev/message 1']);
  });

  it('is a subscriber of what the token covers, and no device', async () => {
    const hub = new OneThreadHub();
    hub.useTokens();
    hub.tokens.set('t', { sub: 's', role: 'subscriber', devices: new PatternSet(['site-a.*']) });
    const subscriber = await Client.in(hub, 's', { connect: withToken, route: 'mqttDevice' });
    expect(await subscriber.subscribe('devices/site-a.1/message', 'devices/site-b/message')).toEqual([
      0, 0x87,
    ]);
    expect(await subscriber.subscribe('devices/+/message')).toEqual([0]);
    for (const id of ['site-a.1', 'site-b', 's']) {
      hub.tokens.set(id, { sub: id, role: 'device' });
      (await hub.peer('device', id, `&token=${id}`)).say({ type: 'message', data: id });
    }
    await hub.settle();
    expect(subscriber.events()).toEqual(['devices/site-a.1/message "site-a.1"']);
    subscriber.publish('devices/s/message', '1');
    expect(subscriber.said()).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x87 }]);
  });
});

describe('an MQTT gateway', () => {
  it('connects devices of its token with their first event, and has each acknowledged', async () => {
    const { hub, gateway } = await gatewayOf();
    gateway.publish('devices/site-a.1/message', '1', 1);
    gateway.publish('devices/dev/status', 'on', 2);
    gateway.publish('devices/site-b.1/message', '1', 1);
    await hub.settle();
    const said = gateway.said() as { messageId: number; reasonCode: number }[];
    expect(said.map(({ messageId, reasonCode }) => [messageId, reasonCode < 0x80]).sort()).toEqual([
      [1, true],
      [2, true],
      [3, false],
    ]);
    expect([stateOf(hub, 'site-a.1'), stateOf(hub, 'dev')]).toEqual(['online', 'online']);
    expect(stateOf(hub, 'site-b.1')).toBeUndefined();
    expect(hub.device('dev')?.gateway).toBe('gw');
    hub.clock.advance(1000);
    gateway.publish('devices/dev/message', '1');
    expect(hub.device('dev')?.lastSeen).toBe(hub.clock.nowMs);
  });

  it('is told of events for which a device is taken before they are answered', async () => {
    const { hub, gateway } = await gatewayOf();
    gateway.publish('devices/dev/message', '1', 1);
    await hub.settle();
    gateway.said();
    hub.tokens.set('d', { sub: 'dev', role: 'device' });
    await hub.peer('device', 'dev', '&token=d');
    gateway.publish('devices/dev/message', '2', 1);
    expect(gateway.said()).toMatchObject([{ messageId: 2, reasonCode: 0x87 }]);
    gateway.publish('devices/site-a.1/message', '3', 1);
    await hub.settle();
    expect(gateway.said()).toMatchObject([{ messageId: 3 }]);
  });

  it('pays for the devices that it connects, and for what it says of others', async () => {
    const { hub, gateway } = await gatewayOf({
      settings: { deviceRate: 1, deviceBurst: 1, maxDevicesPerGateway: 1 },
    });
    const session = () => [...hub.edge.mqtt.all][0]!;
    expect(session().isGateway).toBe(true);
    gateway.send({ cmd: 'pingreq' });
    gateway.said();
    gateway.publish('devices/dev/message', '1', 1);
    expect(gateway.said()).toMatchObject([{ messageId: 1, reasonCode: 0x97 }]); // no room in its rate
    hub.clock.advance(1000);
    gateway.publish('devices/dev/message', '2', 1);
    gateway.publish('devices/site-a.1/message', '3', 1); // one device is what it may have
    await hub.settle();
    const said = gateway.said() as { messageId: number; reasonCode: number }[];
    expect(said.map(({ messageId, reasonCode }) => [messageId, reasonCode >= 0x80])).toEqual([
      [3, true],
      [2, false],
    ]);
  });

  it('has a will of a device of its own, which a goodbye withdraws', async () => {
    for (const saysGoodbye of [true, false]) {
      const will = {
        topic: 'devices/dev/message',
        payload: Buffer.from('gone'),
        qos: 0,
        retain: false,
      } as const;
      const { hub, gateway } = await gatewayOf({}, { will });
      hub.tokens.set('s', { sub: 's', role: 'subscriber' });
      const connect = { username: 'u', password: Buffer.from('s') };
      const subscriber = await Client.in(hub, 's', { connect });
      await subscriber.subscribe('devices/dev/#');
      subscriber.said();
      expect(stateOf(hub, 'dev')).toBe('online');
      if (saysGoodbye) gateway.disconnect();
      else gateway.socket.end();
      await hub.settle();
      expect(stateOf(hub, 'dev')).toBe('online'); // its devices are lost, however it goes
      hub.clock.advance(15_000);
      await hub.settle();
      const events = subscriber.events();
      expect(events.includes('devices/dev/message gone')).toBe(!saysGoodbye);
      expect(events.at(-1)).toContain('"offline"');
      expect(stateOf(hub, 'dev')).toBe('offline');
    }
  });

  it('gives way to a newer one of its id', async () => {
    const { hub, gateway } = await gatewayOf();
    gateway.publish('devices/dev/message', '1');
    await hub.settle();
    const newer = await hub.peer<MqttGatewaySession>('gateway', 'gw', '&token=t');
    newer.say({ op: 'open', device: 'dev' });
    await hub.settle();
    expect(gateway.socket.closed?.code).toBe(closes.replaced.code);
    expect(stateOf(hub, 'dev')).toBe('online');
  });
});
