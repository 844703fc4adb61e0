/** How the log makes room, to the byte: how much stays free, where a lap ends, and what an append passes. */
import { describe, expect, it } from 'vitest';
import { keptBytes } from '../../src/history/kept-event.ts';
import { Laps } from '../../src/history/laps.ts';
import { Cell, Word } from '../../src/history/memory.ts';
import { EventField } from '../../src/records/event.ts';
import { HistoryHarness, recordOf } from './history-harness.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const CAPACITY = 64 * KIB;
const LARGEST = CAPACITY / 16;

/** An event without text that takes this many bytes of the log. */
const ofBytes = (bytes: number) => ({ pad: bytes - keptBytes(EventField.body) - ' '.length });
/** The same, of a kind that no row names as its newest. */
const unnamed = (bytes: number) => ({ ...ofBytes(bytes), type: 'status', fromHub: true }) as const;

/** Bytes from the start of the records up to the last that is not zero. */
function written({ history }: HistoryHarness): number {
  const { f64 } = history.records;
  return 8 * (f64.findLastIndex((cell) => cell !== 0) + 1);
}

/** A hub with one device, which has sent this many events of 1 KiB. */
function filled(times: number, bytes = CAPACITY) {
  const hub = new HistoryHarness({ bytes });
  const busy = hub.connect();
  hub.repeat(busy, times, unnamed(KIB));
  return { hub, busy };
}

describe('an event', () => {
  it('is kept if it takes a sixteenth of the memory, and no more', () => {
    const hub = new HistoryHarness({ bytes: CAPACITY });
    const slot = hub.connect();
    expect(hub.append(slot, recordOf(ofBytes(LARGEST), 0)).isKept).toBe(true);
    expect(hub.append(slot, recordOf(ofBytes(LARGEST + 8), 0)).isKept).toBe(false);
    expect(hub.usage).toMatchObject({ events: 1, usedBytes: LARGEST, evicted: 1 });
  });

  it('that is too large leaves no newest message, which the figures tell at once', () => {
    const hub = new HistoryHarness({ bytes: CAPACITY });
    const slot = hub.connect();
    hub.repeat(slot, 1, ofBytes(KIB));
    expect(hub.usage.liveBytes).toBe(KIB);
    hub.repeat(slot, 1, ofBytes(LARGEST + 8));
    expect(hub.usage.liveBytes).toBe(0);
  });

  it('costs nothing where history is off, nor does anything else', () => {
    const hub = new HistoryHarness({ bytes: 0 });
    const slot = hub.connect(5);
    hub.repeat(slot, 3, ofBytes(KIB));
    hub.repeat(slot, 1, { type: 'pong' });
    expect(hub.log.clean(10)).toBe(0);
    expect(hub.log.adopt()).toBe(true);
    expect(hub.usage).toMatchObject({ events: 0, usedBytes: 0, liveBytes: 0, evicted: 0 });
    expect(hub.devices.rows.keptSeq[slot]).toBe(0);
  });
});

describe('an eighth of what is written', () => {
  it('is free after each append, and what is exactly that is cleaned no further', () => {
    const { hub } = filled(56);
    expect(hub.usage.usedBytes).toBe(56 * KIB);
    expect(hub.log.clean(5)).toBe(0);
    expect(hub.usage.usedBytes).toBe(56 * KIB);
    for (let n = 0; n < 200; n++) {
      hub.repeat(0, 1, unnamed(KIB));
      expect(hub.usage).toMatchObject({ usedBytes: 56 * KIB, events: 56 });
    }
  });

  it('comes back by eight times the bytes of each append', () => {
    // What counts as kept of the first device needs all of the memory; without that, half of it is enough.
    const hub = new HistoryHarness({ bytes: 8 * MIB, eventsMax: 4000 });
    const [gone, busy] = [hub.connect(), hub.connect()];
    hub.repeat(gone, 4000, unnamed(KIB));
    expect(hub.usage).toMatchObject({ usedBytes: 4000 * KIB, windowBytes: 2 * 3999 * KIB });
    hub.free(gone);
    const { cells } = hub.history;
    for (let n = 1; n <= 10; n++) {
      const before = cells[Cell.oldest]!;
      hub.repeat(busy, 1, unnamed(KIB));
      expect(cells[Cell.oldest]! - before).toBe(8 * KIB);
    }
    expect(hub.usage.windowBytes).toBe(4 * MIB);
  });
});

describe('a lap', () => {
  it('is over where two of the largest would have no room behind the next record', () => {
    expect(written(filled(61).hub)).toBe(61 * KIB);
    expect(written(filled(62).hub)).toBe(62 * KIB);
    expect(written(filled(500).hub)).toBe(62 * KIB);
    const { hub, busy } = filled(0);
    hub.repeat(busy, 1, unnamed(LARGEST));
    hub.repeat(busy, 500, unnamed(KIB));
    expect(written(hub)).toBe(56 * KIB);
  });

  it('is over, too, where the next record is the largest so far', () => {
    const { hub, busy } = filled(54);
    hub.repeat(busy, 1, unnamed(LARGEST));
    expect(written(hub)).toBe(54 * KIB);
  });

  it('is over where the part that is to be written is full', () => {
    expect(written(filled(4096, 8 * MIB).hub)).toBe(4 * MIB);
    expect(written(filled(9000, 8 * MIB).hub)).toBe(4 * MIB);
  });

  it('is followed by the next as soon as that has room for the largest', () => {
    const { hub, busy } = filled(0);
    const quiet = hub.connect();
    hub.repeat(busy, 1, unnamed(LARGEST));
    hub.repeat(quiet, 1, ofBytes(LARGEST));
    hub.repeat(busy, 12, unnamed(LARGEST));
    expect(hub.usage).toMatchObject({ events: 14, usedBytes: 14 * LARGEST });
    hub.repeat(busy, 1, unnamed(LARGEST)); // passes the first, and carries the second to where that was
    expect(written(hub)).toBe(14 * LARGEST);
    expect(hub.devices.rows.messageAt[quiet]).toBe(8 + 14 * LARGEST);
    expect(hub.last(quiet)).toHaveLength(1);
  });

  it('is filled to the end of the memory by what is carried forward, and that goes on in the next', () => {
    const { hub, busy } = filled(6);
    const quiet = [hub.connect(), hub.connect(), hub.connect()];
    for (const slot of quiet) hub.repeat(slot, 1, ofBytes(KIB));
    hub.repeat(busy, 53, unnamed(KIB));
    expect(written(hub)).toBe(62 * KIB);
    const { messageAt } = hub.devices.rows;
    const offsets = () => quiet.map((slot) => new Laps(hub.history).offset(messageAt[slot]!));
    expect(offsets()).toEqual([6 * KIB, 7 * KIB, 8 * KIB]);
    hub.repeat(busy, 1, unnamed(KIB));
    expect(offsets()).toEqual([62 * KIB, 63 * KIB, 0]);
    expect(hub.usage).toMatchObject({ events: 56, usedBytes: 56 * KIB, liveBytes: 3 * KIB, evicted: 0 });
    expect(quiet.map((slot) => hub.last(slot).length)).toEqual([1, 1, 1]);
  });
});

describe('a lap that was written further than is to be written now', () => {
  /** In the second lap, with 1 MiB and more of the first left, all of it of a device that is gone. */
  function shrunk() {
    const hub = new HistoryHarness({ bytes: 8 * MIB, eventsMax: 4000 });
    const [gone, busy] = [hub.connect(), hub.connect()];
    hub.repeat(gone, 13_000, unnamed(KIB));
    hub.free(gone);
    const laps = () => new Laps(hub.history);
    expect(laps().reached).toBeGreaterThan(4 * MIB);
    expect(laps().passed).toBeLessThan(-MIB);
    return { hub, busy, laps };
  }

  it('goes on while records of the lap before are left, and no append passes more of them than ever', () => {
    const { hub, busy, laps } = shrunk();
    const { oldest, reached } = laps();
    hub.repeat(busy, 1, unnamed(KIB));
    expect(hub.usage.windowBytes).toBe(4 * MIB);
    expect([laps().oldest - oldest, laps().reached - reached]).toEqual([8 * KIB, KIB]);
  });

  it('is over with the append that passes the last of these', () => {
    const { hub, busy, laps } = shrunk();
    const { words } = hub.history;
    const appends = Math.ceil(-laps().passed / (8 * KIB));
    // Whole groups of eight, so that one append passes all that is left.
    expect(-laps().passed % (8 * KIB)).toBe(0);
    const lap = words[Word.lap]!;
    hub.repeat(busy, appends - 1, unnamed(KIB));
    expect([words[Word.lap], laps().passed]).toEqual([lap, -8 * KIB]);
    hub.repeat(busy, 1, unnamed(KIB));
    expect([words[Word.lap], laps().reached]).toEqual([lap + 1, KIB]);
  });
});

describe('what is live beyond half of the memory', () => {
  it('is taken from what was carried forward, as long as that is just enough', () => {
    const hub = new HistoryHarness({ bytes: CAPACITY, devices: 40 });
    const busy = hub.connect();
    const [old, ...later] = Array.from({ length: 32 }, () => hub.connect());
    hub.repeat(old!, 1, ofBytes(KIB));
    hub.repeat(busy, 24, unnamed(KIB));
    for (const slot of later) hub.repeat(slot, 1, ofBytes(KIB));
    const { messageAt } = hub.devices.rows;
    const first = messageAt[old!]!;
    hub.repeat(busy, 1, unnamed(80)); // carries the oldest forward; of what follows that, nothing is live
    expect(messageAt[old!]).toBeGreaterThan(first);
    hub.repeat(hub.connect(), 1, ofBytes(KIB));
    expect(hub.usage.liveBytes).toBe(33 * KIB);
    hub.repeat(busy, 1000, unnamed(80));
    expect(hub.usage).toMatchObject({ liveBytes: 32 * KIB, evicted: 1 });
    expect(hub.last(old!)).toEqual([]);
    for (const slot of later) expect(hub.last(slot)).toHaveLength(1);
  });

  it('is never written over what is kept: a record that says it is larger than any room is a bug', () => {
    const { hub, busy } = filled(0);
    hub.repeat(hub.connect(), 1, ofBytes(KIB));
    hub.repeat(busy, 55, unnamed(KIB));
    hub.history.records.u32[0] = 70_000; // the size of the first record
    expect(() => hub.repeat(busy, 1, unnamed(KIB))).toThrow('no room to carry 70000 bytes forward');
  });
});
