/**
 * An MQTT client that follows many devices comes to ask for subscription identifiers. All of its topics used to be
 * rearranged in one go, while all other peers of the thread waited.
 */
import { expect, it } from 'vitest';
import { MOVES_PER_TURN } from '../../src/edge/deliver/movers.ts';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const COUNT = 2 * MOVES_PER_TURN + 10;

async function start() {
  const hub = new OneThreadHub({ historyBytes: 0, devices: 4 * COUNT });
  const [first, last] = await Promise.all(['d0', `d${COUNT - 1}`].map((id) => hub.peer('device', id)));
  const client = await Client.in(hub, 's');
  const topics = Array.from({ length: COUNT }, (_, i) => `devices/d${i}/message`);
  expect(new Set(await client.subscribe(...topics))).toEqual(new Set([0]));
  expect(client.socket.topics.size).toBe(COUNT);
  const speak = (): void => {
    for (const device of [first!, last!]) device.say({ type: 'message', data: 1 });
  };
  const identify = (): void =>
    client.send({
      ...{ cmd: 'subscribe', messageId: 9, subscriptions: [{ topic: 'devices/+/message', qos: 0 }] },
      properties: { subscriptionIdentifier: 7 },
    });
  return { hub, client, speak, identify };
}

it('gets its SUBACK when it is in none of the transport’s topics, which it leaves in slices', async () => {
  const { hub, client, speak, identify } = await start();
  identify();
  const left: number[] = [];
  for (let turn = 0; turn < 20; turn++) {
    left.push(client.socket.topics.size);
    speak();
    hub.turn();
    await new Promise(setImmediate);
  }
  await hub.settle();
  expect([...new Set(left)]).toEqual([COUNT - MOVES_PER_TURN, 10, 0]);
  const said = client.said();
  const suback = said.findIndex(({ cmd }) => cmd === 'suback');
  const events = said.flatMap((packet) => (packet.cmd === 'publish' ? [packet] : []));
  expect(events).toHaveLength(2 * left.length);
  const later = said.slice(suback + 1);
  expect(later.length).toBeGreaterThan(10);
  for (const packet of later) expect(packet).toMatchObject({ properties: { subscriptionIdentifier: 7 } });
});

it('has the subscription in its session when it goes before that', async () => {
  const { hub, client, speak } = await start();
  client.socket.end();
  await hub.settle();
  const connect = { clean: false, properties: { sessionExpiryInterval: 60 } };
  const again = await Client.in(hub, 's', { connect });
  await again.subscribe(...Array.from({ length: COUNT }, (_, i) => `devices/d${i}/pong`));
  again.send({
    ...{ cmd: 'subscribe', messageId: 9, subscriptions: [{ topic: 'devices/+/message', qos: 0 }] },
    properties: { subscriptionIdentifier: 7 },
  });
  expect(again.socket.topics.size).toBe(COUNT - MOVES_PER_TURN);
  again.socket.end();
  await hub.settle();
  const third = await Client.open(hub);
  third.sayConnect('s', connect);
  for (let turn = 0; turn < 4; turn++) await hub.settle(); // so many topic filters are not restored in one turn
  expect(third.said()).toMatchObject([{ cmd: 'connack', sessionPresent: true }]);
  speak();
  await hub.settle();
  expect(third.said()).toMatchObject([1, 2].map(() => ({ properties: { subscriptionIdentifier: 7 } })));
});
