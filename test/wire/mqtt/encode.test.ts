/** What the hub sends, read by mqtt-packet. */
import mqttPacket, { type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { PacketType, Reason, type Version } from '../../../src/wire/mqtt/constants.ts';
import {
  acknowledgement,
  acknowledgementWithReason,
  connackAccepted,
  connackRefused,
  disconnect,
  pingresp,
  suback,
  unsuback,
} from '../../../src/wire/mqtt/encode.ts';

function read(bytes: Uint8Array, version: Version): Packet {
  const parser = mqttPacket.parser({ protocolVersion: version });
  const packets: Packet[] = [];
  parser.on('packet', (packet) => packets.push(packet));
  parser.on('error', (error) => {
    throw error;
  });
  expect(parser.parse(Buffer.from(bytes))).toBe(0);
  expect(packets).toHaveLength(1);
  return packets[0]!;
}

const announced = { receiveMaximum: 1024, packetBytesMax: 65_536, topicAliasMaximum: 32 };

describe('CONNACK', () => {
  it('announces limits and missing features in MQTT 5', () => {
    expect(read(connackAccepted(5, true, announced), 5)).toMatchObject({
      cmd: 'connack',
      sessionPresent: true,
      reasonCode: 0,
      properties: {
        receiveMaximum: 1024,
        maximumPacketSize: 65_536,
        topicAliasMaximum: 32,
        sharedSubscriptionAvailable: false,
      },
    });
  });

  it('announces values that differ from what the client requested', () => {
    const more = { sessionExpirySeconds: 300, assignedClientId: 's-1', serverKeepAliveSeconds: 60 };
    expect(read(connackAccepted(5, false, { ...announced, ...more }), 5)).toMatchObject({
      sessionPresent: false,
      properties: { sessionExpiryInterval: 300, assignedClientIdentifier: 's-1', serverKeepAlive: 60 },
    });
  });

  it('is four bytes in 3.1.1', () => {
    expect([...connackAccepted(4, true, announced)]).toEqual([0x20, 2, 1, 0]);
  });

  it.each([
    [Reason.unsupportedVersion, 1],
    [Reason.clientIdNotValid, 2],
    [Reason.serverUnavailable, 3],
    [Reason.quotaExceeded, 3],
    [Reason.badCredentials, 4],
    [Reason.notAuthorized, 5],
  ])('refuses with reason %i, in 3.1.1 with return code %i', (reason, returnCode) => {
    expect(read(connackRefused(5, reason, 'why'), 5)).toMatchObject({
      sessionPresent: false,
      reasonCode: reason,
      properties: { reasonString: 'why' },
    });
    expect([...connackRefused(4, reason, 'why')]).toEqual([0x20, 2, 0, returnCode]);
  });
});

describe('an acknowledgement', () => {
  it.each([
    ['puback', PacketType.puback],
    ['pubrec', PacketType.pubrec],
    ['pubcomp', PacketType.pubcomp],
  ] as const)('names its packet id: %s', (cmd, type) => {
    expect(read(acknowledgement(type, 4, 0x1234, Reason.success), 4)).toMatchObject({
      cmd,
      messageId: 0x1234,
    });
    expect(read(acknowledgement(type, 5, 0xffff, Reason.success), 5)).toMatchObject({
      cmd,
      messageId: 0xffff,
      reasonCode: 0,
    });
  });

  it('has a reason in MQTT 5 alone', () => {
    const reason = Reason.notAuthorized;
    expect([...acknowledgement(PacketType.puback, 4, 1, reason)]).toEqual([0x40, 2, 0, 1]);
    expect(read(acknowledgement(PacketType.puback, 5, 1, reason), 5)).toMatchObject({ reasonCode: reason });
    expect(read(acknowledgementWithReason(PacketType.pubrec, 7, reason, 'not yours'), 5)).toMatchObject({
      cmd: 'pubrec',
      messageId: 7,
      reasonCode: reason,
      properties: { reasonString: 'not yours' },
    });
  });
});

describe('SUBACK and UNSUBACK', () => {
  it('have a code for each topic filter', () => {
    expect(read(suback(4, 9, [0, 0x80, 0]), 4)).toMatchObject({
      cmd: 'suback',
      messageId: 9,
      granted: [0, 128, 0],
    });
    expect(read(suback(5, 9, [0, 0x8f], 'no such topic'), 5)).toMatchObject({
      granted: [0, 0x8f],
      properties: { reasonString: 'no such topic' },
    });
    expect(read(unsuback(5, 9, [0, 0x11]), 5)).toMatchObject({ cmd: 'unsuback', granted: [0, 0x11] });
  });

  it('have none in an UNSUBACK of 3.1.1', () => {
    expect([...unsuback(4, 0x0102, [0, 0x11])]).toEqual([0xb0, 2, 1, 2]);
  });

  it('can carry a thousand codes', () => {
    const { granted } = read(suback(5, 1, new Array<number>(1000).fill(0)), 5) as { granted?: number[] };
    expect(granted).toHaveLength(1000);
  });
});

describe('PINGRESP and DISCONNECT', () => {
  it('are encoded as the specification says', () => {
    expect([...pingresp]).toEqual([0xd0, 0]);
    expect(read(disconnect(Reason.sessionTakenOver, 'taken over'), 5)).toMatchObject({
      cmd: 'disconnect',
      reasonCode: 0x8e,
      properties: { reasonString: 'taken over' },
    });
  });

  it('truncate a long reason at a character boundary and drop U+0000', () => {
    const packet = read(disconnect(Reason.unspecified, `${'ä'.repeat(127)}a€€€\0`), 5);
    const { properties } = packet as { properties?: { reasonString?: string } };
    expect(properties?.reasonString).toBe(`${'ä'.repeat(127)}a`);
    const lone = read(disconnect(Reason.unspecified, 'a\ud800b\0'), 5) as typeof packet;
    expect(lone).toMatchObject({ properties: { reasonString: 'a\ufffdb' } });
  });
});
