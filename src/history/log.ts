/**
 * The writing side of history: one circular log of all devices' recent events. Owner thread only. An append costs the
 * same however many events and devices there are, and allocates nothing.
 *
 * The oldest records make room for new ones. Each device's newest message and newest status must survive that, so they
 * are carried forward: copied to the end of the log, as in log-structured stores. Each append looks at a few records,
 * well before their room is needed, so that no append has to work through the whole log.
 *
 * Order of stores: the record, then where the log ends, then the device's row. An owner that dies in between leaves a
 * record that no row names; the next one enters it. A record is copied before its row names the copy, and the row
 * names the copy before the original counts as gone.
 */
import type { RecordViews } from '../memory/ring.ts';
import type { DeviceSlab } from '../presence/memory.ts';
import { EventType } from '../wire/events.ts';
import { adoptLog } from './adoption.ts';
import {
  carryRecord,
  isCarried,
  isKept,
  KeptKind,
  keptBytes,
  keptKind,
  keptKindOf,
  keptSize,
  keptSlot,
  writeEvent,
  writeKeptHead,
} from './kept-event.ts';
import { KeptRows } from './kept-rows.ts';
import { Laps } from './laps.ts';
import { Cell, type HistoryMemory, keptBytesMax } from './memory.ts';

/** The log is written at least this far before it starts over: a smaller resident set would save next to nothing. */
const WINDOW_BYTES_MIN = 4 * 1024 * 1024;
/** The window is at least this many times the live bytes: then three of four records passed are gone for good. */
const WINDOW_PER_LIVE = 4;
/** And this many times the kept events, so that busy devices do not push out the events of others. */
const WINDOW_PER_KEPT = 2;
/** And it has room for this many of the largest record. */
const WINDOW_RECORDS_MIN = 8;
/** The cleaner works while less than this share of the window is free. */
const FREE_SHARE = 1 / 8;
/**
 * Bytes that the cleaner then scans per byte appended. While it passes half of the memory without freeing anything, a
 * sixteenth is appended: half of what was free when it began.
 */
const CLEAN_RATIO = 8;
/** Live bytes beyond this share of the memory are not carried forward. */
const LIVE_SHARE_MAX = 1 / 2;

export class HistoryLog {
  /** False when history has no memory: then nothing is kept, at no cost. */
  readonly isOn: boolean;
  readonly #history: HistoryMemory;
  readonly #log: RecordViews;
  readonly #devices: DeviceSlab;
  readonly #laps: Laps;
  readonly #kept: KeptRows;
  readonly #keptBytesMax: number;
  /** Size of the largest record so far. */
  #largest = 0;
  #events = 0;

  /**
   * @param history memory that is fresh, or `adopt`ed at once
   * @param eventsMax events that count as kept, per device
   */
  constructor(history: HistoryMemory, devices: DeviceSlab, eventsMax: number) {
    this.isOn = history.capacity > 0;
    this.#history = history;
    this.#log = history.records;
    this.#devices = devices;
    this.#laps = new Laps(history);
    this.#kept = new KeptRows(devices.rows, history.records, this.#laps, eventsMax);
    this.#keptBytesMax = keptBytesMax(history.capacity);
  }

  /** A device's row is being created: its numbering starts after `seq`, and nothing up to that is kept. */
  begin(slot: number, seq: number): void {
    if (this.isOn) this.#kept.begin(slot, seq);
  }

  /** The device's numbering goes on elsewhere, or starts anew: nothing of it is kept up to this seq. */
  restart(slot: number, seq: number): void {
    if (!this.isOn) return;
    this.#laps.entered(); // the next owner does not enter an event of the numbering before as one of this
    this.#kept.forget(slot);
    this.#kept.begin(slot, seq);
    this.#showFigures();
  }

  /** Numbers up to this seq are taken by events that this log never saw. */
  skip(slot: number, seq: number): void {
    if (this.isOn) this.#kept.enterNone(slot, seq, KeptKind.other);
  }

  /**
   * Whether an event that nobody listens to takes a number: with history, if it is kept; without history, if a
   * subscriber may come back that must see the hole.
   */
  takesNumber(type: number, isAwaited: boolean): boolean {
    return this.isOn ? type !== EventType.pong : isAwaited;
  }

  /** A device's row is being freed; its slot's generation changes after this. */
  forget(slot: number): void {
    // Stryker disable next-line ConditionalExpression: a short cut, as without history the row says nothing
    if (!this.isOn) return;
    this.#kept.forget(slot);
    this.#showFigures();
  }

  /**
   * Keeps an event. The caller stores the device's `seq` after this, so that history knows every event that has a
   * number.
   * @param seq of the event, above that of the device's last one
   * @param from where the event record is: at `offset`, `bytes` long without its ack id
   * @returns false when it is not kept: history is off, the event is a pong, or it is too large (then counted)
   */
  append(slot: number, seq: number, from: RecordViews, offset: number, bytes: number): boolean {
    if (!this.isOn || !isKept(from, offset)) return false;
    const size = keptBytes(bytes);
    const kind = keptKindOf(from, offset);
    if (size > this.#keptBytesMax) {
      this.#kept.enterNone(slot, seq, kind);
      this.#history.cells[Cell.evicted]! += 1;
      this.#showFigures(); // the message or status before it is live no more
      return false;
    }
    this.#makeRoom(size);
    const laps = this.#laps;
    const { rows } = this.#kept;
    const at = laps.reached;
    const position = laps.end;
    const back = position - rows.keptAt[slot]!;
    laps.tellOldest();
    writeEvent(this.#log, at, slot, seq, from, offset, bytes);
    writeKeptHead(
      this.#log,
      at,
      position,
      size,
      slot,
      rows.generation[slot]!,
      back,
      seq - rows.keptSeq[slot]!,
    );
    laps.commit(size);
    this.#events += 1;
    this.#kept.enter(slot, seq, kind, position, size);
    this.#showFigures();
    return true;
  }

  /**
   * Cleans ahead while there is nothing else to do.
   * @param limit the most records to look at
   * @returns how many were looked at; 0 when enough is free
   */
  clean(limit: number): number {
    // Stryker disable next-line ConditionalExpression: a short cut, as without history nothing is used
    if (!this.isOn) return 0;
    const usedMax = this.#window() * (1 - FREE_SHARE);
    let looked = 0;
    while (looked < limit && this.#laps.used > usedMax) {
      this.#passOldest();
      looked += 1;
    }
    // Stryker disable next-line ConditionalExpression,EqualityOperator: a short cut, as they are shown already
    if (looked > 0) this.#showFigures();
    return looked;
  }

  /**
   * Takes over the log of another owner. Call it once the presence table is adopted, before anything else.
   * @returns false when the log was inconsistent; then all of it was dropped
   */
  adopt(): boolean {
    // Stryker disable next-line ConditionalExpression: a short cut, as without history there is no record
    if (!this.isOn) return true;
    const { isWhole, events, largest } = adoptLog({
      history: this.#history,
      devices: this.#devices,
      laps: this.#laps,
      kept: this.#kept,
      keptBytesMax: this.#keptBytesMax,
    });
    this.#events = events;
    this.#largest = largest;
    this.#showFigures();
    return isWhole;
  }

  /** How far the memory is written before the log starts over, bytes. */
  #window(): number {
    const { liveBytes, counted } = this.#kept;
    const mean = this.#events === 0 ? 0 : this.#laps.used / this.#events;
    const wanted = Math.max(
      WINDOW_BYTES_MIN,
      WINDOW_PER_LIVE * liveBytes,
      WINDOW_PER_KEPT * counted * mean,
      WINDOW_RECORDS_MIN * this.#largest,
    );
    return Math.min(wanted, this.#history.capacity);
  }

  /**
   * Makes room for a record at the end of the log, and behind it for two of the largest: one that may have to be
   * carried before there is room again, and one for the unused end of a lap.
   */
  #makeRoom(size: number): void {
    const laps = this.#laps;
    const window = this.#window();
    this.#history.cells[Cell.windowBytes] = window;
    const usedMax = Math.max(0, window * (1 - FREE_SHARE) - size);
    for (let bytes = CLEAN_RATIO * size; bytes > 0 && laps.used > usedMax; ) bytes -= this.#passOldest();
    const largest = Math.max(this.#largest, size);
    for (;;) {
      const isWide = laps.room >= size + 2 * largest;
      if (isWide && (laps.passed < 0 || laps.reached < window)) break;
      if (laps.passed >= this.#largest) laps.startLap();
      else this.#passOldest();
    }
    this.#largest = largest;
  }

  /** Passes the oldest record; a live one is carried forward. @returns its bytes */
  #passOldest(): number {
    const log = this.#log;
    const position = this.#laps.oldest;
    const at = this.#laps.offset(position);
    const size = keptSize(log, at);
    const slot = keptSlot(log, at);
    const names = this.#kept.namesOf(keptKind(log, at));
    if (names?.[slot] !== position) {
      this.#drop(slot, at);
    } else if (this.#mayStay(at)) {
      this.#carry(names, slot, at, size);
    } else {
      this.#kept.unname(names, slot);
      this.#history.cells[Cell.evicted]! += 1;
      this.#drop(slot, at);
    }
    this.#laps.pass(size);
    return size;
  }

  /**
   * Whether a live record is carried forward. While too much is live, records that were carried before are dropped
   * first: their devices have been quiet for longest.
   */
  #mayStay(at: number): boolean {
    const excess = this.#kept.liveBytes - this.#history.capacity * LIVE_SHARE_MAX;
    if (excess <= 0) return true;
    return !isCarried(this.#log, at) && this.#kept.carriedBytes >= excess;
  }

  #carry(names: Float64Array, slot: number, at: number, size: number): void {
    const laps = this.#laps;
    const isLapFull = laps.room < size;
    // Stryker disable next-line ConditionalExpression,EqualityOperator: when it is full, more than that has passed
    if (isLapFull && laps.passed >= size) laps.startLap();
    if (laps.room < size) throw new Error(`no room to carry ${size} bytes forward`);
    const position = laps.end;
    laps.tellOldest();
    carryRecord(this.#log, at, laps.reached, position);
    laps.commit(size);
    if (!isCarried(this.#log, at)) this.#kept.carriedBytes += size;
    names[slot] = position;
  }

  #drop(slot: number, at: number): void {
    this.#events -= 1;
    this.#kept.drop(slot, at);
  }

  #showFigures(): void {
    const { cells } = this.#history;
    cells[Cell.events] = this.#events;
    cells[Cell.liveBytes] = this.#kept.liveBytes;
  }
}
