/** How MQTT connections come in, by what the transport says of them. */
import { describe, expect, it } from 'vitest';
import { closes } from '../../../src/codes.ts';
import { OneThreadHub } from '../one-thread-hub.ts';
import { Client } from './mqtt-client.ts';

const routes = ['mqttDevice', 'mqttSubscriber', 'mqttTcp'] as const;

describe('the routes of MQTT', () => {
  it('are `/mqtt`, with the limits of the settings', () => {
    const { routes: all } = new OneThreadHub({
      settings: { maxMessageBytes: 1000, sendQueueMaxBytes: 5000 },
    });
    for (const { path, queueBytesMax, frameBytesMax } of [all.mqttDevice, all.mqttSubscriber]) {
      expect(path).toBe('/mqtt');
      expect(queueBytesMax).toBe(all.mqttTcp.queueBytesMax);
      expect(frameBytesMax).toBeGreaterThan(1000);
    }
    expect(all.mqttTcp.firstBytesMsMax).toBe(10_000);
    expect(all.mqttTcp.queueBytesMax).toBeGreaterThan(0);
  });

  it('need the subprotocol over WebSocket, and a query without more', async () => {
    const hub = new OneThreadHub();
    const message = 'Sec-WebSocket-Protocol: mqtt is needed';
    expect(await hub.connect('mqttDevice', '', { 'sec-websocket-protocol': '' })).toMatchObject({
      status: 400,
      message,
    });
    expect(hub.count('upgradesRequest')).toBe(1);
    expect(hub.told()).toMatchObject([
      { kind: 'refused', reason: 'request', status: 400, message, address: '192.0.2.1' },
    ]);
    expect(await hub.connect('mqttDevice', '', { 'sec-websocket-protocol': 'dat.v1.json' })).toMatchObject({
      status: 400,
    });
    expect(await hub.connect('mqttDevice', 'id=1')).toMatchObject({ status: 400 });
    const header = (name: string): string => (name === 'sec-websocket-protocol' ? 'mqtt' : '');
    const head = { query: '', header, remoteAddress: '' };
    expect(await hub.routes.mqttDevice.handlers.upgrade(head)).toMatchObject({ protocol: 'mqtt' });
    expect(await hub.connect('mqttTcp', '', { 'sec-websocket-protocol': '' })).toHaveProperty('session');
  });

  it.each(routes)('let nobody in while the hub drains, and say so in the log of %s', async (route) => {
    const hub = new OneThreadHub();
    hub.admission.startDraining();
    expect(await hub.connect(route)).toMatchObject({ status: 503 });
    if (route === 'mqttTcp')
      expect(hub.told()).toMatchObject([
        { kind: 'refused', reason: 'draining', status: 503, address: '192.0.2.1' },
      ]);
  });

  it('make a device from CONNECT on only of clients of the device listener', async () => {
    const hub = new OneThreadHub();
    for (const route of routes) await Client.in(hub, route, { route });
    await hub.settle();
    expect(routes.map((id) => hub.presence.findDevice(id) >= 0)).toEqual([true, false, false]);
  });
});

describe('a connection', () => {
  it('is counted while it is open', async () => {
    const hub = new OneThreadHub();
    const before = hub.count('mqttConnections');
    const client = await Client.open(hub);
    const { address } = client.socket.session;
    expect(hub.count('mqttConnections')).toBe(before + 1);
    expect(hub.edge.connectionCount).toBe(1);
    expect(hub.admission.state.addresses.connections(address)).toBe(1);
    client.socket.end();
    expect(hub.count('mqttConnections')).toBe(before);
    expect(hub.edge.connectionCount).toBe(0);
    expect(hub.admission.state.addresses.connections(address)).toBe(0);
    expect(hub.edge.mqtt.all.size).toBe(0);
  });

  it('ends with a text frame, since MQTT is binary', async () => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 's');
    client.socket.receive('\xc0\0');
    expect(client.said()).toMatchObject([
      { cmd: 'disconnect', reasonCode: 0x81, properties: { reasonString: 'a text frame; MQTT is binary' } },
    ]);
    expect(client.socket.closed?.code).toBe(closes.badFrame.code);
  });

  it('pays for pings of WebSocket, once it is a client; pongs are asked for', async () => {
    const hub = new OneThreadHub({ settings: { subscriberRate: 1, subscriberBurst: 1 } });
    const early = await Client.open(hub);
    early.socket.handlers.controlPing(early.socket);
    const client = await Client.in(hub, 's');
    client.socket.handlers.controlPong(client.socket);
    client.socket.handlers.controlPing(client.socket);
    expect(hub.count('droppedSubscriberRate')).toBe(0);
    client.socket.handlers.controlPing(client.socket);
    expect(hub.count('droppedSubscriberRate')).toBe(1);
  });

  it('that meets a bug ends, and the others go on', async () => {
    const hub = new OneThreadHub();
    const [client, other] = [await Client.in(hub, 's'), await Client.in(hub, 'other')];
    client.socket.session.session.receive = () => {
      throw new Error('a bug');
    };
    client.send({ cmd: 'pingreq' });
    expect(hub.failures.map(({ message }) => message)).toEqual(['a bug']);
    expect(client.said()).toMatchObject([{ cmd: 'disconnect', reasonCode: 0x97 }]);
    expect(client.socket.closed?.code).toBe(closes.overCapacity.code);
    other.send({ cmd: 'pingreq' });
    expect(other.said()).toMatchObject([{ cmd: 'pingresp' }]);
  });

  it('of a subscriber goes on with what waited when its peer reads again', async () => {
    const hub = new OneThreadHub();
    const kept = await hub.peer('device', 'dev');
    kept.say({ type: 'message', data: 1 });
    await hub.settle();
    const client = await Client.in(hub, 's');
    client.socket.queued = 300 * 1024;
    expect(await client.subscribe('devices/dev/message')).toEqual([0]);
    expect(client.events()).toEqual([]);
    client.socket.queued = 0;
    client.socket.handlers.writable(client.socket);
    expect(client.events()).toEqual(['!devices/dev/message 1']);
  });

  it.each(['device', 'subscriber'] as const)('that is no more ends its roles: %s', async (role) => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 'dev', role === 'device' ? { route: 'mqttDevice' } : {});
    if (role === 'subscriber') await client.subscribe('devices/other/message');
    expect(hub.count('mqttSessions')).toBe(1);
    client.socket.end(1001);
    await hub.settle();
    expect(hub.count('mqttSessions')).toBe(0);
    expect(hub.told()).toContainEqual(expect.objectContaining({ kind: 'disconnected', role, code: 1001 }));
  });
});
