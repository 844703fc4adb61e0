/**
 * Reads single records of the history log while the owner writes it. Any thread, without a lock: a record counts only
 * if, after the read, the part that the owner may overwrite still ends before it.
 */
import { type RecordViews, recordViews } from '../memory/ring.ts';
import { copyEventOut, eventRoom, isAtPosition, isOf, KeptHead, keptSize, unitsOf } from './kept-event.ts';
import { Cell, type HistoryMemory, keptBytesMax, Word } from './memory.ts';

const COPY_BYTES_MIN = 1024;

export class KeptRecords {
  /** What `look` saw last. */
  readonly head = new KeptHead();
  /** Where `copy` put the event record: at offset 0, until the next `copy`. */
  copied = roomFor(COPY_BYTES_MIN);
  readonly #history: HistoryMemory;
  readonly #log: RecordViews;
  readonly #sizeMax: number;
  readonly #fence = new Int32Array(1);

  constructor(history: HistoryMemory) {
    this.#history = history;
    this.#log = history.records;
    this.#sizeMax = keptBytesMax(history.capacity);
  }

  get isOn(): boolean {
    return this.#history.capacity > 0;
  }

  /** Whether the record that was at this position, if any, has left the log. */
  isGone(position: number): boolean {
    // The cell is exact, however old the position; the word is always stored before anything is overwritten.
    return position < this.#history.cells[Cell.oldest]! || !this.#isWhole(position);
  }

  /** Reads the record at a position into `head`. @returns whether it is a whole record of this device */
  look(position: number, slot: number, generation: number): boolean {
    const at = this.#find(position);
    if (at < 0 || !isOf(this.#log, at, slot, generation)) return false;
    this.head.read(this.#log, at, position);
    return this.#isWhole(position);
  }

  /** Copies the event record at a position that `look` accepted. @returns false when it has left the log */
  copy(position: number): boolean {
    const at = this.#find(position);
    if (at < 0) return false;
    const size = keptSize(this.#log, at);
    if (size > this.#sizeMax) return false; // overwritten, and garbage by now
    if (eventRoom(size) > this.copied.u8.length) this.copied = roomFor(eventRoom(size));
    copyEventOut(this.#log, at, size, this.copied);
    return this.#isWhole(position);
  }

  /** @returns the record's offset in the memory, or -1 when there is none at this position */
  #find(position: number): number {
    const { cells, words, capacity } = this.#history;
    if (!(position >= cells[Cell.oldest]!)) return -1;
    // A row may become visible on another core before its record does, which follows a moment later.
    if (((Atomics.load(words, Word.end) - unitsOf(position)) | 0) <= 0) return -1;
    const lap = Atomics.load(words, Word.lap);
    const start = cells[Cell.lapStart + (lap & 1)]!;
    const at = position - (position >= start ? start : cells[Cell.lapStart + ((lap + 1) & 1)]!);
    return at >= 0 && at < capacity && isAtPosition(this.#log, at, position) ? at : -1;
  }

  /** Whether everything read so far really was the record. */
  #isWhole(position: number): boolean {
    Atomics.add(this.#fence, 0, 0); // the reads above must not move behind the read of the word
    return ((unitsOf(position) - Atomics.load(this.#history.words, Word.oldest)) | 0) >= 0;
  }
}

/** Room for an event of this length, and for many that are a little longer. */
function roomFor(bytes: number): RecordViews {
  return recordViews(new ArrayBuffer(2 ** Math.ceil(Math.log2(bytes))));
}
