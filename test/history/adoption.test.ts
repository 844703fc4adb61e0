import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Cell, type HistoryMemory } from '../../src/history/memory.ts';
import type { DeviceSlab } from '../../src/presence/table.ts';
import { runs } from '../support/runs.ts';
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
    let stores = 0;
    for (let isDone = false; !isDone; stores++) {
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

  it('forgets the rows of devices that are gone', () => {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    hub.send(slot);
    hub.free(slot);
    hub.devices.rows.messageAt[slot] = 8;
    hub.devices.rows.keptAt[slot] = 8;
    expect(hub.adopt()).toBe(true);
    expect(hub.usage).toMatchObject({ liveBytes: 0, events: 1 });
    expect(hub.last(hub.connect())).toEqual([]);
  });
});
