/**
 * The ack of an event that nobody listened to came at once, before those of earlier events that were on their way to
 * the owner, and with the number of before them.
 */
import { describe, expect, it } from 'vitest';
import type { HubSocket } from '../edge/hub-socket.ts';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const types = ['message', 'pong', 'status', 'pong', 'message', 'message', 'pong'];
const events = types.map((type, n) => ({ type, status: 'on', id: n + 1 }));
const ids = events.map(({ id }) => id);
/** The first is that the device is online. */
const withHistory = [2, 2, 3, 3, 4, 5, 5];
const withoutHistory = [0, 0, 0, 0, 0, 0, 0];

const acksOf = (peer: HubSocket<unknown>) =>
  peer.frames().map(({ op, id, seq, skipped }) => ({ op, id, seq, skipped }));
const inOrder = (seqs: readonly number[]) =>
  seqs.map((seq, n) => ({ op: 'ack', id: n + 1, seq, skipped: true }));

describe.each([
  ['on', 1024 * 1024, withHistory],
  ['off', 0, withoutHistory],
] as const)('acks of events that nobody listens to, with history %s', (_, historyBytes, seqs) => {
  it('come in order, each with the last number', async () => {
    const hub = new OneThreadHub({ historyBytes });
    const device = await hub.peer('device', 'dev');
    device.frames();
    for (const event of events) device.say(event);
    await hub.settle();
    expect(acksOf(device)).toEqual(inOrder(seqs));
  });

  it('do so for a device of a gateway', async () => {
    const hub = new OneThreadHub({ historyBytes });
    const gateway = await hub.peer('gateway', 'gw');
    gateway.say({ op: 'open', device: 'dev' });
    await hub.settle();
    gateway.frames();
    for (const event of events) gateway.say({ device: 'dev', ...event });
    await hub.settle();
    expect(acksOf(gateway)).toEqual(inOrder(seqs));
  });

  it('do so where the events before ask for no ack', async () => {
    const hub = new OneThreadHub({ historyBytes });
    const device = await hub.peer('device', 'dev');
    device.frames();
    for (const { id, ...event } of events.slice(0, -1)) device.say(event);
    device.say(events.at(-1)!);
    await hub.settle();
    expect(acksOf(device)).toEqual(inOrder(seqs).slice(-1));
  });

  it('do so for an MQTT client', async () => {
    const hub = new OneThreadHub({ historyBytes });
    const client = await Client.in(hub, 'dev', { route: 'mqttDevice' });
    for (const type of types) client.publish(`devices/dev/${type}`, 'on', 1);
    await hub.settle();
    expect(client.said().map(({ cmd, messageId }) => [cmd, messageId])).toEqual(
      ids.map((id) => ['puback', id]),
    );
  });

  it('do so again once another owner has taken over', async () => {
    const hub = new OneThreadHub({ historyBytes });
    const device = await hub.peer('device', 'dev');
    device.say({ type: 'status', status: 'on', id: 'lost' });
    hub.dieOverRecords();
    hub.replaceOwner();
    await hub.settle();
    device.frames();
    device.say({ type: 'pong', id: 1 });
    expect(acksOf(device)).toMatchObject([{ op: 'ack', id: 1, skipped: true }]); // the edge answers itself
  });
});
