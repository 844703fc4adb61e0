/** Where records begin and end, lap after lap: what the owner works with, and what it tells readers when. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Laps } from '../../src/history/laps.ts';
import { attachHistory, Cell, createHistory, type HistoryMemory, Word } from '../../src/history/memory.ts';

const CAPACITY = 64 * 1024;
const FIRST = 8; // position of the first record ever

let history: HistoryMemory;
let laps: Laps;
beforeEach(() => {
  history = attachHistory(createHistory(CAPACITY));
  laps = new Laps(history);
});

/** The lap is written to its end, and a new one begins while this many bytes of it are kept. */
function goRound(kept: number): void {
  laps.commit(CAPACITY - laps.reached);
  laps.pass(laps.used - kept);
  laps.startLap();
}

describe('a new log', () => {
  it('is empty, and has room for as much as its memory holds', () => {
    expect([laps.oldest, laps.end, laps.used]).toEqual([FIRST, FIRST, 0]);
    expect([laps.reached, laps.passed, laps.room]).toEqual([0, 0, CAPACITY]);
    expect(laps.offset(FIRST)).toBe(0);
  });
});

describe('a record', () => {
  it('is committed with where it stands, and where the next one will', () => {
    laps.commit(80);
    laps.commit(40);
    const { cells, words } = history;
    expect([cells[Cell.last], cells[Cell.end], words[Word.end]]).toEqual([FIRST + 80, FIRST + 120, 16]);
    expect([laps.used, laps.reached, laps.room]).toEqual([120, 120, CAPACITY - 120]);
    expect(laps.offset(FIRST + 80)).toBe(80);
  });

  it('that is passed counts no more, and leaves no room before the next lap', () => {
    laps.commit(120);
    laps.pass(80);
    expect([laps.oldest, history.cells[Cell.oldest]]).toEqual([FIRST + 80, FIRST + 80]);
    expect([laps.used, laps.passed, laps.room]).toEqual([40, 80, CAPACITY - 120]);
  });

  it('is not waited for by readers once it has passed and they were told, which they are once', () => {
    const { words } = history;
    laps.commit(120);
    laps.pass(80);
    expect(words[Word.oldest]).toBe(1);
    laps.tellOldest();
    expect(words[Word.oldest]).toBe(11);
    words[Word.oldest] = 0;
    laps.tellOldest();
    expect(words[Word.oldest]).toBe(0);
    laps.pass(8);
    laps.tellOldest();
    expect(words[Word.oldest]).toBe(12);
  });
});

describe('a lap', () => {
  it('begins at the start of the memory, and has the room that the oldest of the lap before leaves', () => {
    goRound(CAPACITY - 160);
    expect([laps.reached, laps.passed, laps.room]).toEqual([0, 160 - CAPACITY, 160]);
    laps.commit(100);
    expect([laps.reached, laps.room]).toEqual([100, 60]);
    expect(laps.offset(FIRST + 160)).toBe(160);
    expect(laps.offset(FIRST + CAPACITY)).toBe(0);
    expect(laps.offset(FIRST + CAPACITY + 96)).toBe(96);
  });

  it('has the room to the end of the memory once nothing of the lap before is left', () => {
    goRound(0);
    expect([laps.passed, laps.room]).toEqual([0, CAPACITY]);
  });

  it('is told to readers, and before it what has gone', () => {
    for (let lap = 1; lap <= 5; lap++) {
      goRound(0);
      const { cells, words } = history;
      const start = FIRST + lap * CAPACITY;
      expect([words[Word.lap], words[Word.oldest]]).toEqual([lap, start / 8]);
      expect(cells[Cell.lapStart + (lap & 1)]).toBe(start);
      expect(cells[Cell.lapStart + 1 - (lap & 1)]).toBe(start - CAPACITY);
    }
  });
});

describe('a log that is emptied', () => {
  it('keeps nothing, and its positions go on growing', () => {
    laps.commit(120);
    laps.pass(40);
    laps.empty();
    expect([laps.used, laps.oldest, laps.end, history.cells[Cell.oldest]]).toEqual([0, 128, 128, 128]);
  });
});

describe('a log that another owner left', () => {
  it('is where that one stood, in whichever lap', () => {
    for (let lap = 1; lap <= 3; lap++) {
      goRound(40);
      laps.commit(40);
      const taken = new Laps(history);
      for (const key of ['oldest', 'end', 'used', 'reached', 'passed', 'room'] as const)
        expect(taken[key], key).toBe(laps[key]);
      for (const position of [laps.oldest, laps.end - 40])
        expect(taken.offset(position)).toBe(laps.offset(position));
      laps.pass(laps.used);
    }
  });

  it('tells readers where it ends, and before anything is overwritten what has gone', () => {
    const { words } = history;
    laps.commit(120);
    laps.pass(80);
    words[Word.end] = 0;
    const taken = new Laps(history);
    expect([words[Word.end], words[Word.oldest]]).toEqual([16, 1]);
    taken.tellOldest();
    expect(words[Word.oldest]).toBe(11);
  });
});
