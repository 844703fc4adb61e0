/** What clients send. mqtt-packet, which the common clients use, is the second opinion. */
import fc from 'fast-check';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { PacketType, Reason, type Version } from '../../../src/wire/mqtt/constants.ts';
import { Framer } from '../../../src/wire/mqtt/framer.ts';
import {
  createPublish,
  type Malformed,
  pingProblem,
  readAcknowledgement,
  readConnect,
  readDisconnect,
  readPublish,
  readSubscribe,
  readUnsubscribe,
  topicProblem,
} from '../../../src/wire/mqtt/packets.ts';

const NO_PACKET = 'no packet';

/** Reads the first packet, of any type, as the session does. */
function read(bytes: Uint8Array, version: Version): unknown {
  let result: unknown = NO_PACKET;
  const problem = new Framer(1_000_000).feed(Uint8Array.from(bytes), {
    wantsPackets: true,
    packet(packet, head, start, end) {
      if (result === NO_PACKET) result = readPacket(packet, head, start, end, version);
    },
  });
  return result === NO_PACKET && problem !== 0 ? problem : result;
}

function readPacket(bytes: Uint8Array, head: number, start: number, end: number, version: Version): unknown {
  switch (head >> 4) {
    case PacketType.connect:
      return readConnect(bytes, head, start, end);
    case PacketType.publish: {
      const publish = createPublish();
      const problem = readPublish(bytes, head, start, end, version, publish);
      if (problem !== undefined) return problem;
      const { topicStart, topicEnd, payloadStart, payloadEnd, ...rest } = publish;
      if (topicStart < topicEnd) {
        const wrong = topicProblem(bytes, topicStart, topicEnd);
        if (wrong !== undefined) return wrong;
      }
      const text = (from: number, to: number): string => Buffer.from(bytes.subarray(from, to)).toString();
      return { ...rest, topic: text(topicStart, topicEnd), payload: text(payloadStart, payloadEnd) };
    }
    case PacketType.subscribe:
      return readSubscribe(bytes, head, start, end, version);
    case PacketType.unsubscribe:
      return readUnsubscribe(bytes, head, start, end, version);
    case PacketType.pingreq:
      return pingProblem(head, start, end) ?? 'ping';
    case PacketType.disconnect:
      return readDisconnect(bytes, head, start, end, version);
    default:
      return readAcknowledgement(bytes, head, start, end, version);
  }
}

function generated(packet: Packet, version: Version = 5): Buffer {
  return mqttPacket.generate(packet, { protocolVersion: version });
}

/** What mqtt-packet makes of the bytes: its first packet, or its error. */
function secondOpinion(bytes: Uint8Array, version: Version): Packet | Error | undefined {
  const parser = mqttPacket.parser({ protocolVersion: version });
  let said: Packet | Error | undefined;
  parser.on('packet', (packet) => (said ??= packet));
  parser.on('error', (error) => (said ??= error));
  parser.parse(Buffer.from(bytes));
  return said;
}

const versions = fc.constantFrom<Version>(4, 5);
/** Text without what UTF-8 or MQTT cannot carry. */
const text = (maxLength: number) =>
  fc.string({ unit: 'grapheme', maxLength }).map((value) => value.replaceAll('\0', '').toString());
const topics = text(40).map((topic) => topic.replaceAll(/[+#]/g, '') || 't');
const packetIds = fc.integer({ min: 1, max: 65_535 });
const payloads = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const seconds = fc.integer({ min: 0, max: 0xffffffff });

describe('what mqtt-packet generates', () => {
  it('is read as it was meant: CONNECT', () => {
    const wills = fc.record({
      topic: topics,
      payload: payloads,
      qos: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
      retain: fc.boolean(),
      delay: fc.option(seconds, { nil: undefined }),
    });
    const connects = fc.record({
      version: versions,
      clientId: text(20),
      keepalive: fc.integer({ min: 0, max: 65_535 }),
      clean: fc.boolean(),
      login: fc.option(fc.record({ username: text(10), password: payloads }), { nil: undefined }),
      will: fc.option(wills, { nil: undefined }),
      expiry: fc.option(seconds, { nil: undefined }),
      packetBytesMax: fc.option(fc.integer({ min: 1, max: 0xffffffff }), { nil: undefined }),
      problems: fc.option(fc.boolean(), { nil: undefined }),
    });
    fc.assert(
      fc.property(connects, ({ version, clientId, keepalive, clean, login, will, ...more }) => {
        const { expiry, packetBytesMax, problems } = more;
        if (clientId === '' && !clean) return; // mqtt-packet refuses to make it
        const bytes = generated(
          {
            cmd: 'connect',
            protocolId: 'MQTT',
            protocolVersion: version,
            clientId,
            keepalive,
            clean,
            ...login,
            ...(will === undefined
              ? {}
              : {
                  will: {
                    topic: will.topic,
                    payload: will.payload,
                    qos: will.qos,
                    retain: will.retain,
                    ...(version === 5 && will.delay !== undefined
                      ? { properties: { willDelayInterval: will.delay, contentType: 'text' } }
                      : {}),
                  },
                }),
            ...(version === 5
              ? {
                  properties: {
                    ...(expiry === undefined ? {} : { sessionExpiryInterval: expiry }),
                    ...(packetBytesMax === undefined ? {} : { maximumPacketSize: packetBytesMax }),
                    ...(problems === undefined ? {} : { requestProblemInformation: problems }),
                    userProperties: { a: 'b', c: ['d', 'e'] },
                  },
                }
              : {}),
          },
          version,
        );
        expect(read(bytes, version)).toEqual({
          ok: true,
          version,
          cleanStart: clean,
          keepAliveSeconds: keepalive,
          clientId,
          password: login === undefined ? undefined : new Uint8Array(login.password),
          will:
            will === undefined
              ? undefined
              : {
                  topic: will.topic,
                  payload: new Uint8Array(will.payload),
                  delaySeconds: version === 5 ? will.delay : undefined,
                },
          sessionExpirySeconds: version === 5 ? (expiry ?? 0) : 0,
          packetBytesMax: version === 5 ? (packetBytesMax ?? 0) : 0,
          wantsProblemInformation: version === 5 ? (problems ?? true) : true,
          hasAuthentication: false,
        });
      }),
    );
  });

  it('is read as it was meant: PUBLISH', () => {
    const publishes = fc.record({
      version: versions,
      topic: topics,
      payload: text(100),
      qos: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
      retain: fc.boolean(),
      messageId: packetIds,
      alias: fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(
        publishes,
        fc.boolean(),
        ({ version, topic, payload, qos, retain, messageId, alias }, again) => {
          const dup = again && qos > 0;
          const hasAlias = version === 5 && alias !== undefined;
          const properties = hasAlias ? { properties: { topicAlias: alias, messageExpiryInterval: 3 } } : {};
          const bytes = generated(
            { cmd: 'publish', topic, payload, qos, retain, dup, messageId, ...properties },
            version,
          );
          expect(read(bytes, version)).toEqual({
            qos,
            isDuplicate: dup,
            packetId: qos === 0 ? 0 : messageId,
            topicAlias: hasAlias ? alias : 0,
            topic,
            payload,
          });
        },
      ),
    );
  });

  it('is read as it was meant: SUBSCRIBE and UNSUBSCRIBE', () => {
    const filters = fc.array(
      fc.record({
        topic: text(30).map((filter) => filter || '#'),
        qos: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
        nl: fc.boolean(),
        rh: fc.constantFrom(0, 1, 2),
      }),
      { minLength: 1, maxLength: 5 },
    );
    const identifiers = fc.option(fc.integer({ min: 1, max: 268_435_455 }), { nil: undefined });
    fc.assert(
      fc.property(
        versions,
        packetIds,
        filters,
        identifiers,
        (version, messageId, subscriptions, identifier) => {
          const isFive = version === 5;
          const properties =
            isFive && identifier !== undefined ? { properties: { subscriptionIdentifier: identifier } } : {};
          const subscribe = generated(
            {
              cmd: 'subscribe',
              messageId,
              ...properties,
              subscriptions: subscriptions.map((s) => ({ ...s, rap: true })),
            },
            version,
          );
          expect(read(subscribe, version)).toEqual({
            ok: true,
            packetId: messageId,
            identifier: isFive ? (identifier ?? 0) : 0,
            filters: subscriptions.map(({ topic, nl, rh }) => ({
              filter: topic,
              options: { noLocal: isFive && nl, retainHandling: isFive ? rh : 0 },
            })),
          });
          const unsubscriptions = subscriptions.map(({ topic }) => topic);
          expect(
            read(generated({ cmd: 'unsubscribe', messageId, unsubscriptions }, version), version),
          ).toEqual({
            ok: true,
            packetId: messageId,
            filters: unsubscriptions,
          });
        },
      ),
    );
  });

  it('is read as it was meant: acknowledgements, PINGREQ and DISCONNECT', () => {
    fc.assert(
      fc.property(versions, packetIds, fc.boolean(), (version, messageId, withReason) => {
        const reason =
          version === 5 && withReason ? { reasonCode: 0x92, properties: { reasonString: 'x' } } : {};
        expect(read(generated({ cmd: 'pubrel', messageId, ...reason }, version), version)).toBe(messageId);
        expect(read(generated({ cmd: 'puback', messageId }, version), version)).toBe(messageId);
      }),
    );
    expect(read(generated({ cmd: 'pingreq' }), 5)).toBe('ping');
    const plain = { ok: true, reason: 0, sessionExpirySeconds: undefined };
    expect(read(generated({ cmd: 'disconnect' }, 4), 4)).toEqual(plain);
    expect(read(generated({ cmd: 'disconnect' }), 5)).toEqual(plain);
    const complaint = { cmd: 'disconnect', reasonCode: 4, properties: { sessionExpiryInterval: 7 } } as const;
    expect(read(generated(complaint), 5)).toEqual({ ok: true, reason: 4, sessionExpirySeconds: 7 });
  });
});

const hex = (bytes: string): Buffer => Buffer.from(bytes.replaceAll(/\s/g, ''), 'hex');
const MQTT5 = '00044d51545405';
const MQTT4 = '00044d51545404';

describe('a malformed packet', () => {
  it.each<[string, Version, string, number]>([
    ['CONNECT of another protocol', 5, '10 0a 0004 484f5054 05 02 003c', Reason.unsupportedVersion],
    ['CONNECT of protocol level 3', 4, '10 0e 0006 4d5149736470 03 02 003c 0000', Reason.unsupportedVersion],
    ['CONNECT of protocol level 6', 5, '10 0d 0004 4d515454 06 02 003c 00 0000', Reason.unsupportedVersion],
    ['CONNECT with flags in the header', 5, `11 0d ${MQTT5} 02 003c 00 0000`, Reason.malformedPacket],
    ['CONNECT with the reserved flag', 5, `10 0d ${MQTT5} 03 003c 00 0000`, Reason.malformedPacket],
    ['CONNECT with a will of QoS 3', 5, `10 0d ${MQTT5} 1e 003c 00 0000`, Reason.malformedPacket],
    ['CONNECT with a will QoS and no will', 4, `10 0c ${MQTT4} 0a 003c 0000`, Reason.malformedPacket],
    [
      'CONNECT of 3.1.1 with a password and no user',
      4,
      `10 0f ${MQTT4} 42 003c 0000 0001 61`,
      Reason.malformedPacket,
    ],
    ['CONNECT with bytes behind the last field', 4, `10 0d ${MQTT4} 02 003c 0000 00`, Reason.malformedPacket],
    ['CONNECT that ends in the client id', 4, `10 0d ${MQTT4} 02 003c 0005 61`, Reason.malformedPacket],
    [
      'CONNECT whose properties are longer than it',
      5,
      `10 0d ${MQTT5} 02 003c 7f 0000`,
      Reason.malformedPacket,
    ],
    [
      'CONNECT with a huge property length',
      5,
      `10 10 ${MQTT5} 02 003c ffffff7f 0000`,
      Reason.malformedPacket,
    ],
    ['CONNECT with an unknown property', 5, `10 0f ${MQTT5} 02 003c 02 7e00 0000`, Reason.malformedPacket],
    ['CONNECT with a topic alias', 5, `10 10 ${MQTT5} 02 003c 03 230001 0000`, Reason.protocolError],
    [
      'CONNECT with a property twice',
      5,
      `10 13 ${MQTT5} 02 003c 06 210001 210001 0000`,
      Reason.protocolError,
    ],
    ['CONNECT with Receive Maximum 0', 5, `10 10 ${MQTT5} 02 003c 03 210000 0000`, Reason.protocolError],
    [
      'CONNECT with Maximum Packet Size 0',
      5,
      `10 12 ${MQTT5} 02 003c 05 2700000000 0000`,
      Reason.protocolError,
    ],
    ['CONNECT that asks for problems with 2', 5, `10 0f ${MQTT5} 02 003c 02 1702 0000`, Reason.protocolError],
    [
      'CONNECT with authentication data alone',
      5,
      `10 10 ${MQTT5} 02 003c 03 160000 0000`,
      Reason.protocolError,
    ],
    [
      'CONNECT with a client id that is no UTF-8',
      4,
      `10 0d ${MQTT4} 02 003c 0001 ff`,
      Reason.malformedPacket,
    ],
    ['CONNECT with U+0000 in the client id', 4, `10 0d ${MQTT4} 02 003c 0001 00`, Reason.malformedPacket],
    ['CONNECT with an empty will topic', 4, `10 10 ${MQTT4} 06 003c 0000 0000 0000`, Reason.topicNameInvalid],
    [
      'CONNECT with a wildcard in the will topic',
      4,
      `10 11 ${MQTT4} 06 003c 0000 0001 23 0000`,
      Reason.topicNameInvalid,
    ],
    ['PUBLISH of QoS 3', 4, '36 05 0001 61 0001', Reason.malformedPacket],
    ['PUBLISH with DUP at QoS 0', 4, '38 03 0001 61', Reason.malformedPacket],
    ['PUBLISH with packet id 0', 4, '32 05 0001 61 0000', Reason.protocolError],
    ['PUBLISH that ends before its packet id', 4, '32 04 0001 61 00', Reason.malformedPacket],
    ['PUBLISH whose topic is longer than it', 4, '30 04 0005 6162', Reason.malformedPacket],
    ['PUBLISH of 3.1.1 without a topic', 4, '30 02 0000', Reason.protocolError],
    ['PUBLISH of 5 with neither topic nor alias', 5, '30 03 0000 00', Reason.protocolError],
    ['PUBLISH of 5 that ends before its properties', 5, '30 03 0001 61', Reason.malformedPacket],
    ['PUBLISH with topic alias 0', 5, '30 07 0001 61 03 230000', Reason.topicAliasInvalid],
    ['PUBLISH with a subscription identifier', 5, '30 06 0001 61 02 0b01', Reason.protocolError],
    [
      'PUBLISH whose last property is cut by their end',
      5,
      '30 08 0001 61 02 230001 61',
      Reason.malformedPacket,
    ],
    ['PUBLISH with a wildcard in the topic', 4, '30 03 0001 2b', Reason.topicNameInvalid],
    ['PUBLISH with U+0000 in the topic', 4, '30 03 0001 00', Reason.malformedPacket],
    ['PUBLISH with a surrogate in the topic', 4, '30 05 0003 eda080', Reason.malformedPacket],
    ['PUBLISH with a wildcard in the response topic', 5, '30 08 0001 61 04 08 0001 23', Reason.protocolError],
    ['SUBSCRIBE with flags 0', 4, '80 06 0001 0001 61 00', Reason.malformedPacket],
    ['SUBSCRIBE with packet id 0', 4, '82 06 0000 0001 61 00', Reason.protocolError],
    ['SUBSCRIBE without a topic filter', 4, '82 02 0001', Reason.protocolError],
    ['SUBSCRIBE that ends before its options', 4, '82 05 0001 0001 61', Reason.malformedPacket],
    ['SUBSCRIBE of 3.1.1 with options of 5', 4, '82 06 0001 0001 61 04', Reason.malformedPacket],
    ['SUBSCRIBE of 5 with reserved options', 5, '82 07 0001 00 0001 61 40', Reason.malformedPacket],
    ['SUBSCRIBE with QoS 3', 5, '82 07 0001 00 0001 61 03', Reason.malformedPacket],
    ['SUBSCRIBE with retain handling 3', 5, '82 07 0001 00 0001 61 30', Reason.malformedPacket],
    ['SUBSCRIBE with subscription identifier 0', 5, '82 09 0001 02 0b00 0001 61 00', Reason.protocolError],
    [
      'SUBSCRIBE with two subscription identifiers',
      5,
      '82 0b 0001 04 0b01 0b02 0001 61 00',
      Reason.protocolError,
    ],
    ['SUBSCRIBE with a filter that is no UTF-8', 5, '82 07 0001 00 0001 c3 00', Reason.malformedPacket],
    ['UNSUBSCRIBE without a topic filter', 5, 'a2 03 0001 00', Reason.protocolError],
    ['UNSUBSCRIBE with flags 0', 4, 'a0 05 0001 0001 61', Reason.malformedPacket],
    ['PUBREL with flags 0', 4, '60 02 0001', Reason.malformedPacket],
    ['PUBREL with packet id 0', 4, '62 02 0000', Reason.protocolError],
    ['PUBREL of one byte', 4, '62 01 00', Reason.malformedPacket],
    ['PUBREL of 3.1.1 with a reason', 4, '62 03 0001 00', Reason.malformedPacket],
    ['PUBREL with bytes behind its properties', 5, '62 05 0001 00 00 61', Reason.malformedPacket],
    ['PINGREQ with a body', 4, 'c0 01 00', Reason.malformedPacket],
    ['PINGREQ with flags', 4, 'c1 00', Reason.malformedPacket],
    ['DISCONNECT with flags', 4, 'e1 00', Reason.malformedPacket],
    ['DISCONNECT of 3.1.1 with a reason', 4, 'e0 01 00', Reason.malformedPacket],
    ['DISCONNECT with a property of CONNECT', 5, 'e0 05 00 03 210001', Reason.protocolError],
  ])('is refused: %s', (_, version, bytes, reason) => {
    expect(read(hex(bytes), version)).toMatchObject({
      ok: false,
      reason,
      message: expect.stringMatching(/./),
    });
  });

  it('may be answered where its version is known', () => {
    const versionOf = (bytes: string): Version | undefined => (read(hex(bytes), 5) as Malformed).version;
    expect(versionOf(`10 0d ${MQTT5} 03 003c 00 0000`)).toBe(5);
    expect(versionOf(`10 0c ${MQTT4} 03 003c 0000`)).toBe(4);
    expect(versionOf('10 0d 0004 4d515454 06 02 003c 00 0000')).toBe(5);
    expect(versionOf('10 0e 0006 4d5149736470 03 02 003c 0000')).toBe(4);
    expect(versionOf('10 0a 0004 484f5054 05 02 003c')).toBeUndefined();
  });
});

/** Each of these passes mqtt-packet 9.0.2, which is why the hub reads packets itself. */
describe('what mqtt-packet lets through', () => {
  it.each<[string, Version, string]>([
    ['a packet id of 0', 4, '32 05 0001 61 0000'],
    ['SUBSCRIBE without a topic filter', 4, '82 02 0001'],
    ['UNSUBSCRIBE without a topic filter', 4, 'a2 02 0001'],
    ['an empty topic in 3.1.1', 4, '30 02 0000'],
    ['DUP at QoS 0', 4, '38 03 0001 61'],
    ['a wildcard in the topic', 4, '30 03 0001 2b'],
    ['U+0000 in the topic', 4, '30 03 0001 00'],
    ['a topic that is no UTF-8', 4, '30 03 0001 ff'],
    ['PINGREQ with a body', 4, 'c0 01 00'],
    ['DISCONNECT of 3.1.1 with a body', 4, 'e0 01 00'],
    ['bytes behind the last field of CONNECT', 4, `10 0d ${MQTT4} 02 003c 0000 00`],
    ['a password without a user name in 3.1.1', 4, `10 0f ${MQTT4} 42 003c 0000 0001 61`],
    ['a will of QoS 3', 4, `10 11 ${MQTT4} 1e 003c 0000 0001 61 0000`],
    ['a remaining length in more bytes than it needs', 4, 'c0 80 00'],
    ['a property of another packet', 5, `10 10 ${MQTT5} 02 003c 03 230001 0000`],
    ['Receive Maximum 0', 5, `10 10 ${MQTT5} 02 003c 03 210000 0000`],
    ['properties that end in the next packet', 5, '30 05 0001 61 03 23 0001 c000'],
    ['a property twice', 5, '82 0b 0001 04 0b01 0b02 0001 61 00'],
    ['a topic alias of 0', 5, '30 07 0001 61 03 230000'],
  ])('is refused: %s', (_, version, bytes) => {
    expect(secondOpinion(hex(bytes), version)).toMatchObject({ cmd: expect.any(String) });
    const result = read(hex(bytes), version);
    const isFramingProblem = typeof result === 'number';
    expect(isFramingProblem ? { ok: false } : result).toMatchObject({ ok: false });
  });
});

describe('any bytes', () => {
  const heads = fc.integer({ min: 0x10, max: 0xff });

  it('are read or refused, and nothing is read outside of the packet', () => {
    fc.assert(
      fc.property(versions, heads, fc.uint8Array({ maxLength: 60 }), (version, head, body) => {
        // Another packet in front and behind: what leaks from there changes the answer.
        const answers = [0x00, 0xff].map((filler) => {
          const bytes = Uint8Array.from([filler, filler, ...body, filler, filler, filler]);
          return JSON.stringify(readPacket(bytes, head, 2, 2 + body.length, version));
        });
        expect(answers[1]).toBe(answers[0]);
      }),
      { numRuns: 3000 },
    );
  });

  it('are refused when they differ from a good CONNECT by a cut', () => {
    const good = generated({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 5,
      clientId: 'dev-1',
      clean: true,
      keepalive: 60,
      username: 'u',
      password: Buffer.from('p'),
      will: { topic: 't', payload: Buffer.from('x'), properties: { willDelayInterval: 5 } },
      properties: { sessionExpiryInterval: 10, userProperties: { a: 'b' } },
    });
    expect(good[1]).toBe(good.length - 2);
    for (let end = 2; end < good.length; end++) {
      const result = readConnect(new Uint8Array(good), good[0]!, 2, end);
      expect(result.ok, `cut to ${end} bytes`).toBe(false);
    }
  });
});
