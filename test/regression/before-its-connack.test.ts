/**
 * MQTT clients until their CONNACK. One that vanished before it used to shift the end of its session, but not that of its
 * subscriptions: later it was told that its session is present, and its filters were gone. One that was kicked used to
 * keep its session. And events of a session used to come before CONNACK, where the client was let in as a subscriber before
 * it was as a device.
 */
import { expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import { RESTORED_PER_TURN } from '../../src/edge/mqtt/restoring.ts';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const connect = { clean: false, properties: { sessionExpiryInterval: 60 } };

/** A session that follows a filter is kept. */
async function leaveSession(hub: OneThreadHub, id: string): Promise<void> {
  const client = await Client.in(hub, id, { connect });
  await client.subscribe('devices/+/message');
  client.socket.end();
  await hub.settle();
}

async function speak(hub: OneThreadHub): Promise<void> {
  (await hub.peer('device', 'a')).say({ type: 'message', data: 1 });
  await hub.settle();
}

const losses: readonly [string, (client: Client) => void][] = [
  ['vanishes', (client: Client) => client.socket.end()],
  ['is closed', (client: Client) => client.socket.session.close(closes.overCapacity)],
];

it.each(losses)(
  'a client that %s before its CONNACK still has its filters when it is told that its session is present',
  async (_how, lose) => {
    const hub = new OneThreadHub({ historyBytes: 0 });
    await leaveSession(hub, 's');
    hub.clock.advance(40_000);
    await hub.settle();
    const lost = await Client.open(hub);
    lost.sayConnect('s', connect);
    lose(lost);
    await hub.settle();
    hub.clock.advance(40_000); // by now the subscriptions of the first connection have ended
    await hub.settle();
    const { client, connack } = await Client.connect(hub, 's', { connect });
    expect(connack).toMatchObject({ cmd: 'connack', sessionPresent: true });
    client.said();
    await speak(hub);
    expect(client.events()).toEqual(['devices/a/message 1']);
  },
);

it('a client gets nothing of its session before its CONNACK, though its device has to wait', async () => {
  const hub = new OneThreadHub({ historyBytes: 0 });
  const speaker = await hub.peer('device', 'a');
  await leaveSession(hub, 'x');
  await hub.peer('device', 'x');
  const client = await Client.open(hub, { route: 'mqttDevice' });
  hub.isOwnerAway = true;
  client.sayConnect('x', connect);
  hub.isOwnerAway = false;
  hub.turn(); // it has its id, and asks to be let in
  hub.isOwnerAway = true;
  hub.dieOverRecords();
  hub.replaceOwner();
  // The device waits until the older connection of its id has been let go.
  for (let turn = 0; turn < 5; turn++) hub.turn();
  speaker.say({ type: 'message', data: 1 });
  for (let turn = 0; turn < 5; turn++) hub.turn();
  await hub.settle();
  expect(client.events()[0]).toBe('connack');
});

it.each(losses)(
  'a client that %s while the many topic filters of its session are worked out leaves them as they were',
  async (_how, lose) => {
    const count = RESTORED_PER_TURN + 1;
    const hub = new OneThreadHub({ historyBytes: 0, devices: 4 * count });
    const first = await Client.in(hub, 's', { connect });
    await first.subscribe(...Array.from({ length: count }, (_, i) => `devices/d${i}/message`));
    first.socket.end();
    await hub.settle();
    const lost = await Client.open(hub);
    lost.sayConnect('s', connect);
    hub.turn(); // it has its id
    expect(lost.said()).toEqual([]);
    lose(lost);
    for (let turn = 0; turn < 3; turn++) await hub.settle();
    expect([...hub.edge.mqtt.all]).toEqual([]);
    const client = await Client.open(hub);
    client.sayConnect('s', connect);
    for (let turn = 0; turn < 3; turn++) await hub.settle();
    expect(client.said()).toMatchObject([{ cmd: 'connack', sessionPresent: true }]);
    (await hub.peer('device', `d${count - 1}`)).say({ type: 'message', data: 1 });
    await hub.settle();
    expect(client.events()).toEqual([`devices/d${count - 1}/message 1`]);
  },
);

it('a client that an operator kicks before its CONNACK finds no session when it is back', async () => {
  const hub = new OneThreadHub({ historyBytes: 0 });
  await leaveSession(hub, 's');
  const kicked = await Client.open(hub);
  kicked.sayConnect('s', connect);
  hub.turn(); // it has its id
  kicked.socket.session.close(closes.kicked);
  await hub.settle();
  const { connack } = await Client.connect(hub, 's', { connect });
  expect(connack).toMatchObject({ reasonCode: 0, sessionPresent: false });
});
