import { describe, expect, it } from 'vitest';
import { KeptRows } from '../../src/history/kept-rows.ts';
import { Laps } from '../../src/history/laps.ts';
import { HistoryHarness } from './history-harness.ts';

const EVENTS_MAX = 3;

/** The sums of another owner over what is in the memory, none of them added up yet. */
const sumsOf = (hub: HistoryHarness): KeptRows =>
  new KeptRows(hub.devices.rows, hub.history.records, new Laps(hub.history), EVENTS_MAX);

function setUp() {
  const hub = new HistoryHarness({ bytes: 64 * 1024, eventsMax: EVENTS_MAX });
  const slot = hub.connect();
  for (let n = 0; n < 5; n++) hub.send(slot);
  hub.send(slot, { type: 'status' });
  return { hub, slot, rows: hub.devices.rows };
}

describe('a row that is taken over', () => {
  it('counts with its newest message and status, and with as many events as count as kept', () => {
    const { hub, slot } = setUp();
    const kept = sumsOf(hub);
    kept.adopt(slot, () => true);
    expect([kept.liveBytes, kept.carriedBytes, kept.counted]).toEqual([hub.usage.liveBytes, 0, EVENTS_MAX]);
  });

  it('tells what of it was carried forward', () => {
    const { hub, slot, rows } = setUp();
    const busy = hub.connect();
    const first = rows.statusAt[slot]!;
    for (let n = 0; n < 200 && rows.statusAt[slot] === first; n++) hub.send(busy, { pad: 500 });
    const kept = sumsOf(hub);
    kept.adopt(slot, () => true);
    expect(kept.carriedBytes).toBe(kept.liveBytes);
    expect(kept.liveBytes).toBeGreaterThan(0);
  });

  it('counts no more what it names no more, carried forward or not', () => {
    const { hub, slot, rows } = setUp();
    const busy = hub.connect();
    const first = rows.statusAt[slot]!;
    for (let n = 0; n < 200 && rows.statusAt[slot] === first; n++) hub.send(busy, { pad: 500 });
    hub.send(slot); // a message that was not carried
    const kept = sumsOf(hub);
    kept.adopt(slot, () => true);
    const { carriedBytes } = kept;
    expect(carriedBytes).toBeGreaterThan(0);
    expect(kept.liveBytes).toBeGreaterThan(carriedBytes);
    kept.unname(rows.messageAt, slot);
    expect([kept.liveBytes, kept.carriedBytes]).toEqual([carriedBytes, carriedBytes]);
    kept.unname(rows.statusAt, slot);
    expect([kept.liveBytes, kept.carriedBytes]).toEqual([0, 0]);
  });

  it('names nothing any more that is not there, and nothing of another kind', () => {
    const { hub, slot, rows } = setUp();
    rows.messageAt[slot] = rows.statusAt[slot]!;
    const kept = sumsOf(hub);
    kept.adopt(slot, () => true);
    expect(rows.messageAt[slot]).toBe(0);
    expect(rows.keptAt[slot]).toBeGreaterThan(0);
    kept.adopt(slot, () => false);
    expect([rows.keptAt[slot], rows.messageAt[slot], rows.statusAt[slot]]).toEqual([0, 0, 0]);
  });
});

it('a device that has a newest message has one between any two stores of the next', () => {
  let look = (): void => {};
  const looked = <View extends object>(view: View): View =>
    new Proxy(view, {
      get: (target, name) => Reflect.get(target, name, target) as unknown,
      set: (target, name, value) => {
        const isSet = Reflect.set(target, name, value, target);
        look();
        return isSet;
      },
    });
  const hub = new HistoryHarness({
    mortal: (history, devices) => {
      const { messageAt, keptAt, keptSeq, keptCount, ...others } = devices.rows;
      const watched = Object.entries({ messageAt, keptAt, keptSeq, keptCount });
      const rows = { ...others, ...Object.fromEntries(watched.map(([name, view]) => [name, looked(view)])) };
      return [history, { ...devices, rows } as typeof devices];
    },
  });
  const slot = hub.connect();
  hub.send(slot);
  const found: number[] = [];
  look = () => void found.push(hub.last(slot).length);
  hub.send(slot);
  expect(found.length).toBeGreaterThan(2);
  expect(found.every((messages) => messages === 1)).toBe(true);
});

it('a record that is gone counts less for its device alone, and never below nothing', () => {
  const { hub, slot, rows } = setUp();
  const { keptCount, generation } = rows;
  const kept = sumsOf(hub);
  kept.drop(slot, 0);
  expect(keptCount[slot]).toBe(5);
  generation[slot]! += 1; // the slot is another device's by now
  kept.drop(slot, 0);
  expect(keptCount[slot]).toBe(5);
  generation[slot]! -= 1;
  keptCount[slot] = 0;
  kept.drop(slot, 0);
  expect(keptCount[slot]).toBe(0);
});
