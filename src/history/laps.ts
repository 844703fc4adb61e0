/**
 * Where the history log's records begin and end, as positions and as offsets in the memory: the writing side's own copy
 * of the shared positions. Owner thread only.
 */
import { unitsOf } from './kept-event.ts';
import { Cell, type HistoryMemory, Word } from './memory.ts';

export class Laps {
  /** Position of the oldest record that is whole. */
  oldest = 0;
  /** Position at which the next record will be written. */
  end = 0;
  readonly #history: HistoryMemory;
  #lap = 0;
  #lapStart = 0;
  #lapStartBefore = 0;
  /** Whether `oldest` has moved since readers were told. */
  // Stryker disable next-line BooleanLiteral: the constructor reads, which sets it
  #isOldestNew = false;

  constructor(history: HistoryMemory) {
    this.#history = history;
    this.read();
  }

  /** Reads the positions from the memory, as another owner may have left them. */
  read(): void {
    const { cells, words } = this.#history;
    this.#lap = Atomics.load(words, Word.lap);
    this.#lapStart = cells[Cell.lapStart + (this.#lap & 1)]!;
    this.#lapStartBefore = cells[Cell.lapStart + (~this.#lap & 1)]!;
    this.oldest = cells[Cell.oldest]!;
    this.end = cells[Cell.end]!;
    this.#isOldestNew = true;
    Atomics.store(words, Word.end, unitsOf(this.end) | 0);
  }

  /** Bytes from the oldest record to the end. */
  get used(): number {
    return this.end - this.oldest;
  }

  /** Byte offset in the memory of the record at this position. */
  offset(position: number): number {
    return position - (position >= this.#lapStart ? this.#lapStart : this.#lapStartBefore);
  }

  /** Bytes written in this lap; the offset of the next record. */
  get reached(): number {
    return this.end - this.#lapStart;
  }

  /** Bytes at the start of this lap that hold nothing any more; negative while records of the lap before are left. */
  get passed(): number {
    return this.oldest - this.#lapStart;
  }

  /** Bytes that may be written at the end. */
  get room(): number {
    const limit = this.passed < 0 ? this.offset(this.oldest) : this.#history.capacity;
    return limit - this.reached;
  }

  /** The next record stands at the start of the memory. Only when no record of the lap before is left. */
  startLap(): void {
    const { cells, words } = this.#history;
    this.tellOldest(); // who still reads in the lap before finds garbage from here on, and then that it is gone
    this.#lap = (this.#lap + 1) | 0;
    this.#lapStartBefore = this.#lapStart;
    this.#lapStart = this.end;
    cells[Cell.lapStart + (this.#lap & 1)] = this.end;
    Atomics.store(words, Word.lap, this.#lap);
  }

  /** The record at the end is whole. */
  commit(bytes: number): void {
    const { cells, words } = this.#history;
    cells[Cell.last] = this.end;
    this.end += bytes;
    cells[Cell.end] = this.end;
    Atomics.store(words, Word.end, unitsOf(this.end) | 0);
  }

  /** The device's row names the last record now, so an owner that takes over need not enter it. */
  entered(): void {
    this.#history.cells[Cell.last] = 0;
  }

  /** The oldest record is not needed any more. */
  pass(bytes: number): void {
    this.oldest += bytes;
    this.#history.cells[Cell.oldest] = this.oldest;
    this.#isOldestNew = true;
  }

  /** Drops all records. Positions keep growing. */
  empty(): void {
    this.pass(this.used);
  }

  /** Before anything is overwritten. `exchange` and not `store`: what is written next must not be seen before it. */
  tellOldest(): void {
    if (!this.#isOldestNew) return;
    this.#isOldestNew = false;
    Atomics.exchange(this.#history.words, Word.oldest, unitsOf(this.oldest) | 0);
  }
}
