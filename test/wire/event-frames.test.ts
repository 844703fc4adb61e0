import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  binaryEventBytesMax,
  DeviceNames,
  encodeBinaryEvent,
  encodeJsonEvent,
  jsonEventBytesMax,
} from '../../src/wire/event-frames.ts';

const names = new DeviceNames('x'.repeat(128));
const head = { type: 2, priority: 2, fromHub: false, payloadIsJson: true, seq: 42, at: 1764000000123 };
const GUARD = 0xa5;

interface Given {
  readonly status?: string;
  readonly payload?: Uint8Array;
  readonly head?: Partial<typeof head>;
}

/**
 * Encodes from shared memory, at odd offsets, into bytes that are just long enough.
 * @throws when a byte before the event or after its bound was written
 */
function encoded(
  binary: boolean,
  { status = '', payload = new Uint8Array(), head: over = {} }: Given,
): Buffer {
  const text = Buffer.from(status);
  const source = new Uint8Array(new SharedArrayBuffer(7 + text.length + payload.length + 9)).fill(GUARD);
  source.set(text, 7);
  source.set(payload, 7 + text.length);
  const bytesMax = (binary ? binaryEventBytesMax : jsonEventBytesMax)(128, text.length, payload.length);
  const out = new Uint8Array(3 + bytesMax + 5).fill(GUARD);
  const encode = binary ? encodeBinaryEvent : encodeJsonEvent;
  const start = 7 + text.length;
  const end = encode(out, 3, names, { ...head, ...over }, source, 7, start, start + payload.length);
  if (end > 3 + bytesMax) throw new Error(`${end - 3} bytes, at most ${bytesMax} were announced`);
  for (const at of [0, 1, 2, ...Array.from({ length: out.length - end }, (_, index) => end + index)]) {
    if (out[at] !== GUARD) throw new Error(`byte ${at} was written, the event ends at ${end}`);
  }
  return Buffer.from(out.subarray(3, end));
}

interface JsonEvent {
  readonly seq: number;
  readonly status?: string;
  readonly data?: unknown;
  readonly data64?: string;
}

const json = (given: Given): JsonEvent => JSON.parse(encoded(false, given).toString());
const utf8 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));

describe('a JSON event', () => {
  it('has its members in the order of the contract', () => {
    expect(encoded(false, { payload: utf8('{"t":[1, 2]}') }).toString()).toBe(
      `{"op":"event","device":"${names.id}","type":"message","source":"device","seq":42,"at":1764000000123,"priority":"normal","data":{"t":[1, 2]}}`,
    );
  });

  it('without a payload says null', () => {
    expect(json({}).data).toBe(null);
    expect(json({ head: { payloadIsJson: false } }).data64).toBe('');
  });

  it('names each type, priority and source', () => {
    for (const [type, typeName] of [
      [1, 'pong'],
      [2, 'message'],
      [3, 'status'],
    ] as const) {
      for (const [priority, priorityName] of [
        [1, 'low'],
        [2, 'normal'],
        [3, 'high'],
      ] as const) {
        for (const fromHub of [false, true]) {
          expect(json({ head: { type, priority, fromHub } })).toMatchObject({
            type: typeName,
            priority: priorityName,
            source: fromHub ? 'hub' : 'device',
          });
        }
      }
    }
  });

  it('writes numbers at the edges of their digits exactly', () => {
    for (let power = 1; power <= 1e15; power *= 10) {
      for (const seq of [power - 1, power, power + 1]) expect(json({ head: { seq } }).seq).toBe(seq);
    }
    expect(json({ head: { seq: Number.MAX_SAFE_INTEGER, at: 0 } })).toMatchObject({
      seq: Number.MAX_SAFE_INTEGER,
      at: 0,
    });
  });

  it('writes any status as a JSON string within its bound', () => {
    const all = Array.from({ length: 0x100 }, (_, code) => String.fromCharCode(code)).join('');
    for (const status of [
      all,
      '\0'.repeat(64),
      '"\\'.repeat(32),
      '\u{1f50b}'.repeat(64),
      '\u2028\u2029\ufeff',
    ]) {
      expect(json({ status, head: { type: 3 } }).status).toBe(status);
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 64 }), (status) => {
        expect(json({ status, head: { type: 3 } }).status).toBe(status);
      }),
    );
  });

  it('writes binary payloads of every small length as base64 within its bound', () => {
    for (let length = 0; length < 300; length++) {
      const payload = Uint8Array.from({ length }, (_, index) => (index * 151 + length) & 0xff);
      const { data64 } = json({ payload, head: { payloadIsJson: false } });
      expect(data64).toBe(Buffer.from(payload).toString('base64'));
    }
  });

  it('copies payloads of every length around the edge between its two ways of copying', () => {
    for (let length = 2; length < 200; length++) {
      const payload = utf8(`"${'abcdefghij'.repeat(20).slice(0, length - 2)}"`);
      expect(json({ payload }).data).toBe(JSON.parse(Buffer.from(payload).toString()));
      expect(encoded(true, { payload }).subarray(152)).toEqual(Buffer.from(payload));
    }
  });
});

describe('a binary event', () => {
  it('has the header of the contract, little-endian', () => {
    const bytes = encoded(true, {
      payload: Uint8Array.of(1, 2, 3),
      head: { type: 1, priority: 3, fromHub: true, payloadIsJson: false, seq: 2 ** 53 - 1 },
    });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    expect([view.getUint8(0), view.getUint8(1)]).toEqual([1, 0b0111]);
    expect([view.getUint16(2, true), view.getUint32(4, true)]).toEqual([128, 0]);
    expect([view.getFloat64(8, true), view.getFloat64(16, true)]).toEqual([2 ** 53 - 1, head.at]);
    expect(bytes.toString('latin1', 24, 152)).toBe(names.id);
    expect([...bytes.subarray(152)]).toEqual([1, 2, 3]);
  });

  it('of a status sent as JSON holds the status and the data', () => {
    const body = (given: Given): unknown => JSON.parse(encoded(true, given).subarray(152).toString());
    const status = 'char"g\n\u{1f50b}';
    expect(body({ status, payload: utf8('{"a":1}'), head: { type: 3 } })).toEqual({ status, data: { a: 1 } });
    expect(body({ status, head: { type: 3 } })).toEqual({ status, data: null });
  });

  it('of a status sent as bytes holds just those', () => {
    const bytes = encoded(true, {
      status: 'ok',
      payload: utf8('ok'),
      head: { type: 3, payloadIsJson: false },
    });
    expect(bytes[1]! & 8).toBe(0);
    expect(bytes.subarray(152).toString()).toBe('ok');
  });

  it('of the hub holds its data as it is', () => {
    const payload = utf8('{"state":"offline","reason":"closed"}');
    const bytes = encoded(true, { payload, head: { type: 3, fromHub: true } });
    expect(bytes.subarray(152)).toEqual(Buffer.from(payload));
  });
});
