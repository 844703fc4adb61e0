/** Valid packets of every kind that a client sends, for fuzzers to corrupt. */
import mqttPacket, { type Packet } from 'mqtt-packet';
import type { Version } from '../../../src/wire/mqtt/constants.ts';

const publish = { cmd: 'publish', dup: false, retain: false, messageId: 7 } as const;

const packets: readonly Packet[] = [
  { ...publish, topic: 'devices/dev-1/message', payload: '{"temperature":21.5}', qos: 0 },
  {
    ...publish,
    topic: 'devices/dev-1/status',
    payload: '{"status":"on","data":[1,"€"]}',
    qos: 1,
    retain: true,
  },
  { ...publish, topic: 'devices/dev-1/pong', payload: '', qos: 2 },
  { ...publish, topic: 'home/kitchen', payload: 'on', qos: 1, messageId: 9 },
  {
    cmd: 'subscribe',
    messageId: 2,
    subscriptions: [
      { topic: 'devices/dev-2/#', qos: 1, nl: true, rh: 1 },
      { topic: 'devices/+/status', qos: 2 },
      { topic: '$share/group/#', qos: 0 },
    ],
  },
  { cmd: 'subscribe', messageId: 3, subscriptions: [{ topic: '#', qos: 0 }] },
  { cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['devices/dev-2/#', 'devices/dev-1/interest'] },
  { cmd: 'pubrel', messageId: 7 },
  { cmd: 'puback', messageId: 7 },
  { cmd: 'pingreq' },
  { cmd: 'disconnect' },
];

const packetsOf5: readonly Packet[] = [
  {
    ...publish,
    topic: 'devices/dev-1/message',
    payload: 'x'.repeat(200),
    qos: 1,
    properties: { topicAlias: 3, contentType: 'text/plain', userProperties: { a: 'b', c: ['d', 'e'] } },
  },
  { ...publish, topic: '', payload: '1', qos: 0, properties: { topicAlias: 3, messageExpiryInterval: 5 } },
  {
    cmd: 'subscribe',
    messageId: 5,
    properties: { subscriptionIdentifier: 300 },
    subscriptions: [{ topic: 'devices/dev-1/#', qos: 0, nl: true, rh: 2, rap: true }],
  },
  { cmd: 'disconnect', reasonCode: 4, properties: { sessionExpiryInterval: 60, reasonString: 'bye' } },
];

export function sampleConnect(version: Version): Buffer {
  const common = {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: version,
    clientId: 'dev-1',
    keepalive: 30,
  } as const;
  const login = { username: 'user', password: Buffer.from('token') };
  const will = { topic: 'devices/dev-1/status', payload: Buffer.from('gone'), qos: 1, retain: true } as const;
  const connect: Packet =
    version === 4
      ? { ...common, ...login, clean: false, will }
      : {
          ...common,
          ...login,
          clean: false,
          will: { ...will, properties: { willDelayInterval: 5, contentType: 'text' } },
          properties: {
            sessionExpiryInterval: 60,
            receiveMaximum: 10,
            maximumPacketSize: 100_000,
            userProperties: { a: 'b' },
          },
        };
  return mqttPacket.generate(connect, { protocolVersion: version });
}

export function samplePackets(version: Version): Buffer[] {
  const all = version === 5 ? [...packets, ...packetsOf5] : packets;
  return all.map((packet) => mqttPacket.generate(packet, { protocolVersion: version }));
}
