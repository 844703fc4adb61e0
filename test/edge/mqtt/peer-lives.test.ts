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

  it.each<[string, (hub: OneThreadHub, lose: () => Promise<void>) => Promise<void>]>([
    ['before the owner died', async (_hub, lose) => lose()],
    [
      'while there was no owner',
      async (hub, lose) => {
        hub.isOwnerAway = true;
        await lose();
      },
    ],
    [
      'as the owner died',
      async (hub, lose) => {
        hub.isOwnerAway = true;
        await lose();
        hub.dieAtOnce();
      },
    ],
  ])('is published of a client that was lost %s', async (_when, lose) => {
    const { hub, subscriber, device } = await start({ properties: { willDelayInterval: 2 } });
    await lose(hub, async () => {
      device.socket.end();
      await hub.settle();
    });
    hub.replaceOwner();
    await hub.settle();
    hub.clock.advance(1990);
    await hub.settle();
    expect([stateOf(hub, 'dev'), subscriber.events()]).toEqual(['online', []]);
    hub.clock.advance(20);
    await hub.settle();
    expect(stateOf(hub, 'dev')).toBe('offline');
    expect(subscriber.events()).toEqual(['devices/dev/message {"gone":1}']);
  });

  it.each([
    ['while there was no owner', false],
    ['as the owner died', true],
  ])('is not published of a client that said goodbye %s', async (_when, isTaken) => {
    const { hub, subscriber, device } = await start();
    hub.isOwnerAway = true;
    device.disconnect();
    await hub.settle();
    if (isTaken) hub.dieAtOnce();
    hub.replaceOwner();
    await hub.settle();
    expect(stateOf(hub, 'dev')).toBe('offline');
    hub.clock.advance(15_000);
    await hub.settle();
    expect(subscriber.events()).toEqual([]);
  });

  it('is not published of a client that came without one as the owner died', async () => {
    const { hub, subscriber, device } = await start();
    device.socket.end();
    await hub.settle();
    const again = await Client.open(hub);
    hub.isOwnerAway = true;
    again.sayConnect('dev');
    await hub.settle();
    hub.dieAtOnce();
    hub.replaceOwner();
    await hub.settle();
    again.publish('devices/dev/status', 'here');
    await hub.settle();
    again.socket.end();
    await hub.settle();
    hub.clock.advance(15_000);
    await hub.settle();
    expect(stateOf(hub, 'dev')).toBe('offline');
    expect(subscriber.events()).toEqual([]);
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
    expect(client.events()).toEqual(['devices/s/interest 0']);
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

  it.each<[string, (hub: OneThreadHub, go: () => Promise<void>) => Promise<void>]>([
    ['before the owner died', async (_hub, go) => go()],
    [
      'while there was no owner',
      async (hub, go) => {
        hub.isOwnerAway = true;
        await go();
      },
    ],
    [
      'as the owner took it and died',
      async (hub, go) => {
        hub.isOwnerAway = true;
        await go();
        hub.dieAtOnce();
      },
    ],
    [
      'as the owner had done it and died',
      async (hub, go) => {
        hub.isOwnerAway = true;
        await go();
        hub.dieUnheard();
      },
    ],
  ])('is kept for its time of a client that left %s', async (_when, leaves) => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 's', { connect });
    await client.subscribe('devices/dev/message');
    const id = client.publish('devices/s/message', 'once', 2);
    await hub.settle();
    expect(client.said()).toMatchObject([{ cmd: 'pubrec', messageId: id }]);
    await leaves(hub, async () => {
      client.disconnect();
      await hub.settle();
    });
    hub.replaceOwner();
    await hub.settle();
    hub.clock.advance(59_000);
    await hub.settle();
    const { client: again, connack } = await Client.connect(hub, 's', { connect });
    expect(connack).toMatchObject({ sessionPresent: true });
    again.send({ cmd: 'pubrel', messageId: id });
    (await hub.peer('device', 'dev')).say({ type: 'message', data: 1 });
    await hub.settle();
    expect(again.said()).toMatchObject([
      { cmd: 'pubcomp', reasonCode: 0 },
      { cmd: 'publish', topic: 'devices/dev/message' },
    ]);
  });

  it('ends in its time, with its subscriptions, where the owner died meanwhile', async () => {
    const hub = new OneThreadHub();
    await leave(hub, 'devices/dev/message');
    hub.clock.advance(30_000);
    hub.replaceOwner();
    await hub.settle();
    expect(hub.presence.findSubscriber('s')).toBeGreaterThanOrEqual(0);
    hub.clock.advance(30_200);
    await hub.settle();
    expect(hub.presence.findSubscriber('s')).toBe(-1);
    expect((await Client.connect(hub, 's', { connect })).connack).toMatchObject({ sessionPresent: false });
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
