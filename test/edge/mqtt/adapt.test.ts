/** What clients get that do not get what all others of their version do. */
import { describe, expect, it } from 'vitest';
import { adaptTo } from '../../../src/edge/mqtt/adapt.ts';
import { OneThreadHub } from '../one-thread-hub.ts';
import { Client } from './mqtt-client.ts';

/** A subscriber with one subscription of these options; what it gets of a device `dev`. */
async function start(filter: string, options: object, properties?: object) {
  const hub = new OneThreadHub();
  const client = await Client.in(hub, 's', {
    ...(properties === undefined ? {} : { connect: { properties } }),
  });
  const device = await hub.peer('device', 'dev');
  const subscription = { topic: filter, qos: 0, rh: 2, ...options } as const;
  const { identifier } = options as { identifier?: number };
  client.send({
    ...{ cmd: 'subscribe', messageId: 1, subscriptions: [subscription] },
    ...(identifier === undefined ? {} : { properties: { subscriptionIdentifier: identifier } }),
  });
  await hub.settle();
  client.said();
  return { hub, client, device };
}

describe('a client with a subscription identifier', () => {
  it.each([0, 50, 200, 20_000])('gets each event with it, however long that is (%i bytes)', async (bytes) => {
    const { hub, client, device } = await start('devices/dev/message', { identifier: 300 });
    const data = 'x'.repeat(bytes);
    device.say({ type: 'message', data });
    await hub.settle();
    expect(client.said()).toMatchObject([
      {
        ...{ cmd: 'publish', topic: 'devices/dev/message', payload: Buffer.from(`"${data}"`) },
        properties: { subscriptionIdentifier: 300 },
      },
    ]);
  });

  it('gets what it subscribes to from then on like that, be it a subscriber already', async () => {
    const { hub, client, device } = await start('devices/dev/status', {});
    device.say({ type: 'status', status: 'on' });
    await hub.settle();
    expect(client.said()).toMatchObject([{ topic: 'devices/dev/status' }]);
    client.send({
      ...{ cmd: 'subscribe', messageId: 2, properties: { subscriptionIdentifier: 7 } },
      subscriptions: [{ topic: 'devices/dev/message', qos: 0, rh: 2 }],
    });
    await hub.settle();
    client.said();
    device.say({ type: 'message', data: 1 });
    device.say({ type: 'status', status: 'off' });
    await hub.settle();
    const got = client.said() as { topic: string; properties?: { subscriptionIdentifier?: number } }[];
    expect(got.map(({ topic, properties }) => [topic, properties?.subscriptionIdentifier])).toEqual([
      ['devices/dev/status', undefined],
      ['devices/dev/message', 7],
    ]);
  });
});

it('a client that accepts small packets gets no larger one', async () => {
  const { hub, client, device } = await start('devices/dev/message', {}, { maximumPacketSize: 100 });
  device.say({ type: 'message', data: 'x'.repeat(100) });
  device.say({ type: 'message', data: 'y' });
  await hub.settle();
  expect(client.events()).toEqual(['devices/dev/message "y"']);
});

it('No Local keeps a client’s own events from it, and those alone', async () => {
  const hub = new OneThreadHub();
  const client = await Client.in(hub, 'dev', { route: 'mqttDevice' });
  const subscriptions = [{ topic: 'devices/+/message', qos: 0, nl: true, rh: 2 } as const];
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions });
  await hub.settle();
  client.said();
  client.publish('devices/dev/message', '1');
  (await hub.peer('device', 'other')).say({ type: 'message', data: 2 });
  await hub.settle();
  expect(client.events()).toEqual(['devices/other/message 2']);
});

it('an event on a topic that is none of the layout is for nobody', async () => {
  const { client } = await start('devices/dev/message', {});
  const topic = Buffer.from('elsewhere');
  const packet = Buffer.from([0x30, topic.length + 3, 0, topic.length, ...topic, 0]);
  expect(adaptTo(client.socket.session.session, packet)).toBeUndefined();
});
