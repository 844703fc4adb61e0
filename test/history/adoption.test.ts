import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Laps } from '../../src/history/laps.ts';
import { Cell, type HistoryMemory } from '../../src/history/memory.ts';
import type { DeviceSlab } from '../../src/presence/memory.ts';
import { EventField } from '../../src/records/event.ts';
import { EventType } from '../../src/wire/events.ts';
import { below, runs } from '../support/runs.ts';
import { HistoryHarness, seqsOf } from './history-harness.ts';
import { CAPACITY, carryOut, operation, Run } from './history-model.ts';

const FIRST = 8;
/** Seven eighths of the memory. */
const CLEANING_FROM = (CAPACITY * 7) / 8;

class Died extends Error {}

/** A life of so many stores, plain and atomic ones, to the memory that is made mortal with it. */
class Life {
  readonly #targets = new WeakMap<object, ArrayBufferView>();
  storesLeft = Number.POSITIVE_INFINITY;

  constructor() {
    for (const name of ['store', 'add', 'sub', 'exchange', 'load'] as const) {
      const operate = Atomics[name] as (...args: unknown[]) => unknown;
      vi.spyOn(Atomics, name).mockImplementation(((array: object, ...rest: unknown[]) => {
        const target = this.#targets.get(array);
        if (target !== undefined && name !== 'load') this.#spend();
        return operate.call(Atomics, target ?? array, ...rest);
      }) as never);
    }
  }

  mortal = (history: HistoryMemory, devices: DeviceSlab): [HistoryMemory, DeviceSlab] => {
    const all = <Views extends object>(views: Views): Views =>
      Object.fromEntries(Object.entries(views).map(([name, view]) => [name, this.#wrap(view)])) as Views;
    const { cells, words } = all({ cells: history.cells, words: history.words });
    return [
      { ...history, cells, words, records: all(history.records) },
      { ...devices, rows: all(devices.rows) },
    ];
  };

  #wrap<View extends ArrayBufferView>(view: View): View {
    const wrapped = new Proxy(view, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (name === 'set' || name === 'fill') this.#spend();
          return value.apply(target, args);
        };
      },
      set: (target, name, value) => {
        this.#spend();
        return Reflect.set(target, name, value, target);
      },
    });
    this.#targets.set(wrapped, view);
    return wrapped;
  }

  #spend(): void {
    this.storesLeft -= 1;
    if (this.storesLeft < 0) throw new Died();
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a log whose owner died at a store', () => {
  it('is whole for the next, with all that was sent before, and goes on', () => {
    let died = 0;
    fc.assert(
      fc.property(
        fc.array(operation, { minLength: 5, maxLength: 120, size: 'max' }),
        fc.array(operation, { maxLength: 40, size: 'max' }),
        fc.nat(20_000),
        (before, after, stores) => {
          const life = new Life();
          const run = new Run(life);
          life.storesLeft = stores;
          try {
            for (let n = 0; n < 3; n++) run.connect();
            // An owner that took over in between would write where nothing dies.
            for (const op of before) if (op.do !== 'adopt') carryOut(run, op);
          } catch (failure) {
            if (!(failure instanceof Died)) throw failure;
            died += 1;
          } finally {
            vi.restoreAllMocks();
          }
          expect(run.hub.adopt()).toBe(true);
          run.settle();
          run.checkAll();
          if (run.devices.size === 0) run.connect();
          for (const op of after) carryOut(run, op);
          run.checkAll();
        },
      ),
      { numRuns: runs(100) },
    );
    expect(died, 'owners that died').toBeGreaterThan(runs(20));
  });

  it('is whole after a death at each store of an append that carries records forward', () => {
    let isDone = false;
    let stores = 0;
    for (stores of below(10_000)) {
      if (isDone) break;
      const run = new Run();
      for (let n = 0; n < 3; n++) run.connect();
      const [quiet, busy] = [run.pick(0)!, run.pick(1)!];
      run.send(...quiet, 'status', false, 50);
      run.send(...quiet, 'message', false, 50);
      const { cells } = run.hub.history;
      while (cells[Cell.oldest] === FIRST && run.hub.usage.usedBytes < CLEANING_FROM - 1500)
        run.send(...busy, 'message', false, 1400);
      expect(cells[Cell.oldest]).toBe(FIRST);
      const life = new Life();
      expect(run.hub.adopt(life.mortal)).toBe(true);
      const { messageAt } = run.hub.devices.rows;
      const messageBefore = messageAt[quiet[0]]!;
      life.storesLeft = stores;
      try {
        run.send(...busy, 'status', false, 1400);
        isDone = true;
        expect(messageAt[quiet[0]]).toBeGreaterThan(messageBefore);
      } catch (failure) {
        if (!(failure instanceof Died)) throw failure;
      } finally {
        vi.restoreAllMocks();
      }
      expect(run.hub.adopt()).toBe(true);
      run.settle();
      run.checkAll();
      for (let n = 0; n < 60; n++) run.send(...busy, 'message', false, 1400);
      run.checkAll();
    }
    expect(stores).toBeGreaterThan(100);
  });
});

describe('a log that is taken over', () => {
  it('gives no number again that an event has taken, even if the row did not say so yet', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot);
    hub.devices.rows.seq[slot] = 0;
    expect(hub.adopt()).toBe(true);
    expect(hub.devices.rows.seq[slot]).toBe(1);
  });

  it('enters the last record into its row', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot);
    const { keptAt, keptSeq, messageAt, seq } = hub.devices.rows;
    const before = [keptAt[slot], keptSeq[slot], messageAt[slot], seq[slot]] as const;
    hub.send(slot);
    for (const [index, column] of [keptAt, keptSeq, messageAt, seq].entries()) column[slot] = before[index]!;
    expect(hub.adopt()).toBe(true);
    expect(seqsOf(hub.since(slot, 0).told)).toEqual([1, 2]);
    expect(seqsOf(hub.last(slot))).toEqual([2]);
    expect(hub.usage.liveBytes).toBe(80);
  });

  it('has the last record in its row, too, where the row had come to know its number alone', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot);
    const { keptAt, seq } = hub.devices.rows;
    const before = keptAt[slot]!;
    hub.send(slot);
    const last = keptAt[slot]!;
    [keptAt[slot], seq[slot]] = [before, 1];
    expect(hub.adopt()).toBe(true);
    expect([keptAt[slot], seq[slot]]).toEqual([last, 2]);
  });

  it('is emptied when it does not hang together: what is known of the past is that it is missing', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    const other = hub.connect();
    for (let n = 0; n < 5; n++) hub.send(slot);
    hub.send(other, { type: 'pong' });
    hub.history.records.u32[40]! ^= 0xff;
    expect(hub.adopt()).toBe(false);
    expect(hub.usage).toMatchObject({ usedBytes: 0, liveBytes: 0, events: 0 });
    expect(hub.since(slot, 2)).toEqual({ recovered: false, told: [{ gap: [3, 5] }] });
    expect(hub.since(other, 0).recovered).toBe(false);
    hub.send(slot);
    expect(seqsOf(hub.since(slot, 2).told)).toEqual(['3-5', 6]);
    expect(hub.adopt()).toBe(true);
    expect(seqsOf(hub.newest(slot, 9))).toEqual([6]);
  });

  it('enters no event of a numbering that was over when the owner died', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    for (let n = 0; n < 3; n++) hub.send(slot);
    hub.log.restart(slot, 1);
    hub.devices.rows.seq[slot] = 1;
    expect(hub.adopt()).toBe(true);
    expect(hub.devices.rows.seq[slot]).toBe(1);
    expect(hub.last(slot)).toEqual([]);
    expect(hub.since(slot, 0)).toEqual({ recovered: false, told: [{ gap: [1, 1] }] });
    hub.send(slot);
    expect(seqsOf(hub.since(slot, 1).told)).toEqual([2]);
  });

  it('forgets the rows of devices that are gone', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot);
    hub.free(slot);
    hub.devices.rows.messageAt[slot] = 8;
    hub.devices.rows.keptAt[slot] = 8;
    expect(hub.adopt()).toBe(true);
    expect(hub.usage).toMatchObject({ liveBytes: 0, events: 1 });
    const { keptAt, messageAt, statusAt, keptCount, keptSeq } = hub.devices.rows;
    expect([keptAt, messageAt, statusAt, keptCount, keptSeq].map((column) => column[slot])).toEqual(
      Array(5).fill(0),
    );
    expect(hub.last(hub.connect())).toEqual([]);
  });

  it('counts the records of each device that is there', () => {
    const hub = new HistoryHarness({ devices: 3 });
    const [one, other] = [hub.connect(), hub.connect()];
    for (let n = 0; n < 3; n++) hub.send(one);
    hub.free(one);
    const next = hub.connect();
    expect(next).toBe(one);
    for (let n = 0; n < 2; n++) hub.send(next);
    hub.send(other);
    const { keptCount } = hub.devices.rows;
    const before = [...keptCount];
    expect(before).toEqual([2, 1, 0]);
    keptCount.fill(99, 0, 2);
    expect(hub.adopt()).toBe(true);
    expect([...keptCount]).toEqual(before);
    expect(hub.usage.events).toBe(6);
  });

  it('knows how large the largest record is', () => {
    const MIB = 1024 * 1024;
    const hub = new HistoryHarness({ bytes: 64 * MIB });
    const slot = hub.connect();
    for (const pad of [MIB, 0, 10]) hub.send(slot, { pad });
    expect(hub.adopt()).toBe(true);
    hub.send(slot);
    expect(hub.usage.windowBytes).toBeGreaterThan(8 * MIB);
  });

  it('does not take the last record for the newest event where a later one found no room', () => {
    const hub = new HistoryHarness({ bytes: 64 * 1024 });
    const slot = hub.connect();
    hub.send(slot);
    hub.send(slot, { pad: 5000 });
    expect(hub.adopt()).toBe(true);
    expect(hub.last(slot)).toEqual([]);
    expect(hub.since(slot, 1)).toEqual({ recovered: false, told: [{ gap: [2, 2] }] });
  });
});

/** A log whose last record is a quiet device's only message, carried forward; the owner died before its row named it. */
function carriedUnnamed() {
  const hub = new HistoryHarness({ bytes: CAPACITY });
  const [quiet, busy] = [hub.connect(), hub.connect()];
  hub.send(quiet, { text: 'quiet' });
  const { cells } = hub.history;
  const { messageAt, keptAt, keptSeq, seq } = hub.devices.rows;
  const columns = [messageAt, keptAt, keptSeq, seq];
  let before: number[] = [];
  for (let n = 0; n < 200 && messageAt[quiet] === FIRST; n++) {
    before = columns.map((column) => column[busy]!);
    hub.send(busy, { pad: 500 });
  }
  const copy = messageAt[quiet]!;
  expect(copy).toBeGreaterThan(FIRST);
  // What the owner did after it had carried the record was never done.
  cells[Cell.end] = cells[Cell.last]!;
  cells[Cell.last] = copy;
  cells[Cell.oldest] = FIRST;
  for (const [index, column] of columns.entries()) column[busy] = before[index]!;
  messageAt[quiet] = FIRST;
  return { hub, quiet, copy };
}

describe('a record that was carried forward last', () => {
  it('is what the row names, though it did not say so yet', () => {
    const { hub, quiet, copy } = carriedUnnamed();
    expect(hub.adopt()).toBe(true);
    expect(hub.devices.rows.messageAt[quiet]).toBe(copy);
    expect(hub.last(quiet)).toEqual([{ seq: 1, text: 'quiet' }]);
    expect(hub.devices.rows.seq[quiet]).toBe(1);
  });

  it('is not what the row names where that is another event, or none', () => {
    // The last one is nowhere, but the offset that it has mod 2^32 is the original's.
    for (const position of [0, 2 ** 30, FIRST + 2 ** 32]) {
      const { hub, quiet } = carriedUnnamed();
      hub.devices.rows.messageAt[quiet] = position;
      expect(hub.adopt()).toBe(true);
      expect(hub.devices.rows.messageAt[quiet]).toBe(0);
    }
    const { hub, quiet } = carriedUnnamed();
    const { u32, f64 } = hub.history.records;
    expect(u32[1]).toBe(1); // the original is the first record of all
    f64[(24 + 16) / 8] = 2; // and says that it is another event
    expect(hub.adopt()).toBe(true);
    expect(hub.devices.rows.messageAt[quiet]).toBe(FIRST);
  });

  it('is what no row names, where it is of a kind that none does', () => {
    const { hub, quiet, copy } = carriedUnnamed();
    const event = new Laps(hub.history).offset(copy) + 24;
    hub.history.records.u8[event + EventField.type] = EventType.pong;
    expect(hub.adopt()).toBe(true);
    expect(hub.devices.rows.messageAt[quiet]).toBe(FIRST);
  });
});

describe('a log with a record that is not whole', () => {
  const SIZE = 80; // of a record; the third begins at 160, the last at 320
  const CAPACITY_OF_TABLE = 16;
  const damages: Readonly<Record<string, (hub: HistoryHarness) => void>> = {
    'is of no size': ({ history: { records } }) => {
      records.u32[(2 * SIZE) / 4] = 0;
    },
    'is larger than any': ({ history: { records, cells } }) => {
      const bytes = 70_000;
      records.u32[(4 * SIZE) / 4] = bytes;
      cells[Cell.end] = FIRST + 4 * SIZE + bytes;
    },
    'was written elsewhere': ({ history: { records } }) => {
      records.u32[(2 * SIZE) / 4 + 1]! ^= 1;
    },
    'is of no device': ({ history: { records } }) => {
      records.u32[(2 * SIZE) / 4 + 2] = CAPACITY_OF_TABLE;
    },
    'goes on behind the end': ({ history: { cells } }) => {
      cells[Cell.end]! -= 8;
    },
    'is outside of the memory': ({ history: { cells } }) => {
      for (const cell of [Cell.lapStart, Cell.lapStart + 1]) cells[cell] = -(2 ** 21);
    },
    // Where it is mod 2^32 all is as it should be.
    'is far behind the memory': ({ history: { cells } }) => {
      for (const cell of [Cell.lapStart, Cell.lapStart + 1]) cells[cell]! -= 2 ** 32;
    },
    'is far before the memory': ({ history: { cells } }) => {
      for (const cell of [Cell.lapStart, Cell.lapStart + 1]) cells[cell]! += 2 ** 32;
    },
  };

  it.each(Object.entries(damages))('%s is emptied, and all of the past is missing', (_, damage) => {
    const hub = new HistoryHarness({ devices: CAPACITY_OF_TABLE });
    const [slot, later] = [hub.connect(), hub.connect()];
    for (let n = 0; n < 5; n++) hub.send(slot);
    // The owner had given a number that the row does not tell yet.
    hub.devices.rows.keptSeq[later] = 6;
    damage(hub);
    expect(hub.adopt()).toBe(false);
    expect(hub.usage).toMatchObject({ usedBytes: 0, liveBytes: 0, events: 0 });
    const { keptSeq, keptCount, seq } = hub.devices.rows;
    expect([slot, later].map((of) => [keptSeq[of], seq[of], keptCount[of]])).toEqual([
      [5, 5, 0],
      [6, 6, 0],
    ]);
    expect(hub.since(slot, 2)).toEqual({ recovered: false, told: [{ gap: [3, 5] }] });
    hub.send(slot);
    expect(hub.newest(slot, 9)).toEqual([{ seq: 6, text: '6' }]);
  });
});
