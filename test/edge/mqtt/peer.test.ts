/** MQTT clients of a hub in one thread: how they are let in, what they publish and get, and how they end. */
import mqttPacket, { type IConnackPacket } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { closes } from '../../../src/codes.ts';
import { ToOwner } from '../../../src/records/commands.ts';
import { OneThreadHub } from '../one-thread-hub.ts';
import { Client } from './mqtt-client.ts';

const stateOf = (hub: OneThreadHub, id: string): string | undefined => hub.device(id)?.state;
const devicePaysFor = (perSecond: number) => ({ deviceRate: perSecond, deviceBurst: perSecond });

describe('a CONNECT', () => {
  it('gets an id where it has none, by which the client may publish', async () => {
    const hub = new OneThreadHub();
    const { connack, client } = await Client.connect(hub, '');
    const { assignedClientIdentifier: id } = (connack as IConnackPacket).properties!;
    client.publish(`devices/${id}/message`, '1', 1);
    await hub.settle();
    expect(client.said()).toMatchObject([{ cmd: 'puback' }]);
    expect(stateOf(hub, id!)).toBe('online');
  });

  it('that is not admitted is refused and told to the log, whether that is decided at once or later', async () => {
    const hub = new OneThreadHub();
    for (const later of [false, true]) {
      hub.admission.decide = () => {
        const refusal = hub.admission.refuse('token', 401, 'a token is needed');
        return later ? Promise.resolve(refusal) : refusal;
      };
      const { connack, client } = await Client.connect(hub, 'dev');
      expect(connack).toMatchObject({ reasonCode: 0x86, properties: { reasonString: 'a token is needed' } });
      expect(client.socket.closed).toEqual({ code: closes.badToken.code, reason: 'a token is needed' });
      const told = { reason: 'token', status: 401, message: 'a token is needed', address: '192.0.2.1' };
      expect(hub.told()).toMatchObject([{ kind: 'refused', ...told, id: 'dev', role: undefined }]);
    }
    await Client.connect(hub, '');
    expect(hub.told()).toMatchObject([{ id: undefined }]);
  });

  it('hands the password on as the token, and says that the connection is there already', async () => {
    const hub = new OneThreadHub();
    const asked: unknown[] = [];
    hub.admission.decide = (credentials) => {
      asked.push(credentials);
      return hub.admission.refuse('id', 403, 'no');
    };
    const connect = { username: 'u', password: Buffer.from('secret') };
    const { connack } = await Client.connect(hub, 'dev', { connect });
    expect(asked).toMatchObject([{ token: 'secret', id: 'dev', role: undefined, isOpen: true }]);
    expect(connack).toMatchObject({ reasonCode: 0x87 });
  });

  it('waits until the owner has let the client in, in each role', async () => {
    const hub = new OneThreadHub();
    const client = await Client.open(hub, { route: 'mqttDevice' });
    hub.isOwnerAway = true;
    client.sayConnect('dev');
    await hub.settle();
    expect(client.said()).toEqual([]);
    hub.isOwnerAway = false;
    hub.turn(); // it has its id
    expect(client.said()).toEqual([]);
    await hub.settle();
    expect(client.said()).toMatchObject([{ cmd: 'connack', reasonCode: 0 }]);
    expect(stateOf(hub, 'dev')).toBe('online');
  });

  it.each([
    [closes.overCapacity, 0x97],
    [closes.drain, 0x88],
    [closes.kicked, 0x87],
    [closes.tokenExpired, 0x87],
  ])('that the hub closes meanwhile is refused ($reason)', async (close, reasonCode) => {
    const hub = new OneThreadHub();
    const client = await Client.open(hub);
    hub.isOwnerAway = true;
    client.sayConnect('dev');
    client.socket.session.close(close);
    expect(client.said()).toMatchObject([{ reasonCode, properties: { reasonString: close.reason } }]);
    expect([...hub.edge.mqtt.all]).toEqual([]);
    hub.isOwnerAway = false;
    await hub.settle();
    // Its id is free again.
    await Client.in(hub, 'dev');
  });

  it('for which there is no room loses nothing of its session', async () => {
    const hub = new OneThreadHub({ devices: 1 });
    const connect = { clean: false, properties: { sessionExpiryInterval: 60 } };
    const first = await Client.in(hub, 's', { connect });
    await first.subscribe('devices/dev/message');
    first.socket.end();
    await hub.settle();
    await hub.peer('device', 'other');
    const { connack } = await Client.connect(hub, 's', { connect, route: 'mqttDevice' });
    expect(connack).toMatchObject({ reasonCode: 0x97 });
    await hub.settle();
    expect((await Client.connect(hub, 's', { connect })).connack).toMatchObject({ sessionPresent: true });
  });

  it('of a client that has gone meanwhile leaves nothing behind', async () => {
    const hub = new OneThreadHub();
    const client = await Client.open(hub, { route: 'mqttDevice' });
    client.sayConnect('dev');
    client.socket.end();
    await hub.settle();
    expect(hub.edge.connectionCount).toBe(0);
    expect(hub.presence.findDevice('dev')).toBe(-1);
    expect(hub.count('mqttSessions')).toBe(0);
    await Client.in(hub, 'dev');
  });
});

describe('an event that a client publishes', () => {
  it('makes it a device, and is acknowledged once the owner has it', async () => {
    const hub = new OneThreadHub();
    const json = await hub.peer('subscriber', 's-1', '&devices=dev');
    const mqtt = await Client.in(hub, 's-2');
    expect(await mqtt.subscribe('devices/dev/#')).toEqual([0]);
    const device = await Client.in(hub, 'dev');
    expect(stateOf(hub, 'dev')).toBe('offline');
    device.publish('devices/dev/message', '{"t":1}', 1);
    expect(device.said()).toEqual([]);
    await hub.settle();
    expect(device.said()).toMatchObject([{ cmd: 'puback', messageId: 1, reasonCode: 0 }]);
    expect(mqtt.events()).toEqual([
      'devices/dev/presence {"state":"online","reason":"connected"}',
      'devices/dev/message {"t":1}',
    ]);
    expect(json.frames().at(-1)).toMatchObject({ op: 'event', device: 'dev', data: { t: 1 } });
  });

  it('that is sent again before it is acknowledged is one, and others of its packet id are acknowledged each', async () => {
    for (const version of [4, 5] as const) {
      const hub = new OneThreadHub();
      const json = await hub.peer('subscriber', 's-1', '&devices=dev');
      const device = await Client.in(hub, 'dev', { version });
      json.frames();
      const send = (payload: string, dup: boolean): void =>
        device.send({
          ...{
            cmd: 'publish',
            topic: 'devices/dev/message',
            payload,
            messageId: 7,
            qos: 1,
            dup,
            retain: false,
          },
        });
      send('1', false);
      send('1', true);
      send('2', false);
      await hub.settle();
      expect(device.said()).toMatchObject([
        { cmd: 'puback', messageId: 7 },
        { cmd: 'puback', messageId: 7 },
      ]);
      send('3', true); // acknowledged: from here on it is another event
      await hub.settle();
      expect(device.said()).toMatchObject([{ cmd: 'puback', messageId: 7 }]);
      const events = json.frames().filter(({ type }) => type === 'message');
      expect(events.map(({ data }) => data)).toEqual([1, 2, 3]);
    }
  });

  it('that nobody listens to is acknowledged as such', async () => {
    const hub = new OneThreadHub({ historyBytes: 0 });
    const device = await Client.in(hub, 'dev', { route: 'mqttDevice' });
    device.publish('devices/dev/message', '1', 1);
    expect(device.said()).toMatchObject([{ cmd: 'puback', reasonCode: 0x10 }]);
    device.publish('devices/dev/status', 'on', 2);
    await hub.settle();
    expect(device.said()).toMatchObject([{ cmd: 'pubrec', messageId: 2, reasonCode: 0x10 }]);
  });

  it('over the rate is refused and counted', async () => {
    const hub = new OneThreadHub({ settings: devicePaysFor(2) });
    await hub.peer('subscriber', 's', '&devices=dev');
    const device = await Client.in(hub, 'dev', { route: 'mqttDevice' });
    for (let n = 0; n < 3; n++) device.publish('devices/dev/message', '1', 1);
    expect(device.said()).toMatchObject([{ messageId: 3, reasonCode: 0x97 }]);
    expect(hub.count('droppedRate')).toBe(1);
    await hub.settle();
    expect(device.said()).toHaveLength(2);
    hub.clock.advance(500);
    device.publish('devices/dev/message', '1', 1);
    await hub.settle();
    expect(device.said()).toMatchObject([{ messageId: 4, reasonCode: 0 }]);
  });

  it('is acknowledged where its thread hears the owner from within a publish', async () => {
    const hub: OneThreadHub = new OneThreadHub({ relieve: () => void hub.turn() });
    const device = await Client.in(hub, 'dev', { version: 4, route: 'mqttDevice' });
    const publish = { cmd: 'publish', topic: 'devices/dev/message', payload: '1', qos: 1 } as const;
    const flood = Array.from({ length: 1100 }, (_, n) =>
      mqttPacket.generate({ ...publish, messageId: n + 1, dup: false, retain: false }),
    );
    device.socket.session.receive(Buffer.concat(flood)); // in one turn
    await hub.settle();
    const acked = device.said().map(({ messageId }) => messageId);
    expect(new Set(acked).size).toBe(1100);
    expect(acked).toHaveLength(1100);
  });

  it('is a sign of life of the device, as every packet is', async () => {
    const hub = new OneThreadHub();
    const device = await Client.in(hub, 'dev', { route: 'mqttDevice' });
    const seen = () => hub.device('dev')?.lastSeen;
    hub.clock.advance(1000);
    device.send({ cmd: 'pingreq' });
    expect(seen()).toBe(hub.clock.nowMs);
  });

  it('is a sign of life of the subscriber, too', async () => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 's');
    await client.subscribe('devices/dev/message');
    hub.clock.advance(1000);
    client.send({ cmd: 'pingreq' });
    const { rows } = hub.presence.subscribers;
    expect(Number(Atomics.load(rows.lastSeen, hub.presence.findSubscriber('s')))).toBe(hub.clock.nowMs);
  });

  it('is lost with an owner that dies over it, which its client learns some time later', async () => {
    const hub = new OneThreadHub();
    await hub.peer('subscriber', 's', '&devices=dev');
    const device = await Client.in(hub, 'dev', { route: 'mqttDevice' });
    hub.isOwnerAway = true;
    device.publish('devices/dev/message', '1', 1);
    hub.dieOverRecords();
    hub.replaceOwner();
    await hub.settle();
    device.publish('devices/dev/message', '2', 1);
    await hub.settle();
    expect(device.said()).toMatchObject([{ cmd: 'puback', messageId: 2, reasonCode: 0 }]);
    hub.clock.advance(4999);
    hub.edge.mqtt.tick();
    expect(device.said()).toEqual([]);
    hub.clock.advance(1);
    hub.edge.mqtt.tick();
    expect(device.said()).toMatchObject([{ cmd: 'puback', messageId: 1, reasonCode: 0x97 }]);
  });
});

describe('a client', () => {
  it('pays for what is no event as what it is', async () => {
    const hub = new OneThreadHub({ settings: { subscriberRate: 2, subscriberBurst: 2 } });
    const client = await Client.in(hub, 's');
    expect(await client.subscribe('devices/dev/message')).toEqual([0]);
    expect(await client.subscribe('devices/dev/status')).toEqual([0x97]);
    expect(hub.count('droppedSubscriberRate')).toBe(1);
  });

  it('may not follow what its token does not cover, and is told of each', async () => {
    const hub = new OneThreadHub();
    hub.useTokens();
    hub.tokens.set('t', { sub: 'dev', role: 'device' });
    const connect = { username: 'u', password: Buffer.from('t') };
    const device = await Client.in(hub, 'dev', { connect });
    expect(await device.subscribe('devices/dev/message', 'devices/other/message')).toEqual([0, 0x87]);
  });

  it('is disconnected when its token has expired, with its next packet at the latest', async () => {
    for (const speaks of [true, false]) {
      const hub = new OneThreadHub();
      hub.useTokens();
      hub.tokens.set('t', { sub: 'dev', role: 'device', expiresAt: hub.clock.nowMs + 1000 });
      const connect = { username: 'u', password: Buffer.from('t') };
      const device = await Client.in(hub, 'dev', { connect });
      const say = (): void => {
        if (speaks) device.publish('devices/dev/message', '1');
        else hub.edge.mqtt.tick();
      };
      hub.clock.advance(999);
      say();
      expect(device.socket.closed).toBeUndefined();
      const received = hub.count('receivedMessage');
      hub.clock.advance(1);
      say();
      expect(device.said()).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x87 }]);
      expect(device.socket.closed?.code).toBe(closes.tokenExpired.code);
      expect(hub.count('receivedMessage')).toBe(received);
    }
  });

  it('that does not read is closed as slow: a subscriber once the send that met the limit is over', async () => {
    const hub = new OneThreadHub();
    const device = await Client.in(hub, 'dev', { route: 'mqttDevice' });
    device.socket.handlers.dropped(device.socket);
    expect(device.socket.closed?.code).toBe(closes.slow.code);
    const subscriber = await Client.in(hub, 's');
    await subscriber.subscribe('devices/dev/message');
    subscriber.socket.handlers.dropped(subscriber.socket);
    expect(subscriber.socket.closed).toBeUndefined();
    await hub.settle();
    expect(subscriber.socket.closed?.code).toBe(closes.slow.code);
    expect(hub.count('closedOverQueue')).toBe(1);
  });

  it('is told of what it sent that MQTT does not allow, in no more than a close frame holds', async () => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 's');
    client.socket.receive(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff));
    expect(client.said()).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x81 }]);
    expect(client.socket.closed).toMatchObject({ code: closes.badFrame.code });
    expect(hub.count('mqttMalformed')).toBe(1);
    client.socket.receive(Uint8Array.of(0xc0, 0)); // is not looked at
    expect(client.said()).toEqual([]);
  });

  it('has what it is sent counted', async () => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 's');
    const before = hub.count('bytesSent');
    client.send({ cmd: 'pingreq' });
    expect(hub.count('bytesSent')).toBe(before + 2);
  });

  it.each([
    [{ kind: ToOwner.Kick, subscriber: 'dev', forget: false } as const, closes.kicked],
    [{ kind: ToOwner.Terminate, device: 'dev' } as const, closes.terminated],
  ])('that an operator ends leaves no session behind (%j)', async (command, { code }) => {
    const hub = new OneThreadHub();
    const connect = { clean: false, properties: { sessionExpiryInterval: 60 } };
    const client = await Client.in(hub, 'dev', { route: 'mqttDevice', connect });
    await client.subscribe('devices/other/message');
    hub.operate(command);
    await hub.settle();
    expect(client.said()).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x98 }]);
    expect(client.socket.closed?.code).toBe(code);
    const isKept = command.kind === ToOwner.Terminate;
    const { connack } = await Client.connect(hub, 'dev', { connect });
    expect(connack).toMatchObject({ sessionPresent: isKept });
  });

  it('takes the connection of the same id over, and its session', async () => {
    const hub = new OneThreadHub();
    const connect = { clean: false, properties: { sessionExpiryInterval: 60 } };
    const first = await Client.in(hub, 's', { connect });
    await first.subscribe('devices/dev/message');
    const { client: second, connack } = await Client.connect(hub, 's', { connect });
    expect(first.said()).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x8e }]);
    expect(first.socket.closed?.code).toBe(closes.replaced.code);
    expect(connack).toMatchObject({ sessionPresent: true });
    (await hub.peer('device', 'dev')).say({ type: 'message', data: 1 });
    await hub.settle();
    expect(second.events()).toEqual(['devices/dev/message 1']);
    expect(hub.count('mqttConnections')).toBe(1);
  });
});
