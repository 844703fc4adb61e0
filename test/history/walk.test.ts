/** A walk ahead of a replay, and the replay that goes on from it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foundCount } from '../../src/history/reader.ts';
import { FOUND_CELLS } from '../../src/history/replay.ts';
import { ALL_TYPES, typeBits } from '../../src/wire/events.ts';
import { runs } from '../support/runs.ts';
import { HistoryHarness, type Told, tell } from './history-harness.ts';
import { carryOut, operation, Run } from './history-model.ts';

const isEvent = (one: Told): boolean => 'seq' in one;
const types = fc.constantFrom(ALL_TYPES, typeBits.message, typeBits.status, ALL_TYPES & ~typeBits.message);
const operations = (maxLength: number) => fc.array(operation, { maxLength, size: 'max' });

/** A device with fifty events, of which a walk has found all. */
function walkedDevice() {
  const hub = new HistoryHarness();
  const slot = hub.connect();
  for (let n = 0; n < 50; n++) hub.send(slot);
  const { generation } = hub.asOf(slot);
  const wanted = { after: 0, countMax: 100, types: ALL_TYPES };
  return { hub, slot, walked: hub.reader.walk({ slot, generation }, wanted)! };
}

describe('a replay after a walk ahead of it', () => {
  it('tells what one without it tells, whatever came in between', () => {
    let joined = 0;
    fc.assert(
      fc.property(
        operations(80),
        operations(12),
        types,
        fc.nat(30),
        fc.nat(12),
        (before, meanwhile, some, back, count) => {
          const run = new Run();
          for (let n = 0; n < 3; n++) run.connect();
          for (const op of before) carryOut(run, op);
          const { hub } = run;
          const walks = [...run.devices.keys()].map((slot) => {
            const { generation, seq } = hub.asOf(slot);
            const after = Math.max(0, seq - back);
            const wanted = { after, countMax: Number.POSITIVE_INFINITY, types: some };
            return {
              ...{ slot, after, generation, seq },
              since: hub.reader.walk({ slot, generation }, wanted),
              newest: hub.reader.walk({ slot, generation }, { after: 0, countMax: count, types: some }),
            };
          });
          const { usedBytes } = hub.usage;
          const { appended } = run;
          for (const op of meanwhile) if (op.do !== 'pass') carryOut(run, op);
          const isAllThere = hub.usage.usedBytes >= usedBytes + run.appended - appended;
          for (const { slot, generation, seq, after, since, newest } of walks) {
            const asOf = hub.asOf(slot);
            if (asOf.generation === generation && since !== undefined) joined += 1;
            const [one, other] = [since, undefined].map((walked) =>
              hub.reader.since(asOf, after, some, walked),
            );
            // The walk may have seen events of other types that are not kept any more: it knows that they are not missing.
            const looks = (since?.looked ?? 0) + asOf.seq - seq;
            const isExact = some === ALL_TYPES || (isAllThere && looks <= hub.eventsMax);
            expect(one!.recovered || !other!.recovered).toBe(true);
            if (isExact) expect(one!.recovered).toBe(other!.recovered);
            const [told, others] = [tell(one!), tell(other!)];
            expect(told.filter(isEvent)).toEqual(others.filter(isEvent));
            if (isExact) expect(told).toEqual(others);
            const [events, asked] = [newest, undefined].map((walked) =>
              tell(hub.reader.newest(asOf, count, some, walked)),
            );
            if (isAllThere) expect(events).toEqual(asked);
            // What has left the log counts among those that are asked for.
            const all = tell(hub.reader.newest(asOf, Number.POSITIVE_INFINITY, some));
            expect(all).toEqual(expect.arrayContaining(events!.filter(isEvent)));
          }
        },
      ),
      { numRuns: runs(150) },
    );
    expect(joined, 'devices that were walked ahead of').toBeGreaterThan(runs(150));
  });

  it('looks only at what came since', () => {
    const { hub, slot, walked } = walkedDevice();
    expect([foundCount(walked.events), walked.looked]).toEqual([50, 50]);
    hub.send(slot);
    // What it says is taken as it is: nothing is looked at again.
    const less = { ...walked, events: walked.events.slice(0, FOUND_CELLS), looked: 1, reached: 1 };
    const replay = hub.reader.newest(hub.asOf(slot), 100, ALL_TYPES, less);
    expect(tell(replay).map((one) => 'seq' in one && one.seq)).toEqual([50, 51]);
  });

  it('counts no more as kept than without it', () => {
    const hub = new HistoryHarness({ eventsMax: 10 });
    const slot = hub.connect();
    for (let n = 0; n < 20; n++) hub.send(slot, { type: n % 2 === 0 ? 'message' : 'status' });
    const { generation } = hub.asOf(slot);
    for (const types of [ALL_TYPES, typeBits.message]) {
      const wanted = { after: 0, countMax: 100, types };
      const walked = hub.reader.walk({ slot, generation }, wanted);
      for (let n = 0; n < 3; n++) hub.send(slot, { type: 'status' });
      const [told, other] = [walked, undefined].map((one) =>
        tell(hub.reader.newest(hub.asOf(slot), 100, types, one)),
      );
      expect(told).toEqual(other);
    }
  });

  it('is not complete where what was found has left the log since', () => {
    const hub = new HistoryHarness();
    const [slot, other] = [hub.connect(), hub.connect()];
    for (let n = 0; n < 3; n++) hub.send(slot);
    const { generation } = hub.asOf(slot);
    const wanted = { after: 0, countMax: Number.POSITIVE_INFINITY, types: ALL_TYPES };
    const walked = hub.reader.walk({ slot, generation }, wanted)!;
    while (hub.reader.since(hub.asOf(slot), 0).recovered) hub.send(other, { pad: 100 });
    hub.send(slot);
    const [told, others] = [walked, undefined].map((one) => {
      const replay = hub.reader.since(hub.asOf(slot), 0, ALL_TYPES, one);
      return [replay.recovered, ...tell(replay)];
    });
    expect([told![0], told]).toEqual([false, others]);
  });

  it.each([
    ['another device', { device: { slot: 1, generation: 0 } }],
    ['who had the slot before', { device: { slot: 0, generation: 7 } }],
    ['another position', { wanted: { after: 3, countMax: 100, types: ALL_TYPES } }],
    ['other types', { wanted: { after: 0, countMax: 100, types: typeBits.status } }],
    ['another number of events', { wanted: { after: 0, countMax: 7, types: ALL_TYPES } }],
    ['a later moment', { newest: 51 }],
  ])('takes nothing from a walk for %s', (_what, other) => {
    const { hub, slot, walked } = walkedDevice();
    const nothing = { ...walked, events: [], looked: 1, reached: 1, ...other };
    expect(tell(hub.reader.newest(hub.asOf(slot), 100, ALL_TYPES, nothing))).toHaveLength(50);
  });

  it('is nothing for a device without events', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    const { generation } = hub.asOf(slot);
    const wanted = { after: 0, countMax: 100, types: ALL_TYPES };
    expect(hub.reader.walk({ slot, generation }, wanted)).toBeUndefined();
  });
});
