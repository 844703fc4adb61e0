/**
 * What the devices' rows say about the history log: where each device's newest records are, and how many it has. Keeps
 * the sums that decide how much of the memory is used. Owner thread only.
 *
 * `keptAt` may name a record that is gone; `messageAt` and `statusAt` never do.
 */
import type { RecordViews } from '../memory/ring.ts';
import type { DeviceSlab } from '../presence/memory.ts';
import { isCarried, isOf, KeptKind, keptKind, keptSize } from './kept-event.ts';
import type { Laps } from './laps.ts';

export class KeptRows {
  readonly rows: DeviceSlab['rows'];
  /** Bytes of the records that rows name as newest message or status. */
  liveBytes = 0;
  /** Of these, the bytes of those that were carried forward. */
  carriedBytes = 0;
  /** Events that count as kept: at most `eventsMax` per device. */
  counted = 0;
  readonly #log: RecordViews;
  readonly #laps: Laps;
  readonly #eventsMax: number;

  constructor(rows: DeviceSlab['rows'], log: RecordViews, laps: Laps, eventsMax: number) {
    this.rows = rows;
    this.#log = log;
    this.#laps = laps;
    this.#eventsMax = eventsMax;
  }

  /** The column that names a device's newest event of this kind. */
  namesOf(kind: KeptKind): Float64Array | undefined {
    if (kind === KeptKind.message) return this.rows.messageAt;
    return kind === KeptKind.deviceStatus ? this.rows.statusAt : undefined;
  }

  /** Nothing of the device is kept up to this seq. */
  begin(slot: number, seq: number): void {
    const { rows } = this;
    rows.keptAt[slot] = 0;
    rows.messageAt[slot] = 0;
    rows.statusAt[slot] = 0;
    rows.keptCount[slot] = 0;
    rows.keptSeq[slot] = seq;
  }

  /** The row is about to be freed. `keptSeq` stays: it must not fall behind `seq` while the device may be seen. */
  forget(slot: number): void {
    const { rows } = this;
    this.unname(rows.messageAt, slot);
    this.unname(rows.statusAt, slot);
    this.#count(slot, 0);
    rows.keptAt[slot] = 0;
  }

  /** A record was committed. `keptAt` is stored last: a reader that sees it sees the rest. */
  enter(slot: number, seq: number, kind: KeptKind, position: number, size: number): void {
    const { rows } = this;
    const names = this.namesOf(kind);
    if (names !== undefined) {
      this.#discount(names, slot);
      names[slot] = position; // in one store: the device has a newest event of the kind at every moment
      this.liveBytes += size;
    }
    this.#count(slot, rows.keptCount[slot]! + 1);
    rows.keptSeq[slot] = seq;
    rows.keptAt[slot] = position;
  }

  /** An event has its number but no record: the records before it are not the latest events. */
  enterNone(slot: number, seq: number, kind: KeptKind): void {
    const { rows } = this;
    const names = this.namesOf(kind);
    rows.keptAt[slot] = 0; // before `keptSeq`, which would say that only pongs came since
    if (names !== undefined) this.unname(names, slot);
    rows.keptSeq[slot] = seq;
  }

  /** The record that the row names is no longer live. */
  unname(names: Float64Array, slot: number): void {
    if (names[slot] === 0) return;
    this.#discount(names, slot);
    names[slot] = 0;
  }

  /** Takes the record that the row names, if any, out of the sums. */
  #discount(names: Float64Array, slot: number): void {
    if (names[slot] === 0) return;
    const at = this.#laps.offset(names[slot]!);
    const size = keptSize(this.#log, at);
    this.liveBytes -= size;
    if (isCarried(this.#log, at)) this.carriedBytes -= size;
  }

  /** The record at this offset is gone. */
  drop(slot: number, at: number): void {
    const { keptCount, generation } = this.rows;
    const count = keptCount[slot]!;
    if (count > 0 && isOf(this.#log, at, slot, generation[slot]!)) this.#count(slot, count - 1);
  }

  /** Adds a row that was taken over to the sums; the records that it names must be there. */
  adopt(slot: number, isThere: (position: number) => boolean): void {
    const { rows } = this;
    if (!isThere(rows.keptAt[slot]!)) rows.keptAt[slot] = 0;
    for (const kind of [KeptKind.message, KeptKind.deviceStatus] as const) {
      const names = this.namesOf(kind)!;
      const at = this.#laps.offset(names[slot]!);
      if (!isThere(names[slot]!) || keptKind(this.#log, at) !== kind) {
        names[slot] = 0;
        continue;
      }
      this.liveBytes += keptSize(this.#log, at);
      if (isCarried(this.#log, at)) this.carriedBytes += keptSize(this.#log, at);
    }
    this.counted += Math.min(rows.keptCount[slot]!, this.#eventsMax);
  }

  #count(slot: number, count: number): void {
    const { keptCount } = this.rows;
    this.counted += Math.min(count, this.#eventsMax) - Math.min(keptCount[slot]!, this.#eventsMax);
    keptCount[slot] = count;
  }
}
