/** Raw peers that violate MQTT or attack the hub, next to well-behaved clients that must not notice. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';
import { connect, type Client as MqttJsClient } from './client.ts';
import { type MqttHub, startMqttHub } from './harness.ts';

type Version = 4 | 5;

/** Any way to send bytes. */
interface Peer {
  write(bytes: Uint8Array): void;
  readonly packets: readonly Packet[];
  readonly hasEnded: () => boolean;
}

function watch(version: Version): { feed: (bytes: Buffer) => void; packets: Packet[] } {
  const parser = mqttPacket.parser({ protocolVersion: version });
  const packets: Packet[] = [];
  parser.on('packet', (packet) => packets.push(packet));
  parser.on('error', (error) => {
    throw error;
  });
  return { feed: (bytes) => void parser.parse(bytes), packets };
}

async function tcpPeer(hub: MqttHub, version: Version): Promise<Peer & { readonly socket: Socket }> {
  const socket = connectTcp({ port: hub.tcpPort, host: '127.0.0.1' });
  const { feed, packets } = watch(version);
  let ended = false;
  socket.on('data', feed);
  socket.on('error', () => {});
  socket.on('close', () => (ended = true));
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return { socket, packets, write: (bytes) => void socket.write(bytes), hasEnded: () => ended };
}

async function webSocketPeer(hub: MqttHub, version: Version): Promise<Peer & { readonly ws: WebSocket }> {
  const ws = new WebSocket(`ws://127.0.0.1:${hub.subscriberPort}/mqtt`, ['mqtt']);
  const { feed, packets } = watch(version);
  let ended = false;
  ws.on('message', (bytes: Buffer) => feed(bytes));
  ws.on('error', () => {});
  ws.on('close', () => (ended = true));
  onTestFinished(() => ws.terminate());
  await once(ws, 'open');
  expect(ws.protocol).toBe('mqtt');
  return { ws, packets, write: (bytes) => ws.send(bytes), hasEnded: () => ended };
}

const encode = (packet: Packet, version: Version): Buffer =>
  mqttPacket.generate(packet, { protocolVersion: version });
const connectOf = (clientId: string, version: Version): Buffer =>
  encode(
    { cmd: 'connect', protocolId: 'MQTT', protocolVersion: version, clientId, clean: true, keepalive: 60 },
    version,
  );
const publishOf = (id: string, messageId: number, qos: 1 | 2, version: Version): Buffer =>
  encode(
    {
      cmd: 'publish',
      topic: `devices/${id}/message`,
      payload: 'x',
      qos,
      messageId,
      dup: false,
      retain: false,
    },
    version,
  );

describe('a hub with hostile peers', () => {
  let hub: MqttHub;
  beforeAll(async () => {
    hub = await startMqttHub();
    return () => hub.stop();
  });

  /** A device and a subscriber that must notice nothing. */
  async function bystanders(): Promise<() => Promise<void>> {
    const id = `bystander-${Math.random().toString(36).slice(2)}`;
    const device: MqttJsClient = await connect(hub, { clientId: id });
    const subscriber = await connect(hub, { clientId: `${id}-sub`, protocolVersion: 5 });
    await subscriber.subscribe(`devices/${id}/message`);
    return async () => {
      await device.publish(`devices/${id}/message`, 'all is well', 1);
      expect(await subscriber.texts(1)).toEqual([`devices/${id}/message all is well`]);
      expect([device.closes, subscriber.closes]).toEqual([0, 0]);
    };
  }

  it.each<[string, string]>([
    ['no MQTT at all', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n').toString('hex')],
    ['zeros', '00'.repeat(1000)],
    ['a packet before CONNECT', 'c000'],
    ['a PUBLISH before CONNECT', '3003000161'],
    ['a remaining length without end', '10ffffffffffff'],
    ['a remaining length of 256 MiB', '10ffffff7f'],
    ['the largest remaining length that is small enough, and nothing else', '10f4ff03'],
    ['a CONNECT of another protocol', '100a0004484f50540502003c'],
    ['a CONNECT with a property length of 256 MiB', '101000044d5154540502003cffffff7f0000'],
    ['a CONNECT with a client id that is no UTF-8', '100d00044d5154540402003c0001ff'],
    ['a CONNECT with a client id of 64 KiB that does not come', '10808004' + '00044d5154540402003cffff61'],
  ])('goes on: %s', async (what, hex) => {
    const check = await bystanders();
    const peer = await tcpPeer(hub, 5);
    peer.write(Buffer.from(hex, 'hex'));
    if (!what.includes('nothing else') && !what.includes('does not come'))
      await eventually('it is cut off', peer.hasEnded);
    await check();
  });

  it.each<[string, string]>([
    ['a second CONNECT', connectOf('evil', 5).toString('hex')],
    ['a packet that only servers send', '9003000100'],
    ['AUTH', 'f000'],
    ['a SUBSCRIBE without a topic filter', '8203000100'],
    ['a topic with U+0000', '300600036100620000'],
    ['a topic that is no UTF-8', '30050002c32800'],
    ['a topic of surrogates', '30060003eda08000'],
    ['a topic with a wildcard', '30040001 2300'.replaceAll(' ', '')],
    ['a topic alias of 65535', '30070001 61 03 23ffff'.replaceAll(' ', '')],
    ['packet id 0', '3206000161000000'],
    ['a packet of more than 64 KiB', '30f0a204'],
  ])('ends a client that sends %s', async (_, hex) => {
    const check = await bystanders();
    const peer = await tcpPeer(hub, 5);
    peer.write(Buffer.concat([connectOf('evil', 5), Buffer.from(hex, 'hex')]));
    await eventually('it is cut off', peer.hasEnded);
    expect(peer.packets).toMatchObject([{ cmd: 'connack', reasonCode: 0 }, { cmd: 'disconnect' }]);
    await check();
  });

  it.each<[string, Version, string, boolean, number | undefined]>([
    ['an empty client id and a clean session', 4, '', true, 0],
    ['an empty client id and a session to be kept', 4, '', false, 2],
    ['an empty client id', 5, '', false, 0],
    ['a client id of 128 characters', 4, 'i'.repeat(128), true, 0],
    ['a client id of 129 characters', 4, 'i'.repeat(129), true, 2],
    ['a client id of 129 characters', 5, 'i'.repeat(129), true, 0x85],
    ['a client id that fills the packet', 5, 'i'.repeat(65_000), true, 0x85],
    ['a client id of two dots', 5, '..', true, 0x85],
    ['a client id with a slash', 4, 'a/b', true, 2],
    ['a client id that is longer than a packet may be', 5, 'i'.repeat(65_535), true, undefined],
  ])('answers %s (MQTT %i)', async (_, version, clientId, clean, code) => {
    const peer = await tcpPeer(hub, version);
    const connectPacket = {
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: version,
      keepalive: 60,
    } as const;
    const unchecked = encode({ ...connectPacket, clientId: 'x', clean } as Packet, version).subarray(0, -3);
    const id = Buffer.concat([
      Buffer.from([clientId.length >> 8, clientId.length & 0xff]),
      Buffer.from(clientId),
    ]);
    const body = Buffer.concat([unchecked.subarray(2), id]);
    const length: number[] = [];
    for (let rest = body.length; ; rest >>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    peer.write(Buffer.concat([Buffer.from([0x10, ...length]), body]));
    if (code === undefined) {
      await eventually('it is cut off', peer.hasEnded);
      expect(peer.packets).toEqual([]);
      return;
    }
    await eventually('it is answered', () => peer.packets.length > 0);
    const [connack] = peer.packets as [{ cmd: string; returnCode?: number; reasonCode?: number }];
    expect([connack.cmd, version === 4 ? connack.returnCode : connack.reasonCode]).toEqual(['connack', code]);
    if (code !== 0) await eventually('it is cut off', peer.hasEnded);
  });

  it.each(['$', '$SYS/broker', '/', 'x'])('has no topic %s', async (topic) => {
    const check = await bystanders();
    const peer = await tcpPeer(hub, 5);
    const publish = { cmd: 'publish', topic, payload: '1', dup: false, retain: false } as const;
    peer.write(connectOf('dollar', 5));
    peer.write(encode({ ...publish, qos: 1, messageId: 1 }, 5));
    peer.write(
      encode(
        { cmd: 'subscribe', messageId: 2, subscriptions: [{ topic: `${topic}/#`, qos: 0 }] } as Packet,
        5,
      ),
    );
    await eventually('both are answered', () => peer.packets.length === 3);
    expect(peer.packets.slice(1)).toMatchObject([
      { cmd: 'puback', reasonCode: 0x87 },
      { cmd: 'suback', granted: [0x8f] },
    ]);
    peer.write(encode({ ...publish, qos: 0 }, 5));
    await eventually('it is cut off', peer.hasEnded);
    expect(peer.packets.at(-1)).toMatchObject({ cmd: 'disconnect', reasonCode: 0x87 });
    await check();
  });

  it('accepts packets one byte at a time', async () => {
    for (const make of [tcpPeer, webSocketPeer]) {
      const peer = await make(hub, 4);
      const bytes = Buffer.concat([
        connectOf('slow', 4),
        publishOf('slow', 7, 1, 4),
        Buffer.from('c000', 'hex'),
      ]);
      for (const byte of bytes) {
        peer.write(Uint8Array.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await eventually('all is answered', () => peer.packets.length === 3);
      expect(peer.packets.map(({ cmd }) => cmd).sort()).toEqual(['connack', 'pingresp', 'puback']);
    }
  });

  it('accepts many packets in one frame, even before CONNACK', async () => {
    const peer = await webSocketPeer(hub, 5);
    const publishes = Array.from({ length: 100 }, (_, i) => publishOf('many', i + 1, 1, 5));
    peer.write(Buffer.concat([connectOf('many', 5), ...publishes]));
    await eventually('all are answered', () => peer.packets.length === 101);
    expect(peer.packets.slice(1).map(({ messageId }) => messageId)).toEqual(publishes.map((_, i) => i + 1));
  });

  it('ends a client with too many open QoS 2 packet ids', async () => {
    for (const version of [4, 5] as const) {
      const check = await bystanders();
      const peer = await tcpPeer(hub, version);
      const id = `greedy-${version}`;
      const open = (from: number, count: number): void =>
        peer.write(
          Buffer.concat(Array.from({ length: count }, (_, i) => publishOf(id, from + i, 2, version))),
        );
      const received = (): number => peer.packets.filter(({ cmd }) => cmd === 'pubrec').length;
      peer.write(connectOf(id, version));
      open(1, 1000);
      await eventually('a thousand are taken', () => received() === 1000);
      for (let from = 1001; from <= 65_000 && !peer.hasEnded(); from += 500) {
        open(from, 500);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await eventually('it is cut off', peer.hasEnded);
      expect(received()).toBeLessThanOrEqual(1024);
      if (version === 5) expect(peer.packets.at(-1)).toMatchObject({ cmd: 'disconnect', reasonCode: 0x93 });
      await check();
    }
  });

  it('lets a client unsubscribe from thousands of devices in one packet, however much there is to say of them', async () => {
    const check = await bystanders();
    const count = 2400;
    const status = '\u6f22'.repeat(64);
    const gateway = new WebSocket(`ws://127.0.0.1:${hub.devicePort}/v1/gateway?id=wordy`);
    onTestFinished(() => gateway.terminate());
    const acks: unknown[] = [];
    gateway.on('message', (frame) => acks.push(JSON.parse(String(frame))));
    await once(gateway, 'open');
    for (let i = 0; i < count; i++)
      gateway.send(
        JSON.stringify({ device: `w${i}`, type: 'status', status, ...(i === count - 1 && { id: 1 }) }),
      );
    await eventually('all have a status', () => JSON.stringify(acks).includes('"ack"'));
    const peer = await tcpPeer(hub, 5);
    peer.write(connectOf('forgetful', 5));
    const filters = Array.from({ length: count }, (_, i) => `devices/w${i}/#`);
    for (let at = 0; at < count; at += 800) {
      const subscriptions = filters.slice(at, at + 800).map((topic) => ({ topic, qos: 0 as const }));
      peer.write(encode({ cmd: 'subscribe', messageId: at + 1, subscriptions }, 5));
    }
    peer.write(encode({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: filters }, 5));
    const unsuback = await eventually('UNSUBACK', () => peer.packets.find(({ cmd }) => cmd === 'unsuback'));
    expect(new Set((unsuback as unknown as { granted: number[] }).granted)).toEqual(new Set([0]));
    expect(peer.hasEnded()).toBe(false);
    await check();
  });

  it('ends a WebSocket that sends text', async () => {
    const check = await bystanders();
    const peer = await webSocketPeer(hub, 4);
    peer.ws.send('hello');
    await eventually('it is cut off', peer.hasEnded);
    await check();
  });

  it('refuses a WebSocket without the subprotocol mqtt', async () => {
    const statusOf = async (path: string, protocols: string[]): Promise<number | undefined> => {
      const ws = new WebSocket(`ws://127.0.0.1:${hub.subscriberPort}${path}`, protocols);
      ws.on('error', () => {});
      const [, response] = (await once(ws, 'unexpected-response')) as [unknown, { statusCode?: number }];
      return response.statusCode;
    };
    expect(await statusOf('/mqtt', ['graphql-ws'])).toBe(400);
    expect(await statusOf('/other', ['mqtt'])).toBe(404);
  });
});
