import fc from 'fast-check';
import mqttPacket, { type IPublishPacket } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { EventType } from '../../../src/wire/events.ts';
import type { Version } from '../../../src/wire/mqtt/constants.ts';
import {
  DeviceTopics,
  encodeMqttEvent,
  encodeText,
  type MqttEventHead,
  mqttEventBytesMax,
  topicKindOf,
  withIdentifiers,
} from '../../../src/wire/mqtt/events.ts';
import { DEFAULT_TEMPLATES, Kind } from '../../../src/wire/mqtt/templates.ts';
import { layoutOf } from './layouts.ts';

const layout = layoutOf(...DEFAULT_TEMPLATES);
const topics = new DeviceTopics('dev-1', layout);

const message: MqttEventHead = {
  type: EventType.message,
  fromHub: false,
  isAsPublished: false,
  payloadIsJson: true,
  isRetained: false,
};
const status: MqttEventHead = { ...message, type: EventType.status };

/** Encodes between other bytes, which must stay; checks the bound. */
function encode(
  head: MqttEventHead,
  statusText: string,
  payload: string | Uint8Array,
  version: Version,
): Uint8Array {
  const [text, body] = [Buffer.from(statusText), Buffer.from(payload)];
  const source = Uint8Array.from([0x55, ...text, ...body, 0x55]);
  const topic = topics.of(topicKindOf(head.type, head.fromHub));
  const room = mqttEventBytesMax(topic.length, text.length, body.length);
  const out = new Uint8Array(3 + room + 1).fill(0xaa);
  const [statusStart, payloadStart] = [1, 1 + text.length];
  const end = encodeMqttEvent(
    out,
    3,
    topic,
    version,
    head,
    source,
    statusStart,
    payloadStart,
    source.length - 1,
  );
  expect(end - 3).toBeLessThanOrEqual(room);
  expect([...out.subarray(0, 3), ...out.subarray(end)].every((byte) => byte === 0xaa)).toBe(true);
  return out.slice(3, end);
}

function read(packet: Uint8Array, version: Version): IPublishPacket {
  const parser = mqttPacket.parser({ protocolVersion: version });
  const packets: IPublishPacket[] = [];
  parser.on('packet', (one) => packets.push(one as IPublishPacket));
  parser.on('error', (error) => {
    throw error;
  });
  expect(parser.parse(Buffer.from(packet))).toBe(0);
  expect(packets).toHaveLength(1);
  return packets[0]!;
}

/** Topic and payload, the same in both versions. */
function published(head: MqttEventHead, statusText: string, payload: string | Uint8Array): [string, string] {
  const both = ([4, 5] as const).map((version) => {
    const packet = read(encode(head, statusText, payload, version), version);
    expect(packet).toMatchObject({ cmd: 'publish', qos: 0, dup: false, retain: head.isRetained });
    expect(packet.properties).toBeUndefined();
    return [packet.topic, packet.payload.toString()] as [string, string];
  });
  expect(both[1]).toEqual(both[0]);
  return both[0]!;
}

describe('an event as PUBLISH', () => {
  it('of a JSON device has the JSON text of its data', () => {
    expect(published(message, '', '{"temperature":21.5}')).toEqual([
      'devices/dev-1/message',
      '{"temperature":21.5}',
    ]);
    expect(published({ ...message, type: EventType.pong }, '', '')).toEqual(['devices/dev-1/pong', 'null']);
  });

  it('of a JSON device with a status has it as an object', () => {
    expect(published(status, 'charging', '{"soc":80}')).toEqual([
      'devices/dev-1/status',
      '{"status":"charging","data":{"soc":80}}',
    ]);
    expect(published(status, 'charging', '')[1]).toBe('{"status":"charging","data":null}');
  });

  it('of a binary status has the text in an object without data', () => {
    expect(published({ ...status, payloadIsJson: false }, 'charging', 'charging')[1]).toBe(
      '{"status":"charging"}',
    );
  });

  it.each([
    'charging',
    '"',
    '\\',
    'line\nbreak',
    '\u0001\u001f',
    'ä€😀',
    '"'.repeat(64),
    '\u0001'.repeat(64),
  ])('escapes the status so that JSON.parse returns it: %j', (text) => {
    expect(JSON.parse(published(status, text, '1')[1])).toEqual({ status: text, data: 1 });
  });

  it('of an MQTT device has the bytes that were published', () => {
    const own = { ...message, isAsPublished: true };
    expect(published(own, '', '')).toEqual(['devices/dev-1/message', '']);
    expect(published(own, '', ' {"a": 1}\n')[1]).toBe(' {"a": 1}\n');
    const statusOfOwn = { ...status, isAsPublished: true };
    expect(published(statusOfOwn, 'charging', 'charging')).toEqual(['devices/dev-1/status', 'charging']);
    expect(published(statusOfOwn, 'on', '{ "data": 1, "status": "on" }')[1]).toBe(
      '{ "data": 1, "status": "on" }',
    );
    const binary = read(encode({ ...own, payloadIsJson: false }, '', Uint8Array.of(0, 255, 128), 4), 4);
    expect([...Buffer.from(binary.payload)]).toEqual([0, 255, 128]);
  });

  it('of the hub about a device comes on its presence topic', () => {
    const presence = '{"state":"online","reason":"connected"}';
    expect(published({ ...status, fromHub: true }, '', presence)).toEqual([
      'devices/dev-1/presence',
      presence,
    ]);
  });

  it('from history has the retain flag', () => {
    expect(read(encode({ ...message, isRetained: true }, '', '1', 5), 5).retain).toBe(true);
  });

  it('is valid at every size of the remaining length', () => {
    const lengths = [
      0, 1, 63, 64, 65, 100, 101, 102, 103, 104, 105, 127, 128, 16_355, 16_360, 16_383, 16_384, 70_000,
    ];
    for (const length of lengths)
      expect(published(message, '', 'x'.repeat(length))[1].length).toBe(length || 4);
  });

  it('equals what mqtt-packet generates', () => {
    const payloads = fc.uint8Array({ minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(payloads, fc.constantFrom<Version>(4, 5), fc.boolean(), (payload, version, isRetained) => {
        const topic = 'devices/dev-1/message';
        const packet = {
          cmd: 'publish',
          topic,
          payload: Buffer.from(payload),
          qos: 0,
          dup: false,
          retain: isRetained,
        } as const;
        const expected = mqttPacket.generate(packet, { protocolVersion: version });
        expect(Buffer.from(encode({ ...message, isRetained }, '', payload, version))).toEqual(expected);
      }),
    );
  });
});

describe('subscription identifiers', () => {
  it('are added to an event for one client', () => {
    const identifiers = fc.array(fc.integer({ min: 1, max: 268_435_455 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), identifiers, (payload, list) => {
        const topic = topics.of(Kind.message);
        const packet = withIdentifiers(encode(message, '', payload, 5), topic.length, list);
        const { properties, payload: body, topic: name } = read(packet, 5);
        expect(name).toBe('devices/dev-1/message');
        expect(properties?.subscriptionIdentifier).toEqual(list.length === 1 ? list[0] : list);
        expect(new Uint8Array(Buffer.from(body))).toEqual(payload);
      }),
    );
  });
});

describe('interest', () => {
  it('is a text on its topic', () => {
    for (const version of [4, 5] as const) {
      const packet = read(encodeText(topics.of(Kind.interest), version, '1', true), version);
      expect([packet.topic, packet.payload.toString(), packet.retain]).toEqual([
        'devices/dev-1/interest',
        '1',
        true,
      ]);
    }
  });
});
