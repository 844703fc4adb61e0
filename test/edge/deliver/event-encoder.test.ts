import { describe, expect, it } from 'vitest';
import { type GivenEvent, writeEventRecord } from '../../../fixtures/event-records.ts';
import { EventEncoder } from '../../../src/edge/deliver/event-encoder.ts';
import type { RecordViews } from '../../../src/memory/ring.ts';
import { EventFlag, privateViews } from '../../../src/records/event.ts';
import { Encoding } from '../../../src/wire/encodings.ts';
import { DeviceNames } from '../../../src/wire/event-frames.ts';
import { EventType, Priority } from '../../../src/wire/events.ts';
import { readTemplates } from '../../../src/wire/mqtt/templates.ts';
import { TopicLayout } from '../../../src/wire/mqtt/topics.ts';
import { decodeBinaryEvent } from '../../support/frames.ts';

/** Views that hold an event at some offset. */
function eventAt(offset: number, event: GivenEvent, views = privateViews(256 * 1024)): RecordViews {
  writeEventRecord(views, offset, { at: 1234, device: 7, seq: 5, ...event });
  return views;
}

const names = new DeviceNames('dev');
const textOf = ({ bytes }: EventEncoder, start: number, end: number): string =>
  Buffer.from(bytes.subarray(start, end)).toString();

describe('an event in the ring', () => {
  it('is encoded where it lies, behind what was encoded before', () => {
    const views = eventAt(1024, { payload: '{"a":1}' });
    const encoder = new EventEncoder(views);
    const first = encoder.encode(1024, names, Encoding.json, 10);
    const second = encoder.encode(1024, names, Encoding.json, first);
    const text =
      '{"op":"event","device":"dev","type":"message","source":"device","seq":5,"at":1234,"priority":"normal","data":{"a":1}}';
    expect([textOf(encoder, 10, first), textOf(encoder, first, second)]).toEqual([text, text]);
  });

  it.each([
    [
      { type: EventType.pong, priority: Priority.low },
      { type: 'pong', priority: 'low', source: 'device' },
    ],
    [
      { type: EventType.status, priority: Priority.high, flags: EventFlag.payloadIsJson | EventFlag.fromHub },
      { type: 'status', priority: 'high', source: 'hub' },
    ],
    [
      { type: EventType.status, status: 'on', payload: '1', seq: 2 ** 40 },
      { type: 'status', status: 'on', data: 1, seq: 2 ** 40 },
    ],
    [{ flags: 0, payload: Uint8Array.of(1, 2) }, { data64: 'AQI=' }],
    [{ payload: '' }, { data: null }],
  ])('says what it is: %j', (event, told) => {
    const encoder = new EventEncoder(eventAt(0, event));
    const end = encoder.encode(0, names, Encoding.json, 0);
    const frame = JSON.parse(textOf(encoder, 0, end));
    expect(frame).toMatchObject(told);
    expect(Object.keys(frame)).not.toContain('replay');
  });

  it('is encoded for each encoding', () => {
    const encoder = new EventEncoder(eventAt(0, { payload: '{"a":1}' }));
    const end = encoder.encode(0, names, Encoding.binary, 0);
    expect(decodeBinaryEvent(Buffer.from(encoder.bytes.subarray(0, end)))).toMatchObject({
      device: 'dev',
      seq: 5,
      data: { a: 1 },
    });
  });
});

describe('an event that was kept', () => {
  it('says so, and the next one does not', () => {
    const ring = eventAt(0, { seq: 9 });
    const encoder = new EventEncoder(ring);
    const end = encoder.kept(eventAt(0, { seq: 3 }), names, Encoding.json, true);
    expect(JSON.parse(textOf(encoder, 0, end))).toMatchObject({ seq: 3, replay: true });
    const next = encoder.encode(0, names, Encoding.json, 0);
    expect(JSON.parse(textOf(encoder, 0, next))).toEqual({
      ...JSON.parse(textOf(encoder, 0, next)),
      seq: 9,
    });
    expect(textOf(encoder, 0, next)).not.toContain('replay');
  });
});

describe('an event for subscribers at a pace', () => {
  it('says how many it replaced, and the next one does not', () => {
    const views = eventAt(64, {});
    const encoder = new EventEncoder(views);
    const end = encoder.paced(views, 64, names, Encoding.json, 7, 3);
    expect(JSON.parse(textOf(encoder, 7, end))).toMatchObject({ seq: 5, conflated: 3 });
    expect(textOf(encoder, 7, end)).not.toContain('replay');
    const next = encoder.encode(64, names, Encoding.json, 0);
    expect(textOf(encoder, 0, next)).not.toMatch(/conflated|replay/);
  });
});

describe('the bytes of an encoder', () => {
  it('grow to what is needed, a power of two, and keep what was encoded', () => {
    const encoder = new EventEncoder(eventAt(0, { payload: `"${'x'.repeat(100_000)}"` }));
    encoder.bytes[0] = 77;
    const before = encoder.bytes;
    encoder.reserve(before.length);
    expect(encoder.bytes).toBe(before);
    const end = encoder.encode(0, names, Encoding.json, 1);
    expect(encoder.bytes).not.toBe(before);
    expect([encoder.bytes[0], Math.log2(encoder.bytes.length) % 1]).toEqual([77, 0]);
    expect(end).toBeGreaterThan(100_000);
    expect(encoder.bytes.length).toBeGreaterThanOrEqual(end);
    encoder.reserve(encoder.bytes.length + 1);
    expect(encoder.bytes.length).toBeGreaterThanOrEqual(end + 1);
  });

  it('do not grow for an event that has room, wherever it lies', () => {
    const at = 192 * 1024;
    const encoder = new EventEncoder(eventAt(at, {}));
    const before = encoder.bytes;
    encoder.encode(at, names, Encoding.json, 0);
    expect(encoder.bytes).toBe(before);
  });

  it('have room from where an event starts', () => {
    const encoder = new EventEncoder(eventAt(0, {}));
    const start = encoder.bytes.length - 10;
    const end = encoder.encode(0, names, Encoding.json, start);
    expect(JSON.parse(textOf(encoder, start, end))).toMatchObject({ seq: 5 });
  });
});

describe('what an MQTT client published', () => {
  const read = readTemplates(['devices/{device}/{type}']);
  if (!read.ok) throw new Error('the templates are wrong');
  const named = new DeviceNames('dev', new TopicLayout(read.templates));
  const payload = '{"status":"on","data":{"a":1}}';
  const flags = EventFlag.payloadIsJson | EventFlag.asPublished;
  // Of a status the text stands before the payload, as it was published.
  const views = eventAt(0, { type: EventType.status, status: 'on', payload, flags });

  it('goes to MQTT clients as it is', () => {
    const encoder = new EventEncoder(views);
    const end = encoder.encode(0, named, Encoding.mqtt5, 0);
    expect(textOf(encoder, 0, end)).toContain(payload);
  });

  it('goes to others as status and data', () => {
    const encoder = new EventEncoder(views);
    const end = encoder.encode(0, named, Encoding.json, 0);
    expect(JSON.parse(textOf(encoder, 0, end))).toMatchObject({ status: 'on', data: { a: 1 } });
    const plain = new EventEncoder(eventAt(0, { payload, flags }));
    const plainEnd = plain.encode(0, named, Encoding.json, 0);
    expect(JSON.parse(textOf(plain, 0, plainEnd)).data).toEqual(JSON.parse(payload));
  });
});
