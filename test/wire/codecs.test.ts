import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDeviceFrame, parseDeviceBinary, parseDeviceText } from '../../src/wire/device-frames.ts';
import {
  binaryEventBytesMax,
  DeviceNames,
  encodeBinaryEvent,
  encodeJsonEvent,
  jsonEventBytesMax,
} from '../../src/wire/event-frames.ts';
import { JSON_DEPTH_MAX, scanValue, skipSpace } from '../../src/wire/json-scan.ts';
import { parseSubscriberOp } from '../../src/wire/subscriber-ops.ts';
import { runs } from '../support/runs.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

const scans = (text: string): boolean => {
  const source = bytes(text);
  const end = scanValue(source, skipSpace(source, 0));
  return end >= 0 && skipSpace(source, end) === source.length;
};

/** JSON texts, and JSON texts with a character changed, dropped or added. */
const mutated = fc
  .tuple(
    fc.json(),
    fc.nat(),
    fc.constantFrom('', '"', '\\', '{', '}', '[', ']', ',', ':', '0', '.', 'e', '-', '\n', 'u'),
    fc.nat(2),
  )
  .map(([text, at, put, drop]) => {
    const from = at % (text.length + 1);
    return text.slice(0, from) + put + text.slice(from + drop);
  });

describe('the JSON scanner', () => {
  it('accepts what JSON.parse accepts, and nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), mutated, fc.string({ unit: 'binary' })), (text) => {
        expect(scans(text)).toBe(isJson(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes(text))));
      }),
      { numRuns: runs(3000) },
    );
    for (const text of [
      '',
      ' ',
      '-',
      '01',
      '1.',
      '.5',
      '1e',
      '1e+',
      '"\\u12g4"',
      '"\\x"',
      '[1,]',
      '{"a":1,}',
      '{a:1}',
      'nul',
    ]) {
      expect(scans(text), text).toBe(false);
    }
    for (const text of ['-0', '1E-7', ' [ ] ', '{"":{}}', '"\\ud800"', '\t[1 , 2]\r\n'])
      expect(scans(text), text).toBe(true);
  });

  it('refuses what is nested deeper than its limit', () => {
    expect(scans('['.repeat(JSON_DEPTH_MAX) + ']'.repeat(JSON_DEPTH_MAX))).toBe(true);
    expect(scans(`[${'['.repeat(JSON_DEPTH_MAX)}1${']'.repeat(JSON_DEPTH_MAX)}]`)).toBe(false);
  });
});

describe('device frames', () => {
  it('hand data and id on as they were written', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.oneof(fc.string({ maxLength: 30 }), fc.integer()),
        fc.constantFrom(0, 2),
        (data, id, space) => {
          const text = bytes(
            JSON.stringify({ extra: [data], id, data, type: 'message', priority: 'low' }, null, space),
          );
          const frame = createDeviceFrame();
          expect(parseDeviceText(text, frame)).toBeUndefined();
          const slice = (start: number, end: number): unknown =>
            JSON.parse(Buffer.from(text.subarray(start, end)).toString());
          expect(slice(frame.payloadStart, frame.payloadEnd)).toEqual(JSON.parse(JSON.stringify(data)));
          expect(slice(frame.ackStart, frame.ackEnd)).toEqual(JSON.parse(JSON.stringify(id)));
          expect([frame.type, frame.priority]).toEqual([2, 1]);
        },
      ),
    );
  });

  it('take the last of members with the same name, and names and words written with escapes', () => {
    const frame = createDeviceFrame();
    const text = bytes('{"data":1,"type":"pong","t\\u0079pe":"m\\u0065ssage","data":{"a":"}"}}');
    expect(parseDeviceText(text, frame)).toBeUndefined();
    expect(frame.type).toBe(2);
    expect(Buffer.from(text.subarray(frame.payloadStart, frame.payloadEnd)).toString()).toBe('{"a":"}"}');
  });

  it('never make a decoder throw, whatever they hold', () => {
    const frame = createDeviceFrame();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), mutated, (noise, text) => {
        parseDeviceBinary(noise, frame);
        parseDeviceText(noise, frame);
        parseDeviceText(bytes(text), frame);
        parseDeviceText(bytes(`{"type":"status","status":${text}}`), frame);
        parseSubscriberOp(text);
        parseSubscriberOp(`{"op":"subscribe","devices":${text}}`);
        expect(frame.payloadEnd).toBeLessThanOrEqual(Math.max(noise.length, bytes(text).length + 30));
      }),
      { numRuns: runs(2000) },
    );
  });
});

describe('event frames', () => {
  const event = fc.record({
    type: fc.constantFrom(1, 2, 3),
    priority: fc.constantFrom(1, 2, 3),
    fromHub: fc.boolean(),
    payloadIsJson: fc.boolean(),
    seq: fc.maxSafeNat(),
    at: fc.integer({ min: 0, max: 2 ** 45 }),
  });

  it('say the same in JSON and in binary as what went in', () => {
    fc.assert(
      fc.property(
        event,
        fc.jsonValue(),
        fc.uint8Array({ maxLength: 400 }),
        fc.string({ maxLength: 64 }),
        (head, json, raw, text) => {
          const status = head.type === 3 && !head.fromHub ? Buffer.from(text) : Buffer.alloc(0);
          const payload = head.payloadIsJson ? Buffer.from(JSON.stringify(json)) : Buffer.from(raw);
          const source = Buffer.concat([status, payload]);
          const names = new DeviceNames('dev:1~x');
          const range = [source, 0, status.length, source.length] as const;
          const out = new Uint8Array(jsonEventBytesMax(names.id.length, status.length, payload.length));
          const decoded = JSON.parse(
            Buffer.from(out.subarray(0, encodeJsonEvent(out, 0, names, head, ...range))).toString(),
          );
          expect(decoded).toEqual({
            op: 'event',
            device: 'dev:1~x',
            type: ['', 'pong', 'message', 'status'][head.type],
            source: head.fromHub ? 'hub' : 'device',
            seq: head.seq,
            at: head.at,
            priority: ['', 'low', 'normal', 'high'][head.priority],
            ...(status.length > 0 ? { status: status.toString() } : {}),
            ...(head.payloadIsJson
              ? { data: JSON.parse(payload.toString()) }
              : { data64: payload.toString('base64') }),
          });
          const bin = Buffer.alloc(binaryEventBytesMax(names.id.length, status.length, payload.length));
          const end = encodeBinaryEvent(bin, 0, names, head, ...range);
          expect([
            bin[0],
            bin[1],
            bin.readUInt16LE(2),
            bin.readUInt32LE(4),
            bin.readDoubleLE(8),
            bin.readDoubleLE(16),
          ]).toEqual([
            head.type,
            head.priority | (head.fromHub ? 4 : 0) | (head.payloadIsJson ? 8 : 0),
            7,
            0,
            head.seq,
            head.at,
          ]);
          const body = bin.subarray(31, end);
          if (head.payloadIsJson && status.length > 0) {
            expect(JSON.parse(body.toString())).toEqual({
              status: status.toString(),
              data: JSON.parse(payload.toString()),
            });
          } else {
            expect(body.equals(payload)).toBe(true);
          }
        },
      ),
      { numRuns: runs(500) },
    );
  });
});
