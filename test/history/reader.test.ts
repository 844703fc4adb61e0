import { describe, expect, it } from 'vitest';
import { Cell } from '../../src/history/memory.ts';
import { Step } from '../../src/history/replay.ts';
import { EventType, typeBit, typeBits } from '../../src/wire/events.ts';
import { HistoryHarness, seqsOf, TTL_MS, tell } from './history-harness.ts';

const STATUSES = typeBit(EventType.status, false);
const MESSAGES = typeBit(EventType.message, false);

describe('the newest message and status of a device', () => {
  it('are the newest that it sent, oldest first, whatever came in between', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    expect(hub.last(slot)).toEqual([]);
    hub.send(slot, { type: 'status' });
    hub.send(slot);
    hub.send(slot);
    expect(seqsOf(hub.last(slot))).toEqual([1, 3]);
    hub.send(slot, { type: 'status' });
    expect(hub.last(slot)).toEqual([
      { seq: 3, text: '3' },
      { seq: 4, text: '4' },
    ]);
  });

  it("leave out the hub's own statuses, which are kept as events", () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot, { type: 'status' });
    hub.send(slot, { type: 'status', fromHub: true });
    expect(seqsOf(hub.last(slot))).toEqual([1]);
    expect(seqsOf(hub.newest(slot, 10))).toEqual([1, 2]);
  });

  it('are those up to the seq of the answer, not what came since', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot, { type: 'status' });
    hub.send(slot);
    const asOf = hub.asOf(slot);
    hub.send(slot, { type: 'status' });
    hub.send(slot);
    hub.send(slot);
    expect(seqsOf(tell(hub.reader.last(asOf)))).toEqual([1, 2]);
  });

  it('can be asked for only where no newer one of the same kind has come since', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot, { type: 'status' });
    hub.send(slot);
    const asOf = hub.asOf(slot);
    const both = STATUSES | MESSAGES;
    expect(seqsOf(tell(hub.reader.lastUnlessNewer(asOf, both)))).toEqual([1, 2]);
    hub.send(slot);
    expect(seqsOf(tell(hub.reader.lastUnlessNewer(asOf, both)))).toEqual([1]);
    hub.send(slot, { type: 'status', fromHub: true });
    expect(seqsOf(tell(hub.reader.lastUnlessNewer(asOf, both)))).toEqual([1]);
    hub.send(slot, { type: 'status' });
    expect(tell(hub.reader.lastUnlessNewer(asOf, both))).toEqual([]);
  });

  it('can be asked for by type', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot, { type: 'status' });
    hub.send(slot);
    expect(seqsOf(tell(hub.reader.last(hub.asOf(slot), STATUSES)))).toEqual([1]);
    expect(seqsOf(tell(hub.reader.last(hub.asOf(slot), MESSAGES)))).toEqual([2]);
  });
});

describe('the events of a device, by type', () => {
  it("tell the hub's own statuses from the device's", () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot, { type: 'status' });
    hub.send(slot, { type: 'status', fromHub: true });
    hub.send(slot);
    expect(seqsOf(hub.newest(slot, 10, STATUSES))).toEqual([1]);
    expect(seqsOf(hub.newest(slot, 10, typeBit(EventType.status, true)))).toEqual([2]);
    expect(seqsOf(hub.newest(slot, 10, typeBits.status))).toEqual([1, 2]);
  });
});

describe('the newest events of a device', () => {
  it('are as many as asked for, oldest first, without a gap for what was not', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    const other = hub.connect();
    for (let n = 0; n < 10; n++) {
      hub.send(slot);
      hub.send(other, { text: 'another' });
    }
    expect(seqsOf(hub.newest(slot, 4))).toEqual([7, 8, 9, 10]);
    expect(hub.newest(slot, 1)).toEqual([{ seq: 10, text: '10' }]);
    expect(hub.newest(slot, 1000)).toHaveLength(10);
    expect(hub.newest(slot, 0)).toEqual([]);
    expect(hub.reader.newest(hub.asOf(slot), 4).recovered).toBe(true);
  });

  it('are at most as many as count as kept', () => {
    const hub = new HistoryHarness({ eventsMax: 5 });
    const slot = hub.connect();
    for (let n = 0; n < 20; n++) hub.send(slot);
    expect(seqsOf(hub.newest(slot, 1000))).toEqual([16, 17, 18, 19, 20]);
  });

  it('are not older than counts as kept, but for the newest message and status', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot, { type: 'status' });
    hub.send(slot);
    hub.send(slot);
    hub.clock.nowMs += TTL_MS;
    hub.send(slot, { type: 'status', fromHub: true });
    expect(seqsOf(hub.newest(slot, 10))).toEqual([1, 2, 3, 4]);
    hub.clock.nowMs += 1;
    expect(seqsOf(hub.newest(slot, 10))).toEqual([1, 3, 4]);
    hub.clock.nowMs += TTL_MS;
    expect(seqsOf(hub.newest(slot, 10))).toEqual([1, 3]);
  });

  it('count only those of the types asked for', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    for (let n = 0; n < 12; n++) hub.send(slot, { type: n % 3 === 0 ? 'status' : 'message' });
    expect(seqsOf(hub.newest(slot, 3, STATUSES))).toEqual([4, 7, 10]);
  });

  it('are read backwards page by page', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    for (let n = 0; n < 10; n++) hub.send(slot);
    const page = (before: number) => seqsOf(tell(hub.reader.before(hub.asOf(slot), before, 4)));
    expect([page(Number.POSITIVE_INFINITY), page(7), page(3), page(1)]).toEqual([
      [7, 8, 9, 10],
      [3, 4, 5, 6],
      [1, 2],
      [],
    ]);
  });
});

it('each event says from which seq on nothing is missing before it, whatever was asked for', () => {
  const hub = new HistoryHarness();
  const slot = hub.connect();
  for (const type of ['message', 'pong', 'message', 'pong', 'pong', 'status', 'message'] as const)
    hub.send(slot, { type });
  const replay = hub.reader.before(hub.asOf(slot), Number.POSITIVE_INFINITY, 3);
  const told: [number, number][] = [];
  while (replay.next() === Step.Event) told.push([replay.seq, replay.wholeAfter]);
  expect(told).toEqual([
    [3, 1],
    [6, 3],
    [7, 6],
  ]);
});

describe('recovery since a seq', () => {
  it('replays every event after it and nothing else', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    for (let n = 0; n < 8; n++) hub.send(slot, { type: n % 2 === 0 ? 'message' : 'status' });
    expect(hub.since(slot, 5)).toEqual({
      recovered: true,
      told: [
        { seq: 6, text: '6' },
        { seq: 7, text: '7' },
        { seq: 8, text: '8' },
      ],
    });
    expect(hub.since(slot, 8)).toEqual({ recovered: true, told: [] });
    expect(seqsOf(hub.since(slot, 0).told)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('passes pongs over that took a number: before, between and after what is kept', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    for (const type of ['pong', 'message', 'pong', 'pong', 'status', 'pong'] as const)
      hub.send(slot, { type });
    expect(hub.since(slot, 0)).toMatchObject({ recovered: true, told: [{ seq: 2 }, { seq: 5 }] });
    expect(hub.since(slot, 3)).toMatchObject({ recovered: true, told: [{ seq: 5 }] });
    expect(hub.since(slot, 5)).toEqual({ recovered: true, told: [] });
    const pongsOnly = hub.connect();
    hub.send(pongsOnly, { type: 'pong' });
    expect(hub.since(pongsOnly, 0)).toEqual({ recovered: true, told: [] });
  });

  it('covers events up to the seq of the answer; later ones come live', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    for (let n = 0; n < 3; n++) hub.send(slot);
    hub.send(slot, { type: 'pong' });
    const asOf = hub.asOf(slot);
    const early = hub.reader.since(asOf, 1);
    for (let n = 0; n < 3; n++) hub.send(slot);
    const late = hub.reader.since(asOf, 1);
    expect(seqsOf(tell(early))).toEqual([2, 3]);
    expect(seqsOf(tell(late))).toEqual([2, 3]);
    expect([early.recovered, late.recovered]).toEqual([true, true]);
  });

  it('leaves out a newest message from after the seq of the answer, also where a later event was not kept', () => {
    const hub = new HistoryHarness({ bytes: 64 * 1024 });
    const slot = hub.connect();
    hub.send(slot);
    const asOf = hub.asOf(slot);
    hub.send(slot);
    hub.send(slot, { type: 'status', pad: 5000 }); // too large
    expect(tell(hub.reader.since(asOf, 0))).toEqual([{ gap: [1, 1] }]);
    expect(tell(hub.reader.newest(asOf, 9))).toEqual([]);
  });

  it('names what is too old or too far back as a gap', () => {
    const hub = new HistoryHarness({ eventsMax: 4 });
    const slot = hub.connect();
    for (let n = 0; n < 10; n++) hub.send(slot);
    expect(hub.since(slot, 2)).toMatchObject({ recovered: false });
    expect(seqsOf(hub.since(slot, 2).told)).toEqual(['3-6', 7, 8, 9, 10]);
    expect(hub.since(slot, 6).recovered).toBe(true);
    hub.clock.nowMs += TTL_MS + 1;
    expect(seqsOf(hub.since(slot, 6).told)).toEqual(['7-9', 10]);
    hub.send(slot, { type: 'status' });
    expect(seqsOf(hub.since(slot, 6).told)).toEqual(['7-9', 10, 11]);
  });

  it('names everything as a gap when nothing is kept: up to the last message or status', () => {
    const hub = new HistoryHarness({ bytes: 64 * 1024 });
    const slot = hub.connect();
    const other = hub.connect();
    for (let n = 0; n < 3; n++) hub.send(slot, { type: 'status', fromHub: true });
    hub.send(slot, { type: 'pong' });
    for (let n = 0; n < 1000; n++) hub.send(other, { pad: 100 });
    expect(hub.since(slot, 1)).toEqual({ recovered: false, told: [{ gap: [2, 3] }] });
    expect(hub.since(slot, 3)).toEqual({ recovered: true, told: [] });
  });

  it('knows nothing of numbers from before the history began', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect(41);
    expect(hub.since(slot, 41)).toEqual({ recovered: true, told: [] });
    expect(hub.since(slot, 40)).toEqual({ recovered: false, told: [{ gap: [41, 41] }] });
    hub.send(slot);
    expect(hub.since(slot, 41)).toMatchObject({ recovered: true, told: [{ seq: 42 }] });
    expect(seqsOf(hub.since(slot, 30).told)).toEqual(['31-41', 42]);
  });

  it('gives all there is, as not recovered, for a seq above the device’s own', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    for (let n = 0; n < 3; n++) hub.send(slot);
    expect(hub.since(slot, 4)).toMatchObject({
      recovered: false,
      told: [{ seq: 1 }, { seq: 2 }, { seq: 3 }],
    });
  });

  it('finds a newest message and status that were carried forward, with gaps around them', () => {
    const hub = new HistoryHarness({ bytes: 64 * 1024, eventsMax: 1000 });
    const slot = hub.connect();
    const other = hub.connect();
    for (let n = 0; n < 3; n++) hub.send(slot);
    hub.send(slot, { type: 'pong' });
    for (let n = 0; n < 3; n++) hub.send(slot, { type: 'status' });
    for (let n = 0; n < 3; n++) hub.send(slot, { type: 'status', fromHub: true });
    for (let n = 0; n < 1000; n++) hub.send(other, { pad: 100 });
    hub.send(slot, { type: 'status', fromHub: true });
    expect(seqsOf(hub.since(slot, 0).told)).toEqual(['1-2', 3, '4-6', 7, '8-10', 11]);
    expect(seqsOf(hub.since(slot, 3).told)).toEqual(['4-6', 7, '8-10', 11]);
    expect(hub.since(slot, 10).recovered).toBe(true);
    expect(seqsOf(hub.last(slot))).toEqual([3, 7]);
    expect(seqsOf(hub.newest(slot, 10))).toEqual([3, 7, 11]);
    expect(seqsOf(hub.newest(slot, 2))).toEqual([7, 11]);
  });

  it('takes no event of another type for missing', () => {
    const hub = new HistoryHarness({ bytes: 64 * 1024, eventsMax: 4 });
    const slot = hub.connect();
    for (let n = 0; n < 4; n++) hub.send(slot, { type: n === 1 ? 'status' : 'message' });
    expect(hub.since(slot, 0, STATUSES)).toMatchObject({ recovered: true, told: [{ seq: 2 }] });
    expect(hub.since(slot, 2, STATUSES)).toEqual({ recovered: true, told: [] });
    for (let n = 0; n < 4; n++) hub.send(slot, { type: 'status' });
    // What came before could be of any type.
    expect(seqsOf(hub.since(slot, 2, STATUSES).told)).toEqual(['3-3', 5, 6, 7, 8]);
    expect(seqsOf(hub.since(slot, 3, MESSAGES).told)).toEqual([4]);
  });
});

describe('a replay that takes its time', () => {
  it('goes on where it was, however often it stops', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    for (let n = 0; n < 20; n++) hub.send(slot);
    const one = hub.reader.since(hub.asOf(slot), 0);
    const another = hub.reader.newest(hub.asOf(slot), 20);
    expect([one.count, another.count, hub.reader.last(hub.asOf(slot)).count]).toEqual([20, 20, 1]);
    for (let n = 1; n <= 20; n++) {
      expect([one.next(), one.seq]).toEqual([Step.Event, n]);
      expect([another.next(), another.seq]).toEqual([Step.Event, n]);
      hub.send(slot);
    }
    expect([one.next(), another.next(), one.next()]).toEqual([Step.End, Step.End, Step.End]);
  });

  it('tells as one gap what has left the log meanwhile, and finds what was carried forward', () => {
    const hub = new HistoryHarness({ bytes: 64 * 1024, eventsMax: 1000 });
    const slot = hub.connect();
    const other = hub.connect();
    hub.send(slot, { type: 'status' });
    for (let n = 0; n < 9; n++) hub.send(slot);
    const since = hub.reader.since(hub.asOf(slot), 0);
    const newest = hub.reader.newest(hub.asOf(slot), 20);
    const last = hub.reader.last(hub.asOf(slot));
    expect(since.recovered).toBe(true);
    for (const replay of [since, newest]) expect(replay.next()).toBe(Step.Event);
    for (let n = 0; n < 1000; n++) hub.send(other, { pad: 100 });
    expect(seqsOf(tell(since))).toEqual(['2-9', 10]);
    expect(seqsOf(tell(newest))).toEqual(['2-9', 10]);
    expect(seqsOf(tell(last))).toEqual([1, 10]);
  });

  it('tells what is lost at its end, and nothing that was never found', () => {
    const hub = new HistoryHarness({ bytes: 64 * 1024, eventsMax: 1000 });
    const slot = hub.connect();
    const other = hub.connect();
    for (let n = 0; n < 6; n++) hub.send(slot, { type: 'status', fromHub: true });
    const newest = hub.reader.newest(hub.asOf(slot), 3);
    for (let n = 0; n < 1000; n++) hub.send(other, { pad: 100 });
    expect(seqsOf(tell(newest))).toEqual(['4-6']);
  });

  it('is not taken in by a log that has gone on by 32 GiB, where positions look the same in 32 bits', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    for (let n = 0; n < 3; n++) hub.send(slot);
    const begun = hub.reader.since(hub.asOf(slot), 0);
    const { cells } = hub.history;
    for (const cell of [Cell.oldest, Cell.lapStart, Cell.lapStart + 1, Cell.end, Cell.last])
      cells[cell]! += 2 ** 35;
    expect(seqsOf(tell(begun))).toEqual(['1-3']);
    expect(seqsOf(hub.since(slot, 1).told)).toEqual(['2-3']);
  });

  it('yields no event of a device that took the slot over', () => {
    const hub = new HistoryHarness({ devices: 1 });
    const slot = hub.connect();
    for (let n = 0; n < 5; n++) hub.send(slot, { text: 'old' });
    const before = hub.asOf(slot);
    const begun = hub.reader.since(before, 0);
    begun.next();
    hub.free(slot);
    expect(seqsOf(tell(hub.reader.since(before, 0)))).toEqual(['1-5']);
    expect(hub.connect()).toBe(slot);
    expect(seqsOf(tell(hub.reader.since(before, 0)))).toEqual(['1-5']);
    for (let n = 0; n < 5; n++) hub.send(slot, { text: 'new' });
    for (const replay of [begun, hub.reader.since(before, 0), hub.reader.newest(before, 9)])
      expect(JSON.stringify(tell(replay))).not.toContain('new');
    expect(JSON.stringify(tell(hub.reader.last(before)))).toBe('[]');
    expect(hub.newest(slot, 9).map((one) => 'text' in one && one.text)).toEqual(Array(5).fill('new'));
  });
});

describe('history that is off', () => {
  it('keeps nothing, and recovers only who missed nothing', () => {
    const hub = new HistoryHarness({ bytes: 0 });
    const slot = hub.connect();
    for (let n = 0; n < 3; n++) hub.send(slot);
    expect(hub.log.isOn).toBe(false);
    expect(hub.last(slot)).toEqual([]);
    expect(hub.newest(slot, 5)).toEqual([]);
    expect(hub.since(slot, 3)).toEqual({ recovered: true, told: [] });
    expect(hub.since(slot, 1)).toEqual({ recovered: false, told: [{ gap: [2, 3] }] });
    expect(hub.log.clean(10)).toBe(0);
    expect(hub.adopt()).toBe(true);
    hub.free(slot);
    expect(hub.usage).toMatchObject({ usedBytes: 0, events: 0, evicted: 0 });
  });
});
