/** What outlives an MQTT connection of a hub in one thread, and what its client is told of interest. */
import { describe, expect, it } from 'vitest';
import { closes } from '../../../src/codes.ts';
import { OneThreadHub } from '../one-thread-hub.ts';
import { Client } from './mqtt-client.ts';

const stateOf = (hub: OneThreadHub, id: string): string | undefined => hub.device(id)?.state;

describe('a will', () => {
  const will = {
    topic: 'devices/dev/message',
    payload: Buffer.from('{"gone":1}'),
    qos: 0,
    retain: false,
  } as const;
  const start = async (more = {}) => {
    const hub = new OneThreadHub();
    const subscriber = await Client.in(hub, 's');
    await subscriber.subscribe('devices/dev/message');
    const device = await Client.in(hub, 'dev', { connect: { will: { ...will, ...more } } });
    await hub.settle();
    return { hub, subscriber, device };
  };

  it('is published after the leave grace when its client is lost', async () => {
    const { hub, subscriber, device } = await start();
    expect(stateOf(hub, 'dev')).toBe('online');
    device.socket.end();
    await hub.settle();
    hub.clock.advance(14_999);
    await hub.settle();
    expect(subscriber.events()).toEqual([]);
    hub.clock.advance(1);
    await hub.settle();
    expect(subscriber.events()).toEqual(['devices/dev/message {"gone":1}']);
  });

  it('is published after its delay where that is shorter', async () => {
    const { hub, subscriber, device } = await start({ properties: { willDelayInterval: 1 } });
    device.socket.end();
    await hub.settle();
    hub.clock.advance(1000);
    await hub.settle();
    expect(subscriber.events()).toEqual(['devices/dev/message {"gone":1}']);
  });

  it('is withdrawn with a goodbye', async () => {
    const { hub, subscriber, device } = await start();
    device.disconnect();
    await hub.settle();
    expect(stateOf(hub, 'dev')).toBe('offline');
    hub.clock.advance(60_000);
    await hub.settle();
    expect(subscriber.events()).toEqual([]);
  });

  it('is known to a new owner', async () => {
    const { hub, subscriber, device } = await start();
    hub.replaceOwner();
    await hub.settle();
    device.socket.end();
    await hub.settle();
    hub.clock.advance(15_000);
    await hub.settle();
    expect(subscriber.events()).toEqual(['devices/dev/message {"gone":1}']);
  });
});

describe('a session', () => {
  const connect = { clean: false, properties: { sessionExpiryInterval: 60 } };
  const leave = async (hub: OneThreadHub, filter: string): Promise<void> => {
    const client = await Client.in(hub, 's', { connect });
    await client.subscribe(filter);
    client.disconnect();
    await hub.settle();
  };

  it('is kept until its client is back, for as long as that asked for', async () => {
    const hub = new OneThreadHub();
    await leave(hub, 'devices/dev/message');
    hub.clock.advance(59_999);
    await hub.settle();
    const { client, connack } = await Client.connect(hub, 's', { connect });
    expect(connack).toMatchObject({ sessionPresent: true });
    (await hub.peer('device', 'dev')).say({ type: 'message', data: 1 });
    await hub.settle();
    expect(client.events()).toEqual(['devices/dev/message 1']);
    client.disconnect();
    await hub.settle();
    hub.clock.advance(60_000);
    await hub.settle();
    expect((await Client.connect(hub, 's', { connect })).connack).toMatchObject({ sessionPresent: false });
  });

  it('of a client that follows no device makes it no subscriber', async () => {
    const hub = new OneThreadHub();
    await leave(hub, 'devices/s/interest');
    const { client, connack } = await Client.connect(hub, 's', { connect });
    expect(connack).toMatchObject({ sessionPresent: true });
    expect(client.events()).toEqual(['!devices/s/interest 0']);
    expect(hub.count('mqttSessions')).toBe(0);
  });

  it('goes on with a new owner', async () => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 's', { connect });
    await client.subscribe('devices/dev/message');
    hub.replaceOwner();
    await hub.settle();
    (await hub.peer('device', 'dev')).say({ type: 'message', data: 1 });
    await hub.settle();
    expect(client.events()).toEqual(['devices/dev/message 1']);
    // The new owner knows who has the id.
    const second = await Client.connect(hub, 's', { connect });
    expect(client.said()).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x8e }]);
    expect(second.connack).toMatchObject({ sessionPresent: true });
  });

  it.each([
    [true, false],
    [false, true],
  ])('is asked for again where the owner died over it (clean start %s)', async (clean, sessionPresent) => {
    const hub = new OneThreadHub();
    const second = await Client.in(hub, 's', { connect });
    await second.subscribe('devices/dev/message');
    const third = await Client.open(hub);
    third.sayConnect('s', { ...connect, clean });
    hub.dieOverRecords();
    hub.replaceOwner();
    await hub.settle();
    expect(second.socket.closed?.code).toBe(closes.replaced.code);
    expect(third.said()).toMatchObject([{ cmd: 'connack', sessionPresent }]);
  });
});

describe('a client that a new owner asks for', () => {
  it('is none without a CONNECT, and none once it has left', async () => {
    const hub = new OneThreadHub();
    await Client.open(hub);
    const gone = await Client.in(hub, 's');
    gone.disconnect();
    hub.dieOverRecords();
    hub.replaceOwner();
    await hub.settle();
    const { client, connack } = await Client.connect(hub, 's');
    expect(connack).toMatchObject({ reasonCode: 0 });
    expect(client.socket.closed).toBeUndefined();
  });
});

describe('a client whose subscription ends', () => {
  it('gets no more of its events, once UNSUBACK has come', async () => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 's');
    await client.subscribe('devices/dev/message');
    const device = await hub.peer('device', 'dev');
    await client.unsubscribe('devices/dev/message');
    device.say({ type: 'message', data: 1 });
    await hub.settle();
    expect(client.events()).toEqual(['unsuback']);
  });
});

describe('interest in a client', () => {
  it('is told to a device at once, and to a client that is none yet when it is looked for', async () => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 'dev');
    expect(await client.subscribe('devices/dev/interest')).toEqual([0]);
    expect(client.events()).toEqual(['!devices/dev/interest 0']);
    await hub.peer('subscriber', 's', '&devices=dev');
    expect(client.events()).toEqual([]);
    hub.edge.mqtt.interestWatch.tick();
    expect(client.events()).toEqual(['devices/dev/interest 1']);
    client.publish('devices/dev/message', '1');
    await hub.settle();
    hub.edge.mqtt.interestWatch.tick();
    expect(client.events()).toEqual([]); // it knows
    await client.unsubscribe('devices/dev/interest');
    client.said();
    expect(await client.subscribe('devices/dev/interest')).toEqual([0]);
    expect(client.events()).toEqual(['!devices/dev/interest 1']);
  });

  it('that ends is told to a device after a while', async () => {
    const hub = new OneThreadHub();
    const device = await Client.in(hub, 'dev', { route: 'mqttDevice' });
    const subscriber = await hub.peer('subscriber', 's', '&devices=dev');
    await device.subscribe('devices/dev/interest');
    expect(device.events()).toEqual(['!devices/dev/interest 1']);
    subscriber.say({ op: 'unsubscribe', devices: ['dev'] });
    await hub.settle();
    expect(device.events()).toEqual([]);
    hub.clock.advance(5000);
    hub.edge.interests.tick();
    expect(device.events()).toEqual(['devices/dev/interest 0']);
    await device.unsubscribe('devices/dev/interest');
    device.said();
    await hub.peer('subscriber', 's-2', '&devices=dev');
    expect(device.events()).toEqual([]);
  });
});
