/**
 * An MQTT client whose own bytes end its connection before its CONNACK. Its sessions were closing by then, so that the hub
 * did not hear that they were let in: the client and its device stayed with the hub for ever.
 */
import { expect, it } from 'vitest';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const connect = { clean: false, properties: { sessionExpiryInterval: 60 } };

it.each(['mqttDevice', 'mqttSubscriber'] as const)(
  'a client at %s that speaks no MQTT before its CONNACK leaves nothing but its session behind',
  async (route) => {
    const hub = new OneThreadHub({ historyBytes: 0 });
    const first = await Client.in(hub, 'x', { connect, route });
    await first.subscribe('devices/+/message');
    first.disconnect();
    await hub.settle();
    const broken = await Client.open(hub, { route });
    broken.sayConnect('x', connect);
    hub.turn(); // it has its id, and asks to be let in
    broken.socket.receive('a text frame');
    expect([broken.said(), broken.socket.closed]).toEqual([[], expect.anything()]);
    await hub.settle();
    expect([...hub.edge.mqtt.all]).toEqual([]);
    expect(hub.count('mqttSessions')).toBe(0);
    const { client, connack } = await Client.connect(hub, 'x', { connect, route });
    expect(connack).toMatchObject({ reasonCode: 0, sessionPresent: true });
    client.said();
    (await hub.peer('device', 'a')).say({ type: 'message', data: 1 });
    await hub.settle();
    expect(client.events()).toEqual(['devices/a/message 1']);
  },
);
