/** The form of what travels between nodes: what was written is read, and nothing else is taken for it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as records from '../../src/cluster/records.ts';
import {
  forEachRecord,
  HEAD_BYTES,
  type Head,
  MessageType,
  type RecordType,
  readHead,
  recordType,
  viewsOf,
  type WireFields,
  type WireValues,
  writeHead,
} from '../../src/cluster/wire.ts';
import { isId } from '../../src/wire/id.ts';
import { runs } from '../support/runs.ts';
import { BatchWriter } from './support/batches.ts';

const id = fc.stringMatching(/^[A-Za-z0-9._:~-]{1,128}$/).filter(isId);
const every = recordType(99, {
  count: 'count',
  time: 'time',
  word: 'u32',
  byte: 'u8',
  flag: 'flag',
  id: 'id',
  name: 'name',
  ids: 'ids',
  text: 'text',
  bytes: 'bytes',
});
const values = fc.record({
  count: fc.nat(),
  time: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  word: fc.nat(),
  byte: fc.nat(255),
  flag: fc.boolean(),
  id,
  name: fc.oneof(id, fc.constant('')),
  ids: fc.array(id, { maxLength: 5 }),
  text: fc.string({ unit: 'grapheme' }),
  bytes: fc.uint8Array({ maxLength: 100 }),
});
type Every = WireValues<typeof every extends RecordType<infer F> ? F : never>;

function written<F extends WireFields>(type: RecordType<F>, given: WireValues<F>): BatchWriter {
  const batch = new BatchWriter();
  type.write(batch, given);
  return batch;
}

describe('a record', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(values, (given) => {
        const { views, used } = written(every, given as Every);
        const seen: unknown[] = [];
        const whole = forEachRecord(views, used, (kind, offset, bytes) =>
          seen.push(kind, every.read(views, offset, bytes)),
        );
        expect(whole).toBe(true);
        expect(seen).toEqual([99, { ...given, time: given.time }]);
      }),
    );
  });

  it('is refused, and never an exception, when a byte of it is another', () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.nat(255), (given, where, byte) => {
        const { views, used } = written(every, given as Every);
        views.u8[HEAD_BYTES + (where % (used - HEAD_BYTES))] = byte;
        forEachRecord(views, used, (_, offset, bytes) => {
          const read = every.read(views, offset, bytes);
          if (read !== undefined) expect(read.count).toBeGreaterThanOrEqual(0);
        });
      }),
      { numRuns: runs(500) },
    );
  });

  it.each([
    ['a count that is none', (batch: BatchWriter, at: number) => (batch.views.f64[at >> 3] = -1)],
    ['a count with a fraction', (batch: BatchWriter, at: number) => (batch.views.f64[at >> 3] = 1.5)],
    [
      'a time that is no number',
      (batch: BatchWriter, at: number) => (batch.views.f64[(at >> 3) + 1] = Number.NaN),
    ],
  ])('is refused with %s', (_, spoil) => {
    const pair = recordType(98, { count: 'count', time: 'time' });
    const batch = written(pair, { count: 1, time: 1 });
    expect(pair.read(batch.views, HEAD_BYTES + 8, 16)).toEqual({ count: 1, time: 1 });
    spoil(batch, HEAD_BYTES + 8);
    expect(pair.read(batch.views, HEAD_BYTES + 8, 16)).toBeUndefined();
  });

  it('is refused with an id that is none, a list that holds one, and bytes that are no UTF-8', () => {
    for (const [field, text] of [
      ['id', ''],
      ['id', 'a b'],
      ['id', '..'.padEnd(200, 'x')],
      ['name', 'a/b'],
      ['ids', 'a\n\nb'],
      ['text', '\xff'],
    ] as const) {
      const raw = recordType(98, { value: 'bytes' });
      const batch = written(raw, { value: Buffer.from(text, 'latin1') });
      const typed = recordType(98, { value: field });
      expect(typed.read(batch.views, HEAD_BYTES + 8, 4 + text.length), `${field} ${text}`).toBeUndefined();
    }
  });

  it('of every kind has a number of its own', () => {
    const kinds = Object.values(records).flatMap((one) =>
      typeof one === 'object' && 'kind' in one ? [one.kind] : [],
    );
    expect(new Set([...kinds, records.EVENT, records.PAST]).size).toBe(kinds.length + 2);
  });
});

describe('a batch', () => {
  it('with a record that reaches beyond its end is read up to there', () => {
    const batch = new BatchWriter();
    records.ping.write(batch, { at: 1 });
    records.ping.write(batch, { at: 2 });
    const seen: number[] = [];
    expect(forEachRecord(batch.views, batch.used - 8, (kind) => seen.push(kind))).toBe(false);
    expect(seen).toEqual([records.ping.kind]);
  });
});

describe('the head of a message', () => {
  const head: Head = {
    type: MessageType.batch,
    flags: 1,
    boot: 2 ** 50,
    own: 3,
    other: 4,
    number: 5,
    ack: 6,
  };

  it('is read as it was written', () => {
    const views = viewsOf(HEAD_BYTES);
    writeHead(views, head);
    expect(readHead(views, HEAD_BYTES)).toEqual(head);
  });

  it('is refused when it is cut off, of another version, or of something else', () => {
    const views = viewsOf(HEAD_BYTES);
    writeHead(views, head);
    expect(readHead(views, HEAD_BYTES - 1)).toBeUndefined();
    for (const [at, byte] of [
      [0, 0],
      [2, 2],
      [15, 0xff],
      [31, 0xff],
    ] as const) {
      const spoilt = viewsOf(HEAD_BYTES);
      spoilt.u8.set(views.u8);
      spoilt.u8[at] = byte;
      expect(readHead(spoilt, HEAD_BYTES), `byte ${at}`).toBeUndefined();
    }
  });
});
