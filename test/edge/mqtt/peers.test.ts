/** The MQTT connections of an edge together. */
import { describe, expect, it } from 'vitest';
import type { MqttPeer } from '../../../src/edge/mqtt/peer.ts';
import { INTEREST_LOOKS_MAX } from '../../../src/edge/mqtt/peers.ts';
import { OneThreadHub } from '../one-thread-hub.ts';
import { Client } from './mqtt-client.ts';

describe('the settings of MQTT', () => {
  it('are those of the hub, as they are now', () => {
    const { edge, settings } = new OneThreadHub({
      settings: { maxMessageBytes: 100, subscriberRemoveAfterMs: 200, mqttKeepAliveMaxMs: 300 },
    });
    const { settings: mqtt } = edge.mqtt.context;
    expect([mqtt.packetBytesMax, mqtt.keptMsMax, mqtt.keepAliveSecondsMax]).toEqual([100, 200, 1]);
    Object.assign(settings, { maxMessageBytes: 101, mqttKeepAliveMaxMs: 2001 });
    expect([mqtt.packetBytesMax, mqtt.keepAliveSecondsMax]).toEqual([101, 3]);
    settings.mqttKeepAliveMaxMs = 0;
    expect(mqtt.keepAliveSecondsMax).toBe(0);
  });

  it('tell a client the longest keep-alive, which then holds for it', async () => {
    const hub = new OneThreadHub({ settings: { mqttKeepAliveMaxMs: 10_000 } });
    const { client, connack } = await Client.connect(hub, 's', { connect: { keepalive: 0 } });
    expect(connack).toMatchObject({ properties: { serverKeepAlive: 10 } });
    hub.clock.advance(15_000);
    hub.edge.mqtt.tick();
    expect(client.said()).toEqual([]);
    hub.clock.advance(1);
    hub.edge.mqtt.tick();
    expect(client.said()).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x8d }]);
  });
});

describe('the connections of MQTT', () => {
  it('are not held to time in which their thread did not run', async () => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 's', { connect: { keepalive: 10 } });
    hub.clock.advance(60_000);
    hub.edge.mqtt.credit(60_000);
    hub.edge.mqtt.tick();
    expect(client.socket.closed).toBeUndefined();
  });

  it('are known by the number under which the owner knows them, until they have left', async () => {
    const hub = new OneThreadHub();
    const client = await Client.open(hub);
    const { number } = client.socket.session;
    expect(hub.edge.mqtt.has(number)).toBe(false);
    client.sayConnect('s');
    expect(hub.edge.mqtt.has(number)).toBe(true);
    expect([...hub.edge.mqtt.all]).toEqual([client.socket.session]);
    await hub.settle();
    client.socket.end();
    expect(hub.edge.mqtt.has(number)).toBe(false);
    expect(hub.edge.mqtt.all.size).toBe(0);
  });

  it('give back what the owner hands to one that has gone', async () => {
    const hub = new OneThreadHub();
    const connect = { clean: false, properties: { sessionExpiryInterval: 60 } };
    const first = await Client.in(hub, 's', { connect });
    await first.subscribe('devices/dev/message');
    first.disconnect();
    await hub.settle();
    const second = await Client.open(hub);
    second.sayConnect('s', connect);
    hub.owner.poll(1000);
    second.socket.end();
    await hub.settle();
    const third = await Client.connect(hub, 's', { connect });
    expect(third.connack).toMatchObject({ sessionPresent: true });
  });

  it('free an id that the owner hands to one that has gone, and that nothing was kept of', async () => {
    const hub = new OneThreadHub();
    const client = await Client.open(hub);
    client.sayConnect('s');
    hub.owner.poll(1000);
    client.socket.end();
    await hub.settle();
    const { connack } = await Client.connect(hub, 's', { connect: { clean: false } });
    expect(connack).toMatchObject({ sessionPresent: false, reasonCode: 0 });
  });
});

describe('clients that want to know whether anybody listens to them, and are no devices', () => {
  const looks = (count: number, ticks: number): number[] => {
    const { mqtt } = new OneThreadHub().edge;
    const looked = Array.from({ length: count }, () => 0);
    for (const n of looked.keys()) {
      const lookAtInterest = (): void => {
        looked[n]! += 1;
      };
      mqtt.watchInterest({ lookAtInterest } as MqttPeer, true);
    }
    for (let tick = 0; tick < ticks; tick++) mqtt.interestWatch.tick();
    return looked;
  };

  it('are looked at each time', () => {
    expect(looks(3, 2)).toEqual([2, 2, 2]);
    expect(new Set(looks(INTEREST_LOOKS_MAX, 2))).toEqual(new Set([2]));
  });

  it('are looked at in turn when they are many', () => {
    const count = 2 * INTEREST_LOOKS_MAX;
    expect(looks(count, 1).reduce((sum, each) => sum + each)).toBe(INTEREST_LOOKS_MAX);
    expect(new Set(looks(count, 4))).toEqual(new Set([2]));
  });
});
