import { describe, expect, it } from 'vitest';
import { eventFromJson, eventsFromBinary } from '../../clients/js/src/events.ts';
import type { DeviceEvent, EventFrame } from '../../clients/js/src/frames.ts';
import {
  binaryEventBytesMax,
  DeviceNames,
  type EventFrameHead,
  encodeBinaryEvent,
  encodeJsonEvent,
  jsonEventBytesMax,
} from '../../src/wire/event-frames.ts';
import { EventType, Priority } from '../../src/wire/events.ts';

interface Sent {
  readonly head?: Partial<EventFrameHead>;
  readonly status?: string;
  readonly payload: string | Uint8Array;
}

/** What a client makes of an event as the hub encodes it, in both encodings. */
function received({ head: given, status = '', payload }: Sent): Record<'json' | 'binary', DeviceEvent> {
  const head: EventFrameHead = {
    type: EventType.message,
    priority: Priority.normal,
    fromHub: false,
    payloadIsJson: typeof payload === 'string',
    seq: 2 ** 40,
    at: 1_764_000_000_123,
    ...given,
  };
  const names = new DeviceNames('dev-1');
  const statusBytes = Buffer.from(status);
  const source = Buffer.concat([statusBytes, Buffer.from(payload)]);
  const sizes = [names.idBytes.length, statusBytes.length, source.length] as const;
  const json = new Uint8Array(jsonEventBytesMax(...sizes));
  const jsonEnd = encodeJsonEvent(json, 0, names, head, source, 0, statusBytes.length, source.length);
  const binary = new Uint8Array(binaryEventBytesMax(...sizes));
  const binaryEnd = encodeBinaryEvent(binary, 0, names, head, source, 0, statusBytes.length, source.length);
  const text = Buffer.from(json.subarray(0, jsonEnd)).toString();
  return {
    json: eventFromJson(JSON.parse(text) as EventFrame),
    binary: eventsFromBinary(binary.slice(0, binaryEnd).buffer)[0]!,
  };
}

const common = { device: 'dev-1', seq: 2 ** 40, at: 1_764_000_000_123 };

describe.each(['json', 'binary'] as const)('an event that came as %s', (encoding) => {
  it('has the data that the device sent', () => {
    expect(received({ payload: '{"temperature":21.5,"unit":"°C"}' })[encoding]).toMatchObject({
      ...common,
      type: 'message',
      source: 'device',
      priority: 'normal',
      data: { temperature: 21.5, unit: '°C' },
    });
  });

  it('has data that looks like a status as data', () => {
    const event = received({ payload: '{"status":"charging","data":1}' })[encoding];
    expect(event).toMatchObject({ type: 'message', data: { status: 'charging', data: 1 } });
    expect(event.status).toBeUndefined();
  });

  it('has the bytes that the device sent', () => {
    const payload = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const event = received({ payload, head: { priority: Priority.low } })[encoding];
    expect(event).toMatchObject({ ...common, priority: 'low' });
    expect([...(event.bytes ?? [])]).toEqual([...payload]);
    expect(event.data).toBeUndefined();
  });

  it('has the status that the device sent, and its data', () => {
    const head = { type: EventType.status, priority: Priority.high };
    const event = received({ head, status: 'charging "fast"', payload: '{"watts":7}' })[encoding];
    expect(event).toMatchObject({
      ...common,
      type: 'status',
      status: 'charging "fast"',
      data: { watts: 7 },
      priority: 'high',
    });
  });

  it('has the status that the device sent as binary', () => {
    const head = { type: EventType.status, payloadIsJson: false };
    const event = received({ head, status: 'lädt', payload: Buffer.from('lädt') })[encoding];
    expect(event).toMatchObject({ ...common, type: 'status', status: 'lädt' });
  });

  it('has the state that the hub tells', () => {
    const head = { type: EventType.status, priority: Priority.high, fromHub: true };
    const event = received({ head, payload: '{"state":"offline","reason":"lost"}' })[encoding];
    expect(event).toMatchObject({ source: 'hub', data: { state: 'offline', reason: 'lost' } });
    expect(event.status).toBeUndefined();
  });

  it('has data null when the device sent none', () => {
    expect(received({ head: { type: EventType.pong }, payload: '' })[encoding]).toMatchObject({
      type: 'pong',
      data: null,
    });
  });
});

describe('a binary frame that is no event', () => {
  it.each([0, 23, 24])('of %i bytes is refused with an error', (length) => {
    const frame = new Uint8Array(length).fill(0xff).buffer;
    expect(() => eventsFromBinary(frame)).toThrow(RangeError);
  });
});
