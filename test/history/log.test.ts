import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attachHistory,
  Cell,
  createHistory,
  HISTORY_BYTES_MAX,
  HISTORY_BYTES_MIN,
} from '../../src/history/memory.ts';
import { EventField } from '../../src/records/event.ts';
import { EventType } from '../../src/wire/events.ts';
import { runs } from '../support/runs.ts';
import { HistoryHarness, recordOf, seqsOf, tell } from './history-harness.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** What an event record of a message takes beside its padding letters: header, number, space. */
const recordBytes = (pad: number, text = '1'): number => EventField.body + text.length + 1 + pad;

describe('the memory of a history', () => {
  it('is of a size that the log can work with, or nothing', () => {
    expect(attachHistory(createHistory(0)).capacity).toBe(0);
    expect(attachHistory(createHistory(HISTORY_BYTES_MIN + 5)).capacity).toBe(HISTORY_BYTES_MIN);
    for (const bytes of [1, HISTORY_BYTES_MIN - 1, HISTORY_BYTES_MAX + 8, -8, Number.NaN])
      expect(() => createHistory(bytes)).toThrow(
        new RangeError(`history of ${bytes} bytes, expected 0 or 65536 to 2147483648`),
      );
    expect(() => attachHistory(new SharedArrayBuffer(KIB))).toThrow('no history log');
  });

  it('takes at most 32 bytes per event beside its record', () => {
    for (let pad = 0; pad < 40; pad++) {
      const hub = new HistoryHarness();
      hub.send(hub.connect(), { pad });
      const { usedBytes, events } = hub.usage;
      expect(events).toBe(1);
      expect(usedBytes % 8).toBe(0);
      expect(usedBytes - recordBytes(pad)).toBeLessThanOrEqual(32);
    }
  });

  it('is not kept for pongs', () => {
    const hub = new HistoryHarness();
    hub.send(hub.connect(), { type: 'pong' });
    expect(hub.usage).toMatchObject({ events: 0, usedBytes: 0 });
  });

  it.each([
    ['kept', { type: 'message' }, 64 * KIB, true],
    ['a pong', { type: 'pong' }, 64 * KIB, false],
    ['too large', { pad: 5000 }, 64 * KIB, false],
    ['sent while history is off', { type: 'message' }, 0, false],
  ] as const)('tells whether it keeps an event that is %s', (_, sent, bytes, isKept) => {
    const hub = new HistoryHarness({ bytes });
    expect(hub.append(hub.connect(), recordOf(sent, 0))).toEqual({ seq: 1, isKept });
  });
});

describe('a log that has gone round', () => {
  it('keeps the newest events of all, and of each device the newest message and status', () => {
    const hub = new HistoryHarness({ bytes: 64 * KIB, eventsMax: 1000 });
    const quiet = hub.connect();
    const busy = hub.connect();
    hub.send(quiet, { type: 'status', pad: 500 });
    hub.send(quiet, { pad: 700 });
    for (let n = 0; n < 10_000; n++) hub.send(busy, { pad: n % 300 });
    expect(seqsOf(hub.last(quiet))).toEqual([1, 2]);
    const newest = seqsOf(hub.newest(busy, 1000));
    expect(newest.at(-1)).toBe(10_000);
    expect(newest).toEqual(Array.from(newest, (_, index) => 10_000 - newest.length + 1 + index));
    // Nothing else is in the log: what was carried forward counts once.
    const { keptCount } = hub.devices.rows;
    expect([keptCount[quiet], keptCount[busy]]).toEqual([2, newest.length]);
    const { usedBytes, evicted } = hub.usage;
    expect(usedBytes).toBeGreaterThan(0.6 * 64 * KIB);
    expect(evicted).toBe(0);
  });

  it('lets go of what was kept of a device that is gone', () => {
    const hub = new HistoryHarness({ bytes: 64 * KIB, devices: 30 });
    for (let round = 0; round < 20; round++) {
      const slots = Array.from({ length: 25 }, () => hub.connect());
      for (const slot of slots) hub.send(slot, { pad: 1000 });
      for (const slot of slots) hub.free(slot);
      expect(hub.usage.evicted).toBe(0);
    }
    const slot = hub.connect();
    hub.send(slot);
    expect(hub.usage.liveBytes).toBe(80);
    hub.free(slot);
    hub.send(hub.connect());
    expect(hub.usage.liveBytes).toBe(80);
  });

  it('works through a few records with each append, even when half of it is live and in one piece', () => {
    const hub = new HistoryHarness({ bytes: MIB, devices: 4001 });
    const slots = Array.from({ length: 4000 }, () => hub.connect());
    for (const slot of slots) hub.send(slot, { pad: 40 });
    expect(hub.usage.liveBytes).toBeGreaterThan(0.45 * MIB);
    const busy = hub.connect();
    const { cells } = hub.history;
    let most = 0;
    for (let n = 0; n < 20_000; n++) {
      const before = cells[Cell.oldest]!;
      hub.send(busy, { pad: 40 });
      most = Math.max(most, cells[Cell.oldest]! - before);
    }
    expect(most).toBeLessThanOrEqual(9 * 128);
    expect(hub.usage.evicted).toBe(0);
    for (const slot of slots) expect(seqsOf(hub.last(slot))).toEqual([1]);
  });

  it('is cleaned ahead while nothing else is to be done, by as much as asked for', () => {
    const hub = new HistoryHarness({ bytes: 64 * MIB, devices: 10_000 });
    const slots = Array.from({ length: 10_000 }, () => hub.connect());
    for (const slot of slots) hub.send(slot, { pad: 600 });
    expect(hub.log.clean(10)).toBe(0);
    for (const slot of slots.slice(100)) hub.free(slot);
    let cleaned = 0;
    let events = 0;
    for (let looked = hub.log.clean(7); looked > 0; looked = hub.log.clean(7)) {
      expect(looked).toBeLessThanOrEqual(7);
      cleaned += looked;
      events = hub.usage.events;
    }
    expect(cleaned).toBeGreaterThan(4000);
    expect(hub.usage.usedBytes).toBeLessThanOrEqual(3.5 * MIB);
    expect(hub.usage.usedBytes).toBeGreaterThan(3.4 * MIB);
    for (const slot of slots.slice(0, 100)) expect(seqsOf(hub.last(slot))).toEqual([1]);
    expect(events).toBe(10_000 - cleaned + 100);
    const { usage } = hub;
    hub.adopt();
    expect(hub.usage).toEqual(usage);
  });
});

describe('an event that is too large to keep', () => {
  it('is counted and told as a gap, also in what follows, and the message before it is not the newest', () => {
    const hub = new HistoryHarness({ bytes: 64 * KIB });
    const slot = hub.connect();
    hub.send(slot, { type: 'status' });
    hub.send(slot);
    hub.send(slot, { pad: 5000 });
    expect(hub.usage.evicted).toBe(1);
    expect(seqsOf(hub.last(slot))).toEqual([1]);
    expect(hub.since(slot, 2)).toEqual({ recovered: false, told: [{ gap: [3, 3] }] });
    hub.send(slot);
    hub.send(slot);
    expect(seqsOf(hub.since(slot, 2).told)).toEqual(['3-3', 4, 5]);
    expect(hub.since(slot, 3).recovered).toBe(true);
    expect(seqsOf(hub.last(slot))).toEqual([1, 5]);
  });
});

describe('the part of the memory that is written', () => {
  /** Bytes from the start of the records up to the last that is not zero. */
  function touched({ history }: HistoryHarness): number {
    const { f64 } = history.records;
    for (let cell = f64.length - 1; cell >= 0; cell--) if (f64[cell] !== 0) return 8 * (cell + 1);
    return 0;
  }

  it('is 4 MiB for a small fleet, whatever the memory', () => {
    const hub = new HistoryHarness({ bytes: 64 * MIB });
    const slots = Array.from({ length: 10 }, () => hub.connect());
    for (let n = 0; n < 10_000; n++)
      hub.send(slots[n % 10]!, { pad: 2000, type: n % 3 === 0 ? 'status' : 'message' });
    expect(touched(hub)).toBeLessThanOrEqual(4 * MIB + 4 * KIB);
    expect(hub.usage.windowBytes).toBe(4 * MIB);
    expect(hub.usage.usedBytes).toBeGreaterThan(3 * MIB);
  });

  it('is four times what is live', () => {
    const hub = new HistoryHarness({ bytes: 64 * MIB, devices: 3000, eventsMax: 1 });
    for (let n = 0; n < 3000; n++) hub.repeat(hub.connect(), 1, { pad: 1000 });
    const { windowBytes, liveBytes } = hub.usage;
    expect(windowBytes).toBe((4 * liveBytes * 2999) / 3000); // as it was before the last
  });

  it('grows with what is live and what counts as kept, and is not written any more when it has shrunk', () => {
    const hub = new HistoryHarness({ bytes: 64 * MIB, devices: 2001, eventsMax: 10 });
    const slots = Array.from({ length: 2000 }, () => hub.connect());
    for (let n = 0; n < 12; n++) for (const slot of slots) hub.send(slot, { pad: 500 });
    // 2000 devices with ten events of 576 bytes that count as kept: twice that.
    expect(hub.usage.windowBytes / (2 * 2000 * 10 * 576)).toBeCloseTo(1, 1);
    for (const slot of slots) expect(hub.newest(slot, 100)).toHaveLength(10);
    for (const slot of slots.slice(1)) hub.free(slot);
    const busy = slots[0]!;
    hub.repeat(busy, 20_000, { pad: 2500 });
    expect(hub.usage.windowBytes).toBe(4 * MIB);
    const { f64 } = hub.history.records;
    f64.fill(0, (4 * MIB + 4 * KIB) / 8);
    hub.repeat(busy, 5000, { pad: 2500 });
    expect(touched(hub)).toBeLessThanOrEqual(4 * MIB + 4 * KIB);
    expect(hub.newest(busy, 100)).toHaveLength(10);
  });
});

describe('a log over records of any size', () => {
  it('always finds room to carry what is live, and evicts nothing while that is at most half', () => {
    const size = fc.oneof(fc.nat(200), fc.constantFrom(4096 - 24 - 56, 4096 - 24 - 57, 3000, 2000));
    const step = fc.record({ device: fc.nat(30), size, times: fc.oneof(fc.constant(1), fc.nat(60)) });
    let wrapped = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }), (steps) => {
        const hub = new HistoryHarness({ bytes: 64 * KIB, devices: 31 });
        const slots = Array.from({ length: 31 }, () => hub.connect());
        let liveMax = 0;
        for (const { device, size, times } of steps) {
          for (let n = 0; n < times; n++) {
            hub.send(slots[device]!, { pad: size, text: 'abc' });
            liveMax = Math.max(liveMax, hub.usage.liveBytes);
          }
        }
        const live = slots.flatMap((slot) => hub.last(slot)).length;
        const sent = slots.filter((slot) => hub.devices.rows.seq[slot]! > 0).length;
        if (liveMax <= 32 * KIB) expect([hub.usage.evicted, live]).toEqual([0, sent]);
        if (hub.history.words[29]! > 1) wrapped += 1;
        expect(hub.adopt()).toBe(true);
      }),
      { numRuns: runs(200) },
    );
    expect(wrapped).toBeGreaterThan(runs(50));
  });
});

describe('a log of records that are large beside the part that is written', () => {
  it('is written further', () => {
    const hub = new HistoryHarness({ bytes: 64 * MIB });
    const slots = Array.from({ length: 8 }, () => hub.connect());
    const events = [4 * MIB - 200, 100, 2 * MIB, 3 * MIB, 50_000].map((pad) => recordOf({ pad }, 0));
    for (let n = 0; n < 120; n++) hub.append(slots[(n * 5) % 7]!, events[n % 5]!);
    expect(hub.usage.evicted).toBe(0);
    for (const slot of slots.slice(0, 7)) expect(hub.last(slot)).toHaveLength(1);
  });

  it('holds at least eight of the largest', () => {
    const hub = new HistoryHarness({ bytes: 64 * MIB, eventsMax: 1 });
    const slot = hub.connect();
    hub.send(slot, { pad: 2 * MIB });
    hub.repeat(slot, 20_000, { pad: 1000 });
    expect(hub.usage.windowBytes).toBeGreaterThan(16 * MIB);
  });
});

describe('a record', () => {
  it('goes in and comes out as it was', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    const { views, bytes } = recordOf({ type: 'status', text: 'läuft' }, hub.clock.nowMs);
    hub.log.append(slot, 7, views, 0, bytes);
    hub.devices.rows.seq[slot] = 7;
    const replay = hub.reader.newest(hub.asOf(slot), 1);
    replay.next();
    views.f64[EventField.seq >> 3] = 7;
    views.u32[EventField.device >> 2] = slot;
    expect([...replay.views.u8.subarray(0, bytes)]).toEqual([...views.u8.subarray(0, bytes)]);
    expect(tell(replay)).toEqual([]);
  });
});

describe('the numbers of a device', () => {
  it('may begin behind others, of which nothing is kept: whoever asks for these learns that they are missing', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect(5);
    hub.send(slot);
    expect(hub.since(slot, 3)).toEqual({ recovered: false, told: [{ gap: [4, 5] }, { seq: 6, text: '6' }] });
    expect(hub.since(slot, 5)).toEqual({ recovered: true, told: [{ seq: 6, text: '6' }] });
  });

  it('may start anew, or go on elsewhere: nothing is kept of it up to there', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot, { type: 'status' });
    hub.send(slot);
    hub.log.restart(slot, 9);
    hub.devices.rows.seq[slot] = 9;
    expect(hub.usage.liveBytes).toBe(0);
    expect([hub.last(slot), hub.newest(slot, 9)]).toEqual([[], []]);
    expect(hub.since(slot, 7)).toEqual({ recovered: false, told: [{ gap: [8, 9] }] });
    hub.send(slot);
    expect(hub.since(slot, 9)).toEqual({ recovered: true, told: [{ seq: 10, text: '10' }] });
  });

  it('may be taken by events that the log never saw: a gap, which leaves the newest message what it is', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot);
    hub.log.skip(slot, 5);
    hub.devices.rows.seq[slot] = 5;
    expect(hub.since(slot, 1)).toEqual({ recovered: false, told: [{ gap: [2, 5] }] });
    expect(seqsOf(hub.last(slot))).toEqual([1]);
    hub.send(slot);
    expect(seqsOf(hub.since(slot, 0).told)).toEqual(['1-5', 6]);
  });

  it('are for what is kept where nobody listens; without history, for those whose return is awaited', () => {
    const takes = (bytes: number) => {
      const { log } = new HistoryHarness({ bytes });
      return Object.entries(EventType)
        .filter(([, type]) => log.takesNumber(type, false))
        .map(([name]) => name);
    };
    expect(takes(64 * KIB)).toEqual(Object.keys(EventType).filter((name) => name !== 'pong'));
    expect(takes(0)).toEqual([]);
    const { log: off } = new HistoryHarness({ bytes: 0 });
    expect([EventType.pong, EventType.message].map((type) => off.takesNumber(type, true))).toEqual([
      true,
      true,
    ]);
    expect(new HistoryHarness().log.takesNumber(EventType.pong, true)).toBe(false);
  });

  it('cost nothing where history is off: its rows stay as they are', () => {
    const hub = new HistoryHarness({ bytes: 0 });
    const slot = hub.connect(5);
    hub.log.skip(slot, 7);
    hub.log.restart(slot, 9);
    const { keptSeq, keptAt, messageAt } = hub.devices.rows;
    expect([keptSeq[slot], keptAt[slot], messageAt[slot]]).toEqual([0, 0, 0]);
  });
});
