import { describe, expect, it } from 'vitest';
import {
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

  it('grows, and keeps what it has', () => {
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
