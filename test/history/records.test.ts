import { describe, expect, it } from 'vitest';
import type { HistoryMemory } from '../../src/history/memory.ts';
import { HistoryReader } from '../../src/history/reader.ts';
import type { DeviceSlab } from '../../src/presence/memory.ts';
import { below } from '../support/runs.ts';
import { HistoryHarness, seqsOf, type Told, TTL_MS, tell } from './history-harness.ts';

/** Lets the writer run on at the n-th cell that the reader reads. */
class Interruption {
  reads = 0;
  readonly #at: number;
  readonly #run: () => void;

  constructor(at: number, run: () => void) {
    this.#at = at;
    this.#run = run;
  }

  in = <Views extends object>(views: Views): Views =>
    Object.fromEntries(Object.entries(views).map(([name, view]) => [name, this.#watch(view)])) as Views;

  #watch<View extends ArrayBufferView>(view: View): View {
    return new Proxy(view, {
      get: (target, name) => {
        const isCell = typeof name === 'string' && /^\d+$/.test(name);
        if (isCell && this.reads++ === this.#at) this.#run();
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}

/** No read looks at more. */
const CELLS_MAX = 100_000;

interface Case {
  readonly hub: HistoryHarness;
  readonly slot: number;
  /** What the device's events say, by seq. */
  readonly texts: Map<number, string>;
}

function setUp(): Case {
  const hub = new HistoryHarness({ bytes: 64 * 1024, devices: 4, eventsMax: 1000 });
  const slot = hub.connect();
  const busy = hub.connect();
  const texts = new Map<number, string>();
  // The log has gone round once, and the device's events are neither the oldest nor the newest.
  for (let n = 0; n < 50; n++) hub.send(busy, { pad: 1200 });
  for (let n = 0; n < 4; n++) {
    const text = `event-${n}`.repeat(20);
    texts.set(hub.send(slot, { text, type: n === 1 ? 'status' : 'message' }), text);
  }
  for (let n = 0; n < 4; n++) hub.send(busy, { pad: 1200 });
  return { hub, slot, texts };
}

function expectTrue(told: readonly Told[], texts: Case['texts']): void {
  for (const one of told) if ('seq' in one) expect(one.text).toBe(texts.get(one.seq));
}

/** Reads with the writer running on at each cell in turn. @returns how many cells there were */
function atEachRead(
  interrupt: (one: Case) => void,
  read: (reader: HistoryReader, one: Case) => void,
): number {
  for (const at of below(CELLS_MAX)) {
    const one = setUp();
    const interruption = new Interruption(at, () => interrupt(one));
    const { history, devices } = one.hub;
    const watched: HistoryMemory = {
      ...history,
      ...interruption.in({ cells: history.cells }),
      records: interruption.in(history.records),
    };
    const rows = { ...devices, rows: interruption.in(devices.rows) } as DeviceSlab;
    // Atomics take no proxies.
    Object.assign(rows.rows, { generation: devices.rows.generation });
    const limits = { eventsMax: 1000, ttlMs: TTL_MS };
    read(new HistoryReader(watched, rows, limits, one.hub.clock), one);
    if (interruption.reads <= at) return at;
  }
  throw new Error('the reader does not come to an end');
}

const overwrites: Readonly<Record<string, (one: Case) => void>> = {
  'the log go round': ({ hub }) => {
    for (let n = 0; n < 60; n++) hub.send(1, { pad: 1200 });
  },
  'the log go round twice': ({ hub }) => {
    for (let n = 0; n < 120; n++) hub.send(1, { pad: 1190 });
  },
  'the device send more': ({ hub, slot, texts }) => {
    for (let n = 0; n < 3; n++) {
      const seq = hub.devices.rows.seq[slot]! + 1;
      texts.set(seq, `later-${seq}`);
      hub.send(slot, { text: `later-${seq}`, type: n === 1 ? 'status' : 'message' });
    }
  },
  'the slot go to another device': ({ hub, slot }) => {
    hub.free(slot);
    hub.connect();
    for (let n = 0; n < 4; n++) hub.send(slot, { text: 'foreign' });
  },
};

describe.each(Object.entries(overwrites))(
  'a reader that sees %s between any two of its reads',
  (_, interrupt) => {
    it('tells each event since a seq, as it was or as a gap', () => {
      const times = atEachRead(interrupt, (reader, { hub, slot, texts }) => {
        const told = tell(reader.since(hub.asOf(slot), 0));
        expectTrue(told, texts);
        let covered = 0;
        for (const one of told) {
          const [from, to] = 'gap' in one ? one.gap : [one.seq, one.seq];
          expect(from).toBe(covered + 1);
          covered = to;
        }
        expect(covered).toBe(4);
      });
      expect(times).toBeGreaterThan(200);
    });

    it('tells nothing of the newest events that was not sent', () => {
      const times = atEachRead(interrupt, (reader, { hub, slot, texts }) => {
        const asOf = hub.asOf(slot);
        expectTrue(tell(reader.newest(asOf, 3)), texts);
        expectTrue(tell(reader.last(asOf)), texts);
      });
      expect(times).toBeGreaterThan(200);
    });

    it('always finds the newest message and status of a device that is there', () => {
      if (interrupt === overwrites['the slot go to another device']) return;
      atEachRead(interrupt, (reader, { hub, slot }) => {
        const told = tell(reader.last(hub.asOf(slot)));
        expect(told.map((one) => 'seq' in one && one.seq)).toEqual([2, 4]);
      });
    });
  },
);

it('A reader that sees the device send more between any two of its reads tells no gap: nothing has left the log', () => {
  const times = atEachRead(overwrites['the device send more']!, (reader, { hub, slot }) => {
    const asOf = { ...hub.asOf(slot), seq: 4 };
    const replay = reader.since(asOf, 0);
    expect(seqsOf(tell(replay))).toEqual([1, 2, 3, 4]);
    expect(replay.recovered).toBe(true);
  });
  expect(times).toBeGreaterThan(200);
});
