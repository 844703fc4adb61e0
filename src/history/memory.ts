/**
 * The history log's shared memory: made by main, written by the owner (`log.ts`), read by any thread (`reader.ts`).
 *
 *   | for readers | where it ends | figures | records ................................................... |
 *   0             128             256       384
 *
 * A position is the number of bytes of all records ever written, so it only grows. The log is written in laps, each
 * from the start of the memory, and a lap may end early: a record's offset is its position minus that of its lap's
 * start. The kept records are in the current lap and, above the place that it has reached, in the previous one.
 */
import { type RecordViews, recordViews } from '../memory/ring.ts';
import { KEPT_ALIGNMENT, unitsOf } from './kept-event.ts';

const LINE_PAIR_BYTES = 128; // two 64-byte lines: the neighbour is prefetched too
const RECORDS_OFFSET = 3 * LINE_PAIR_BYTES;
const MAGIC = 0x44415448; // "DATH"

/** Float64 cells; writer: owner. */
export const Cell = {
  oldest: 0, // position of the oldest record that is whole: what lies before may be overwritten at any moment
  lapStart: 1, // two cells: where the lap of an even number began, and of an odd
  end: LINE_PAIR_BYTES / 8, // position at which the next record will be written
  last: LINE_PAIR_BYTES / 8 + 1, // position of the last record written, 0 when its row is known to name it
  events: (2 * LINE_PAIR_BYTES) / 8,
  liveBytes: (2 * LINE_PAIR_BYTES) / 8 + 1,
  evicted: (2 * LINE_PAIR_BYTES) / 8 + 2,
  windowBytes: (2 * LINE_PAIR_BYTES) / 8 + 3,
} as const;

/** Int32 words, stored and loaded with Atomics; writer: owner. The positions are in 8-byte units mod 2^32. */
export const Word = {
  magic: 28,
  lap: 29, // number of the lap being written
  oldest: 30, // as the cell, and stored before anything older is overwritten
  end: LINE_PAIR_BYTES / 4 + 4, // as the cell, and stored after the record before it is whole
} as const;

/** 0: history is off. */
export const HISTORY_BYTES_MIN = 64 * 1024;
/** Offsets are shifted as 32-bit integers. */
export const HISTORY_BYTES_MAX = 2 ** 31;
/** The largest record is this share of the memory, so there is always room to carry one forward. */
const RECORDS_PER_LOG_MIN = 16;

/** Size of the largest record that a log of this capacity accepts, bytes. */
export function keptBytesMax(capacity: number): number {
  return Math.floor(capacity / RECORDS_PER_LOG_MIN);
}

/** Position of the very first record: 0 stands for no record. */
const FIRST_POSITION = KEPT_ALIGNMENT;

export interface HistoryMemory {
  /** Bytes for records, 0 when history is off. */
  readonly capacity: number;
  readonly cells: Float64Array;
  readonly words: Int32Array;
  readonly records: RecordViews;
}

/**
 * @param bytes memory for records, rounded down to 8; 0 turns history off
 * @throws RangeError when `bytes` is out of range
 */
export function createHistory(bytes: number): SharedArrayBuffer {
  if (bytes !== 0 && !(bytes >= HISTORY_BYTES_MIN && bytes <= HISTORY_BYTES_MAX))
    throw new RangeError(
      `history of ${bytes} bytes, expected 0 or ${HISTORY_BYTES_MIN} to ${HISTORY_BYTES_MAX}`,
    );
  const memory = new SharedArrayBuffer(RECORDS_OFFSET + Math.floor(bytes / KEPT_ALIGNMENT) * KEPT_ALIGNMENT);
  const cells = new Float64Array(memory, 0, RECORDS_OFFSET / 8);
  const words = new Int32Array(memory, 0, RECORDS_OFFSET / 4);
  for (const cell of [Cell.oldest, Cell.lapStart, Cell.lapStart + 1, Cell.end]) cells[cell] = FIRST_POSITION;
  for (const word of [Word.oldest, Word.end]) words[word] = unitsOf(FIRST_POSITION);
  words[Word.magic] = MAGIC;
  return memory;
}

/** @throws TypeError when the memory is not a history log */
export function attachHistory(memory: SharedArrayBuffer): HistoryMemory {
  const words = new Int32Array(memory, 0, RECORDS_OFFSET / 4);
  if (words[Word.magic] !== MAGIC) throw new TypeError('this memory holds no history log');
  return {
    capacity: memory.byteLength - RECORDS_OFFSET,
    cells: new Float64Array(memory, 0, RECORDS_OFFSET / 8),
    words,
    records: recordViews(memory, RECORDS_OFFSET),
  };
}

/** Figures for metrics. */
export interface HistoryUsage {
  readonly capacityBytes: number;
  /** Bytes of the memory in use now: grows with the live and the kept records. */
  readonly windowBytes: number;
  /** Bytes of all records in the log. */
  readonly usedBytes: number;
  /** Bytes of each device's newest message and status. */
  readonly liveBytes: number;
  /** Records in the log. */
  readonly events: number;
  /** Newest messages and statuses dropped so far: more than half of the memory was live, or one was too large. */
  readonly evicted: number;
}

/** Any thread. Each figure is right by itself; together they are not of one moment. */
export function historyUsage({ capacity, cells }: HistoryMemory): HistoryUsage {
  return {
    capacityBytes: capacity,
    windowBytes: cells[Cell.windowBytes]!,
    usedBytes: Math.max(0, cells[Cell.end]! - cells[Cell.oldest]!),
    liveBytes: cells[Cell.liveBytes]!,
    events: cells[Cell.events]!,
    evicted: cells[Cell.evicted]!,
  };
}
