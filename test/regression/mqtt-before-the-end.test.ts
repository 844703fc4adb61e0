/**
 * What a client of MQTT sent before its connection ended takes effect, whether or not it waited for the answers: it may
 * send on at once after CONNECT (MQTT 3.1.1 and 5, section 3.1.4).
 */
import mqttPacket, { type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { Client, type Route } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const versions = [4, 5] as const;
const goodbye: Packet = { cmd: 'disconnect', reasonCode: 0 };
const keeping = (version: 4 | 5) =>
  version === 4 ? { clean: false } : { clean: false, properties: { sessionExpiryInterval: 60 } };

function publish(id: string, payload: string): Packet {
  return { cmd: 'publish', topic: `devices/${id}/message`, payload, qos: 0, dup: false, retain: false };
}

function subscribe(...topics: readonly string[]): Packet {
  return { cmd: 'subscribe', messageId: 1, subscriptions: topics.map((topic) => ({ topic, qos: 0 })) };
}

/** Sends all in one go. */
function sendAll(client: Client, packets: readonly Packet[]): void {
  const { version: protocolVersion } = client;
  client.socket.receive(
    Buffer.concat(packets.map((packet) => mqttPacket.generate(packet, { protocolVersion }))),
  );
}

describe.each(versions)('a connection of version %i', (version) => {
  it.each<Route>(['mqttTcp', 'mqttDevice'])(
    'that is over before CONNACK has published what it sent: %s',
    async (route) => {
      const hub = new OneThreadHub();
      const json = await hub.peer('subscriber', 's', '&devices=dev');
      json.frames();
      const client = await Client.open(hub, { version, route });
      client.sayConnect('dev');
      sendAll(client, [publish('dev', '1'), publish('dev', '2'), goodbye]);
      client.socket.end();
      await hub.settle();
      const events = json.frames().filter(({ op }) => op === 'event');
      expect(events.map(({ type, data }) => ({ type, data }))).toEqual(
        expect.arrayContaining([
          { type: 'message', data: 1 },
          { type: 'message', data: 2 },
          { type: 'status', data: { state: 'offline', reason: 'closed' } },
        ]),
      );
      expect(hub.device('dev')?.state).toBe('offline');
      expect(hub.count('mqttConnections')).toBe(0);
      expect(hub.count('mqttSessions')).toBe(0);
    },
  );

  it('that is over before CONNACK, without a goodbye, leaves a device that may come back', async () => {
    const hub = new OneThreadHub();
    const client = await Client.open(hub, { version });
    client.sayConnect('dev');
    sendAll(client, [publish('dev', '1')]);
    client.socket.end();
    await hub.settle();
    expect(hub.device('dev')?.state).toBe('online');
    expect(hub.count('mqttConnections')).toBe(0);
  });

  it('that is over before SUBACK leaves a session that has what it subscribed to', async () => {
    const hub = new OneThreadHub();
    const connect = keeping(version);
    const first = await Client.in(hub, 's', { version, connect });
    sendAll(first, [subscribe('devices/dev/message', 'nonsense'), subscribe('devices/+/pong'), goodbye]);
    await hub.settle();
    const { client, connack } = await Client.connect(hub, 's', { version, connect });
    expect(connack).toMatchObject({ sessionPresent: true });
    client.said();
    const device = await Client.in(hub, 'dev');
    device.publish('devices/dev/message', '1');
    device.publish('devices/dev/pong', '2');
    device.publish('devices/dev/status', 'ok');
    await hub.settle();
    expect(client.events().sort()).toEqual(['devices/dev/message 1', 'devices/dev/pong 2']);
  });

  it('that is over before UNSUBACK leaves a session that has the rest', async () => {
    const hub = new OneThreadHub();
    const connect = keeping(version);
    const first = await Client.in(hub, 's', { version, connect });
    await first.subscribe('devices/dev/message', 'devices/+/status', 'devices/other/message');
    const unsubscribe: Packet = {
      ...{ cmd: 'unsubscribe', messageId: 2 },
      unsubscriptions: ['devices/+/status', 'devices/other/message'],
    };
    sendAll(first, [unsubscribe, goodbye]);
    await hub.settle();
    const second = await Client.in(hub, 's', { version, connect });
    await hub.settle();
    second.said();
    for (const id of ['dev', 'other']) {
      const device = await Client.in(hub, id);
      device.publish(`devices/${id}/message`, '1');
      device.publish(`devices/${id}/status`, 'ok');
    }
    await hub.settle();
    expect(second.events()).toEqual(['devices/dev/message 1']);
  });

  it('that is over with several requests waiting leaves a session in which each has taken effect, in order', async () => {
    const hub = new OneThreadHub();
    const connect = keeping(version);
    const first = await Client.in(hub, 's', { version, connect });
    const ends = (...unsubscriptions: string[]): Packet => ({
      cmd: 'unsubscribe',
      messageId: 2,
      unsubscriptions,
    });
    sendAll(first, [
      subscribe('devices/a/message', 'devices/b/message'),
      ends('devices/b/message', 'devices/c/message'),
      subscribe('devices/c/message'),
    ]);
    first.socket.end();
    await hub.settle();
    const second = await Client.in(hub, 's', { version, connect });
    await hub.settle();
    second.said();
    for (const id of ['a', 'b', 'c']) (await Client.in(hub, id)).publish(`devices/${id}/message`, '1');
    await hub.settle();
    expect(second.events()).toEqual(['devices/a/message 1', 'devices/c/message 1']);
  });
});
