/** The history log's shared memory: how large it may be, where what stands in it, and what it is when nobody wrote yet. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  attachHistory,
  Cell,
  createHistory,
  HISTORY_BYTES_MAX,
  HISTORY_BYTES_MIN,
  historyUsage,
  keptBytesMax,
  Word,
} from '../../src/history/memory.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

const LINE_PAIR_BYTES = 128;
const HEAD_BYTES = 3 * LINE_PAIR_BYTES;

/** Bytes that a cell or word takes. */
const ofCell = (cell: number): readonly [number, number] => [cell * 8, cell * 8 + 8];
const ofWord = (word: number): readonly [number, number] => [word * 4, word * 4 + 4];
const parts = {
  readers: [
    ...[Cell.oldest, Cell.lapStart, Cell.lapStart + 1].map(ofCell),
    ...[Word.magic, Word.lap, Word.oldest].map(ofWord),
  ],
  end: [ofCell(Cell.end), ofCell(Cell.last), ofWord(Word.end)],
  figures: [Cell.events, Cell.liveBytes, Cell.evicted, Cell.windowBytes].map(ofCell),
};

describe('the memory of a history log', () => {
  it('has what readers look at, where the log ends, and the figures in lines of their own', () => {
    for (const [n, places] of Object.values(parts).entries()) {
      const sorted = [...places].sort(([one], [other]) => one - other);
      for (const [place, [start, end]] of sorted.entries()) {
        expect(start).toBeGreaterThanOrEqual(place === 0 ? n * LINE_PAIR_BYTES : sorted[place - 1]![1]);
        expect(end).toBeLessThanOrEqual((n + 1) * LINE_PAIR_BYTES);
      }
    }
  });

  it('has its records behind these, in all views', () => {
    const memory = createHistory(HISTORY_BYTES_MIN);
    const { records, cells, words, capacity } = attachHistory(memory);
    expect([memory.byteLength, capacity]).toEqual([HEAD_BYTES + HISTORY_BYTES_MIN, HISTORY_BYTES_MIN]);
    for (const view of Object.values(records))
      expect([view.byteOffset, view.byteLength]).toEqual([HEAD_BYTES, HISTORY_BYTES_MIN]);
    for (const view of [cells, words]) expect([view.byteOffset, view.byteLength]).toEqual([0, HEAD_BYTES]);
  });

  it('begins behind position 0, which names no record', () => {
    const { cells, words } = attachHistory(createHistory(HISTORY_BYTES_MIN));
    for (const cell of [Cell.oldest, Cell.lapStart, Cell.lapStart + 1, Cell.end]) expect(cells[cell]).toBe(8);
    for (const word of [Word.oldest, Word.end]) expect(words[word]).toBe(1);
    expect(words[Word.lap]).toBe(0);
  });

  it('is of nothing where history is off, or of 64 KiB to 2 GiB, in steps of 8 bytes', () => {
    expect([HISTORY_BYTES_MIN, HISTORY_BYTES_MAX]).toEqual([65_536, 2_147_483_648]);
    for (const [bytes, capacity] of [
      [0, 0],
      [HISTORY_BYTES_MIN, HISTORY_BYTES_MIN],
      [HISTORY_BYTES_MIN + 7, HISTORY_BYTES_MIN],
      [HISTORY_BYTES_MIN + 8, HISTORY_BYTES_MIN + 8],
    ] as const)
      expect(attachHistory(createHistory(bytes)).capacity).toBe(capacity);
    for (const bytes of [1, HISTORY_BYTES_MIN - 1, HISTORY_BYTES_MAX + 1, -1, Number.NaN])
      expect(() => createHistory(bytes)).toThrow(
        new RangeError(`history of ${bytes} bytes, expected 0 or 65536 to 2147483648`),
      );
  });

  it('may be as large as it says', () => {
    vi.stubGlobal(
      'SharedArrayBuffer',
      class {
        constructor(bytes: number) {
          throw new Error(`asked for ${bytes}`); // the test need not have so much
        }
      },
    );
    expect(() => createHistory(HISTORY_BYTES_MAX)).toThrow(`asked for ${HEAD_BYTES + HISTORY_BYTES_MAX}`);
  });

  it('takes no record that is larger than a sixteenth of it', () => {
    expect([0, 15, 16, 65_536, 65_551].map(keptBytesMax)).toEqual([0, 0, 1, 4096, 4096]);
  });

  it('is told from any other', () => {
    expect(() => attachHistory(new SharedArrayBuffer(HISTORY_BYTES_MIN))).toThrow(
      new TypeError('this memory holds no history log'),
    );
  });
});

describe('the figures of a history log', () => {
  it('are those that its owner wrote', () => {
    const history = attachHistory(createHistory(HISTORY_BYTES_MIN));
    const { cells } = history;
    expect(historyUsage(history)).toEqual({
      capacityBytes: HISTORY_BYTES_MIN,
      windowBytes: 0,
      usedBytes: 0,
      liveBytes: 0,
      events: 0,
      evicted: 0,
    });
    cells[Cell.end] = 208;
    cells[Cell.windowBytes] = 1000;
    cells[Cell.liveBytes] = 80;
    cells[Cell.events] = 3;
    cells[Cell.evicted] = 2;
    expect(historyUsage(history)).toEqual({
      capacityBytes: HISTORY_BYTES_MIN,
      windowBytes: 1000,
      usedBytes: 200,
      liveBytes: 80,
      events: 3,
      evicted: 2,
    });
  });

  it('are never below nothing, though the two ends are read one after the other', () => {
    const history = attachHistory(createHistory(HISTORY_BYTES_MIN));
    history.cells[Cell.oldest] = history.cells[Cell.end]! + 80;
    expect(historyUsage(history).usedBytes).toBe(0);
  });
});
