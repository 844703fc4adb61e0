import { describe, expect, it } from 'vitest';
import type { RecordLayout } from '../../src/records/layout.ts';
import * as replies from '../../src/records/replies.ts';
import {
  bareEntry,
  type Entry,
  EntryWriter,
  encodeFilters,
  encodeRefusals,
  NO_BYTES,
  Refusal,
  readEntries,
  readFilters,
  readRefusals,
} from '../../src/records/replies.ts';
import { readBack } from './records-harness.ts';

/** The records by name, as pairs of functions `writeName` and `readName`. */
type Replies = typeof replies;
type ReplyName = { [Key in keyof Replies]: Key extends `write${infer Name}` ? Name : never }[keyof Replies];
type ValuesOf<Name extends ReplyName> = Parameters<Replies[`write${Name}`]>[1];

// Numbers that need all of their field, so that a narrower one would not hold them.
const [session, device, float, types] = [0xfffffffe, 0xfffffffd, 2 ** 40 + 0.5, 0xfe];
const bytes = Buffer.from([0, 1, 2, 255]);
const filters = '3 dev-*\n1 lädt*';

const told: { readonly [Name in ReplyName]: ValuesOf<Name> } = {
  Joined: { session, slot: device, vip: true, more: true, resumed: bytes, filters },
  Closed: { session, code: 4108 },
  Release: { session },
  Ack: { seq: float, session, skipped: true, id: bytes },
  Answer: { session, request: 7, more: true, entries: bytes, refusals: Buffer.from('5dev-1'), filters },
  Deferred: { session, request: 7 },
  Notice: { session, notice: 0xfe, more: true, entries: bytes, filters },
  Attach: { seq: float, session, device, types, id: 'dev-1' },
  Detach: { session, device },
  Vip: { session, vip: true },
  Gap: { from: float, to: float + 9, device, reason: 0xfe },
  Resync: { term: 0xfffffffd },
  Seq: { seq: float, device },
  Resynced: {},
  FilterPage: { session, page: 7, more: true, waits: true, filter: 'dev-*', entries: bytes },
  Interest: { session },
  Probe: { session },
  Registered: { session, present: true, id: 'ü', kept: 'what is kept: ü' },
  Left: { session },
};

it.each(Object.entries(told))('%s is read as it was written', (name, values) => {
  const functions = replies as unknown as Readonly<Record<string, unknown>>;
  const write = functions[`write${name}`] as RecordLayout<never>['write'];
  // A record without fields says all by its kind: nobody reads it.
  const read = (functions[`read${name}`] ?? (() => ({}))) as RecordLayout<never>['read'];
  const kind = replies.FromOwnerRecord[name as keyof typeof replies.FromOwnerRecord];
  expect(readBack((ring) => write(ring, values as never), read)).toMatchObject({ kind, values });
});

const entry: Entry = {
  device: 'dev-1',
  deviceSlot: 0xfffffffe,
  rowState: 2,
  deviceState: 3,
  lastSeen: 1_764_000_000_000,
  seq: 2 ** 40 + 1,
  epoch: 2 ** 45 + 1,
  generation: 0xfffe,
  deviceStatus: 'lädt',
};

function add(writer: EntryWriter, { device, deviceStatus, ...rest }: Entry): void {
  const [id, status] = [Buffer.from(device), Buffer.from(deviceStatus)];
  const text = Buffer.concat([Buffer.from('before'), id, Buffer.from('-'), status, Buffer.from('behind')]);
  writer.add(rest, text, 6, id.length, 6 + id.length + 1, status.length);
}

describe('a page of entries', () => {
  it('is read as it was written, whatever the lengths of its texts', () => {
    const entries = Array.from({ length: 40 }, (_, n) => ({
      ...entry,
      deviceSlot: n,
      device: 'd'.repeat(1 + n),
      deviceStatus: n % 3 === 0 ? '' : 'ü'.repeat(n),
    }));
    const writer = new EntryWriter();
    for (const one of entries) add(writer, one);
    expect(writer.count).toBe(40);
    const page = writer.take();
    expect(readEntries(page)).toEqual(entries);
  });

  it('tells its length, and begins anew once it is taken', () => {
    const writer = new EntryWriter();
    expect([writer.count, writer.byteLength]).toEqual([0, 0]);
    add(writer, entry);
    expect([writer.count, writer.byteLength]).toEqual([1, 40 + 16]); // five bytes of id and five of status, aligned
    expect(writer.take()).toHaveLength(56);
    expect([writer.count, writer.byteLength]).toEqual([0, 0]);
    add(writer, { ...entry, device: 'other' });
    expect(readEntries(writer.take())).toEqual([{ ...entry, device: 'other' }]);
  });

  it('stands where other pages did, and has nothing of theirs', () => {
    const writer = new EntryWriter();
    add(writer, { ...entry, device: 'x'.repeat(64), deviceStatus: 'y'.repeat(64) });
    const first = writer.take();
    add(writer, entry);
    // The entry is 50 bytes long: what pads it is what stood there.
    const second = writer.take();
    expect(second.buffer).toBe(first.buffer);
    expect(Buffer.from(second.subarray(50)).toString()).toBe('xxxxxx');
    expect(readEntries(second)).toEqual([entry]);
  });

  it('grows only when it must, and keeps what it has', () => {
    const writer = new EntryWriter();
    const whole = { ...entry, device: 'x'.repeat(128), deviceStatus: 'y'.repeat(1024 - 40 - 128) };
    for (let n = 0; n < 63; n++) add(writer, whole);
    add(writer, { ...whole, deviceStatus: `${whole.deviceStatus}z` }); // eight bytes too many
    const larger = writer.take();
    expect([larger.byteOffset, larger.buffer.byteLength, larger.length]).toEqual([
      0,
      128 * 1024,
      64 * 1024 + 8,
    ]);
    const other = new EntryWriter();
    add(other, entry);
    const { buffer } = other.take();
    expect(buffer.byteLength).toBe(64 * 1024);
    for (let n = 0; n < 64; n++) add(other, whole);
    expect(other.take().buffer).toBe(buffer);
  });

  it('keeps what it has when it grows again and again', () => {
    const writer = new EntryWriter();
    const entries = Array.from({ length: 1000 }, (_, n) => ({
      ...entry,
      device: `device-${n}`,
      deviceStatus: 's'.repeat(256),
    }));
    for (const one of entries) add(writer, one);
    expect(readEntries(writer.take())).toEqual(entries);
  });

  it('may be empty, and may stand anywhere in memory', () => {
    expect(readEntries(NO_BYTES)).toEqual([]);
    const writer = new EntryWriter();
    add(writer, entry);
    const page = writer.take();
    const elsewhere = Buffer.alloc(page.length + 24);
    elsewhere.set(page, 8);
    expect(readEntries(elsewhere.subarray(8, 8 + page.length))).toEqual([entry]);
  });
});

describe('an entry of which nothing but the id is to be said', () => {
  it('has all fields of others', () => {
    const bare = bareEntry('dev-1');
    expect(bare.device).toBe('dev-1');
    const said = { device: 'dev-1', deviceStatus: '' };
    expect(bare).toEqual({ ...Object.fromEntries(Object.keys(entry).map((field) => [field, 0])), ...said });
  });
});

describe('a list', () => {
  it('of filters is read as it was written', () => {
    const filters = [
      { filter: 'site-a.*', value: 12 },
      { filter: '*', value: 0 },
    ];
    expect(readFilters(encodeFilters(filters))).toEqual(filters);
    expect(readFilters(encodeFilters([]))).toEqual([]);
  });

  it('of refusals is read as it was written, of every reason', () => {
    const refused = Object.values(Refusal).map((why) => ({ device: `dev-${why}`, why }));
    expect(readRefusals(encodeRefusals(refused))).toEqual(refused);
    expect(encodeRefusals([])).toHaveLength(0);
    expect(readRefusals(NO_BYTES)).toEqual([]);
  });
});
