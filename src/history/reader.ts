/**
 * The reading side of history, on any thread: finds a device's kept events through its row and follows them back. A
 * replay costs the owner nothing.
 *
 * Kept are a device's newest `eventsMax` events that are at most `ttlMs` old, as far as the log reaches back, and its
 * newest message and newest status whatever their age. Pongs are not kept; those that took a number are passed over.
 */
import type { Clock } from '../clock.ts';
import type { DeviceSlab } from '../presence/table.ts';
import { ALL_TYPES, typeBit } from '../wire/events.ts';
import { KeptKind } from './kept-event.ts';
import type { HistoryMemory } from './memory.ts';
import { KeptRecords } from './records.ts';
import { Replay } from './replay.ts';

export interface KeptLimits {
  /** Events that count as kept, per device. */
  readonly eventsMax: number;
  /** Age up to which they do, ms. */
  readonly ttlMs: number;
}

/** A device as of the moment that an answer speaks of. */
export interface DeviceAsOf {
  readonly slot: number;
  /** Of the slot: one that was freed since holds none of the device's events. */
  readonly generation: number;
  /** The device's last seq at that moment; events after it are not for this replay. */
  readonly seq: number;
}

/** Times that a cell is read again because the owner changed it: each change is an append of the same device. */
const READ_TRIES_MAX = 1000;

/** What is looked for. */
interface Wanted {
  /** Only events after this seq. */
  readonly after: number;
  readonly countMax: number;
  /** Bits of types. */
  readonly types: number;
}

export class HistoryReader {
  readonly #records: KeptRecords;
  readonly #rows: DeviceSlab['rows'];
  readonly #limits: KeptLimits;
  readonly #clock: Clock;
  // What the walk under way has found, newest first: see `Found`.
  readonly #positions: number[] = [];
  readonly #seqs: number[] = [];
  readonly #afters: number[] = [];
  #endAfter = 0;
  /** Seq of the oldest event that the walk has come to. */
  #reached = 0;

  constructor(history: HistoryMemory, devices: DeviceSlab, limits: KeptLimits, clock: Clock) {
    this.#records = new KeptRecords(history);
    this.#rows = devices.rows;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** The newest message and the newest status that the device sent, oldest first. */
  last(device: DeviceAsOf, types = ALL_TYPES): Replay {
    return this.#newestOfEach(device, types, this.#limits.eventsMax);
  }

  /** As `last`, but nothing of a kind of which there is an event after the device's seq. */
  lastUnlessNewer(device: DeviceAsOf, types: number): Replay {
    return this.#newestOfEach(device, types, 1);
  }

  #newestOfEach(device: DeviceAsOf, types: number, looksMax: number): Replay {
    this.#start();
    const { messageAt, statusAt } = this.#rows;
    this.#findNewest(device, messageAt, KeptKind.message, types, looksMax);
    this.#findNewest(device, statusAt, KeptKind.deviceStatus, types, looksMax);
    const [message = 0, status = 0] = this.#seqs;
    if (status > message) for (const cells of [this.#positions, this.#seqs]) cells.reverse();
    return this.#replayFound(device);
  }

  /** The newest `count` events, oldest first. */
  newest(device: DeviceAsOf, count: number, types = ALL_TYPES): Replay {
    this.#walk(device, { after: 0, countMax: count, types });
    return this.#replayFound(device);
  }

  /**
   * All events after a seq, oldest first, with a gap for each that is not kept any more. With a seq above the device's
   * own, whose events those were nobody knows: then all that is kept, and it is not recovered.
   */
  since(device: DeviceAsOf, seq: number, types = ALL_TYPES): Replay {
    if (seq > device.seq) {
      this.#walk(device, { after: 0, countMax: Number.POSITIVE_INFINITY, types });
      return this.#replayFound(device, false);
    }
    this.#walk(device, { after: seq, countMax: Number.POSITIVE_INFINITY, types });
    return this.#replaySince(device, seq);
  }

  /** The newest `count` events before a seq, oldest first: a page for who reads backwards. */
  before(device: DeviceAsOf, seq: number, count: number, types = ALL_TYPES): Replay {
    return this.newest({ ...device, seq: Math.min(device.seq, seq - 1) }, count, types);
  }

  // A walk

  #start(): void {
    this.#positions.length = 0;
    this.#seqs.length = 0;
    this.#afters.length = 0;
    this.#reached = Number.POSITIVE_INFINITY;
  }

  #walk(device: DeviceAsOf, wanted: Wanted): void {
    this.#start();
    const { slot, generation, seq: seqMax } = device;
    const { head } = this.#records;
    const receivedMin = this.#clock.now() - this.#limits.ttlMs;
    let isThere = this.#lookAtNewest(device);
    for (let looked = 0; isThere && looked < this.#limits.eventsMax; looked++) {
      if (this.#seqs.length >= wanted.countMax) break;
      if (head.seq <= wanted.after || head.received < receivedMin) break;
      this.#reached = head.seq;
      if (head.seq <= seqMax && isOfTypes(head, wanted.types)) this.#add();
      else this.#passOver(Math.min(head.after, seqMax));
      if (head.after <= wanted.after) break;
      isThere = this.#records.look(head.previous, slot, generation);
    }
    this.#addApart(device, wanted);
  }

  /**
   * Looks at the device's newest record, and notes up to which seq there were events at all: beyond it there were only
   * pongs.
   * @returns false when it is not in the log
   */
  #lookAtNewest({ slot, generation, seq }: DeviceAsOf): boolean {
    const { keptAt, keptSeq, generation: generations } = this.#rows;
    const records = this.#records;
    this.#endAfter = seq;
    for (let tries = 0; records.isOn && tries < READ_TRIES_MAX; tries++) {
      const position = keptAt[slot]!;
      if (records.look(position, slot, generation)) {
        this.#endAfter = Math.min(records.head.seq, seq);
        return true;
      }
      const isGone = records.isGone(position);
      const newest = keptSeq[slot]!;
      if (Atomics.load(generations, slot) !== generation) return false;
      if (!isGone || keptAt[slot] !== position) continue; // it was carried forward, or another came
      this.#endAfter = Math.min(newest, seq);
      return false;
    }
    return false;
  }

  /** The newest message and status may be far from the others: carried forward, or too old to count otherwise. */
  #addApart(device: DeviceAsOf, wanted: Wanted): void {
    const { slot, generation, seq } = device;
    const { head } = this.#records;
    const { messageAt, statusAt } = this.#rows;
    const message = this.#lookAtNamed(messageAt, slot, generation) ? head.seq : 0;
    const status = this.#lookAtNamed(statusAt, slot, generation) ? head.seq : 0;
    for (const names of message > status ? [messageAt, statusAt] : [statusAt, messageAt]) {
      if (!this.#lookAtNamed(names, slot, generation)) continue;
      if (head.seq >= this.#reached || head.seq > seq || head.seq <= wanted.after) continue;
      if (this.#seqs.length >= wanted.countMax) return;
      if (isOfTypes(head, wanted.types)) this.#add();
      else if (head.seq === this.#oldestAfter) this.#passOver(head.after);
      this.#reached = head.seq;
    }
  }

  /** Looks at the record that the row names as newest of its kind. @returns false when there is none */
  #lookAtNamed(names: Float64Array, slot: number, generation: number): boolean {
    for (let tries = 0; tries < READ_TRIES_MAX; tries++) {
      const position = names[slot]!;
      if (this.#records.look(position, slot, generation)) return true;
      if (this.#records.isGone(position) && names[slot] === position) return false;
    }
    return false;
  }

  /** Finds the newest event of a kind that is not after the device's seq. @param looksMax records looked at */
  #findNewest(
    device: DeviceAsOf,
    names: Float64Array,
    kind: KeptKind,
    types: number,
    looksMax: number,
  ): void {
    const { slot, generation, seq } = device;
    const { head } = this.#records;
    if (!this.#records.isOn || !this.#lookAtNamed(names, slot, generation)) return;
    if (!isOfTypes(head, types)) return;
    for (let looked = 0; looked < looksMax; looked++) {
      if (head.kind === kind && head.seq <= seq) {
        this.#add();
        return;
      }
      // A newer one has come since: the one before it is looked for.
      if (!this.#records.look(head.previous, slot, generation)) return;
    }
  }

  /** The record in hand is one of those that were looked for. */
  #add(): void {
    const { position, seq, after } = this.#records.head;
    this.#positions.push(position);
    this.#seqs.push(seq);
    this.#afters.push(after);
  }

  /** The record in hand was not looked for, and so is not missing either. */
  #passOver(after: number): void {
    if (this.#afters.length === 0) this.#endAfter = after;
    else this.#afters[this.#afters.length - 1] = after;
  }

  get #oldestAfter(): number {
    return this.#afters.length === 0 ? this.#endAfter : this.#afters[this.#afters.length - 1]!;
  }

  /** Whether nothing is missing after this seq. */
  #isComplete(since: number): boolean {
    let covered = since;
    for (let index = this.#seqs.length - 1; index >= 0; index--) {
      if (this.#afters[index]! > covered) return false;
      covered = this.#seqs[index]!;
    }
    return this.#endAfter <= covered;
  }

  // Of what was found

  /** Everything after `since`, with all gaps. */
  #replaySince(device: DeviceAsOf, since: number): Replay {
    const found = { events: this.#cells(false), endAfter: this.#endAfter, since };
    return new Replay(this.#records, this.#rows, device, found, this.#isComplete(since));
  }

  /** What was found and nothing else: a gap is told only for what is lost from now on. */
  #replayFound(device: DeviceAsOf, recovered = true): Replay {
    const found = { events: this.#cells(true), endAfter: 0, since: undefined };
    return new Replay(this.#records, this.#rows, device, found, recovered);
  }

  /** Oldest first: see `Found`. */
  #cells(isAlone: boolean): number[] {
    const cells: number[] = [];
    for (let index = this.#seqs.length - 1; index >= 0; index--) {
      const after = this.#afters[index]!;
      cells.push(this.#positions[index]!, this.#seqs[index]!, isAlone ? 0 : after, after);
    }
    return cells;
  }
}

/** Of the kinds that are kept, all but messages and the device's statuses are the hub's own statuses. */
function isOfTypes({ type, kind }: { type: number; kind: KeptKind }, types: number): boolean {
  return (types & typeBit(type, kind === KeptKind.other)) !== 0;
}
