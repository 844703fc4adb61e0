/**
 * The reading side of history, on any thread: finds a device's kept events through its row and follows them back. A
 * replay costs the owner nothing.
 *
 * The log keeps a device's newest `eventsMax` events that are at most `ttlMs` old, as far as it reaches back, and the
 * newest message and newest status whatever their age. Pongs are not kept; those that took a number are skipped.
 */
import type { Clock } from '../clock.ts';
import type { DeviceSlab } from '../presence/memory.ts';
import { ALL_TYPES, typeBit } from '../wire/events.ts';
import { KeptKind } from './kept-event.ts';
import type { HistoryMemory } from './memory.ts';
import { KeptRecords } from './records.ts';
import { FOUND_CELLS, Replay, type Rest } from './replay.ts';

export interface KeptLimits {
  /** Events that count as kept, per device. */
  readonly eventsMax: number;
  /** Age up to which events count as kept, ms. */
  readonly ttlMs: number;
}

/** A device at the moment of an answer. */
export interface DeviceAsOf {
  readonly slot: number;
  /** Generation of the slot: one that was freed since has none of the device's events. */
  readonly generation: number;
  /** The device's last seq at that moment; events after it are not for this replay. */
  readonly seq: number;
}

/** How often a cell is read again because the owner changed it: each change is an append of the same device. */
const READ_TRIES_MAX = 1000;

/** What is looked for. */
export interface Wanted {
  /** Only events after this seq. */
  readonly after: number;
  readonly countMax: number;
  /** Bits of types. */
  readonly types: number;
}

/** What a walk back found of a device: one later walk for the same goes on from there, and takes it over. */
export interface Walked {
  readonly device: Omit<DeviceAsOf, 'seq'>;
  readonly wanted: Wanted;
  /** Where the walk began: position and seq of the device's newest record then. */
  readonly newestAt: number;
  readonly newest: number;
  /** Records that were looked at, and the seq of the last. */
  readonly looked: number;
  readonly reached: number;
  // See `Found`.
  readonly events: number[];
  readonly endAfter: number;
}

export class HistoryReader {
  readonly #records: KeptRecords;
  readonly #rows: DeviceSlab['rows'];
  readonly #limits: KeptLimits;
  readonly #clock: Clock;
  // What the walk under way has found: see `Found`.
  #events: number[] = [];
  #endAfter = 0;
  /** Records that the walk has looked at, and the seq of the last. */
  #looked = 0;
  #reached = 0;
  /** Seq of the device's newest record. */
  #newest = 0;

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

  /** Like `last`, but without kinds that have an event after the device's seq. */
  lastUnlessNewer(device: DeviceAsOf, types: number): Replay {
    return this.#newestOfEach(device, types, 1);
  }

  #newestOfEach(device: DeviceAsOf, types: number, looksMax: number): Replay {
    this.#start();
    const { messageAt, statusAt } = this.#rows;
    this.#findNewest(device, messageAt, KeptKind.message, types, looksMax);
    this.#findNewest(device, statusAt, KeptKind.deviceStatus, types, looksMax);
    const { length } = this.#events;
    const [, first = 0, , , second = 0] = this.#events;
    if (second > first) this.#events.push(...this.#events.splice(0, length / 2));
    return this.#replayFound(device);
  }

  /** The newest `count` events, oldest first. @param walked what a walk for the same has found before */
  newest(device: DeviceAsOf, count: number, types = ALL_TYPES, walked?: Walked): Replay {
    this.#walk(device, { after: 0, countMax: count, types }, walked);
    return this.#replayFound(device);
  }

  /**
   * All events after a seq, oldest first, with gaps for those that are no longer kept. If the seq is above the device's
   * own, nobody knows which numbering it belongs to: then everything that is kept, and not recovered.
   * @param walked what a walk for the same has found before
   */
  since(device: DeviceAsOf, seq: number, types = ALL_TYPES, walked?: Walked): Replay {
    if (seq > device.seq) {
      this.#walk(device, { after: 0, countMax: Number.POSITIVE_INFINITY, types }, walked);
      return this.#replayFound(device, false);
    }
    this.#walk(device, { after: seq, countMax: Number.POSITIVE_INFINITY, types }, walked);
    return this.#replaySince(device, seq);
  }

  /**
   * What is left of a replay, found again. Not of `last`, which has few events. What has left the log since, or counts as
   * kept no longer, is reported as a gap.
   * @param device as it was for the replay
   */
  again(device: DeviceAsOf, { left, oldest, since }: Rest, types: number): Replay {
    if (since !== undefined) return this.since(device, since, types);
    const after = oldest - 1;
    this.#walk(device, { after, countMax: left, types });
    return this.#count < left ? this.#replaySince(device, after) : this.#replayFound(device);
  }

  /** Walks ahead of a replay, so that little is left to walk. @returns undefined: the device has no event in the log */
  walk(device: Omit<DeviceAsOf, 'seq'>, wanted: Wanted): Walked | undefined {
    const newestAt = this.#walkBack({ ...device, seq: Number.POSITIVE_INFINITY }, wanted);
    if (newestAt === undefined) return undefined;
    return {
      ...{ device, wanted, newestAt, newest: this.#newest, looked: this.#looked, reached: this.#reached },
      ...{ events: this.#events, endAfter: this.#endAfter },
    };
  }

  /** The newest `count` events before a seq, oldest first: a page when reading backwards. */
  before(device: DeviceAsOf, seq: number, count: number, types = ALL_TYPES): Replay {
    return this.newest({ ...device, seq: Math.min(device.seq, seq - 1) }, count, types);
  }

  // A walk

  #start(): void {
    this.#events = [];
    this.#looked = 0;
    this.#reached = Number.POSITIVE_INFINITY;
  }

  #walk(device: DeviceAsOf, wanted: Wanted, walked?: Walked): void {
    this.#walkBack(device, wanted, walked);
    this.#addApart(device, wanted);
  }

  /** @returns the position of the device's newest record; undefined: it has none in the log */
  #walkBack(device: DeviceAsOf, wanted: Wanted, walked?: Walked): number | undefined {
    this.#start();
    const { slot, generation, seq: seqMax } = device;
    const { head } = this.#records;
    const receivedMin = this.#clock.now() - this.#limits.ttlMs;
    const before = walked !== undefined && isFor(walked, device, wanted) ? walked : undefined;
    let isThere = this.#lookAtNewest(device);
    const newestAt = isThere ? head.position : undefined;
    this.#newest = head.seq;
    while (isThere && this.#looked < this.#limits.eventsMax) {
      if (this.#count >= wanted.countMax) break;
      if (head.position === before?.newestAt && this.#takeOver(before)) break;
      if (head.seq <= wanted.after || head.received < receivedMin) break;
      this.#looked += 1;
      this.#reached = head.seq;
      if (head.seq <= seqMax && isOfTypes(head, wanted.types)) this.#add();
      else this.#passOver(Math.min(head.after, seqMax));
      if (head.after <= wanted.after) break;
      isThere = this.#records.look(head.previous, slot, generation);
    }
    return newestAt;
  }

  /**
   * The walk has come to where that one began: what that found is what this would find.
   * @returns false: it would find less, as events have come since and no more count as kept
   */
  #takeOver({ wanted, newest, looked, reached, events, endAfter }: Walked): boolean {
    const count = foundCount(events);
    const room = this.#limits.eventsMax - this.#looked;
    if (looked > room && looked !== count) return false; // which of them would be passed over is not known
    if (looked > 0 && endAfter !== newest) this.#passOver(endAfter); // the newest were of other types
    const taken = Math.min(this.#thereOf(events), room, wanted.countMax - this.#count);
    const cells = taken === count ? events : events.slice(0, taken * FOUND_CELLS);
    if (this.#events.length === 0) this.#events = cells;
    else for (let cell = 0; cell < cells.length; cell++) this.#events.push(cells[cell]!);
    this.#looked += looked;
    if (taken < count) this.#reached = cells.at(-2) ?? this.#reached;
    else if (looked > 0) this.#reached = reached;
    return true;
  }

  /** Events without the oldest, as far as these have left the log since they were found. */
  #thereOf(events: readonly number[]): number {
    let count = foundCount(events);
    while (count > 0 && this.#records.isGone(events[(count - 1) * FOUND_CELLS]!)) count -= 1;
    return count;
  }

  /** Events that were found. */
  get #count(): number {
    return foundCount(this.#events);
  }

  /**
   * Looks at the device's newest record, and notes the seq of its last kept event: beyond it there were only pongs.
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
      if (!isGone || keptAt[slot] !== position) continue; // it was carried forward, or a newer one came
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
      if (this.#count >= wanted.countMax) return;
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
      // A newer one has come since, so look for the one before it.
      if (!this.#records.look(head.previous, slot, generation)) return;
    }
  }

  /** The current record is one of those that were looked for. */
  #add(): void {
    const { position, seq, after } = this.#records.head;
    this.#events.push(position, seq, after);
  }

  /** The current record was not looked for, so it does not count as missing. */
  #passOver(after: number): void {
    if (this.#events.length === 0) this.#endAfter = after;
    else this.#events[this.#events.length - 1] = after;
  }

  get #oldestAfter(): number {
    return this.#events.at(-1) ?? this.#endAfter;
  }

  /** Whether nothing is missing after this seq. */
  #isComplete(since: number): boolean {
    let covered = since;
    for (let cell = this.#events.length - FOUND_CELLS; cell >= 0; cell -= FOUND_CELLS) {
      if (this.#events[cell + 2]! > covered) return false;
      covered = this.#events[cell + 1]!;
    }
    return this.#endAfter <= covered;
  }

  // Of what was found

  /** Everything after `since`, with all gaps. */
  #replaySince(device: DeviceAsOf, since: number): Replay {
    const found = { events: this.#events, endAfter: this.#endAfter, since };
    return new Replay(this.#records, this.#rows, device, found, this.#isComplete(since));
  }

  /** Only what was found: gaps are reported only for events that are lost from now on. */
  #replayFound(device: DeviceAsOf, recovered = true): Replay {
    const found = { events: this.#events, endAfter: 0, since: undefined };
    return new Replay(this.#records, this.#rows, device, found, recovered);
  }
}

/** Apart from messages and the device's statuses, only the hub's own statuses are kept. */
function isOfTypes({ type, kind }: { type: number; kind: KeptKind }, types: number): boolean {
  return (types & typeBit(type, kind === KeptKind.other)) !== 0;
}

/** @param events see `Found` @returns how many there are */
export function foundCount(events: readonly number[]): number {
  return events.length / FOUND_CELLS;
}

/** Whether a walk for this device and this goes on from that one. */
function isFor({ device, newest, ...walked }: Walked, asOf: DeviceAsOf, wanted: Wanted): boolean {
  if (device.slot !== asOf.slot || device.generation !== asOf.generation || newest > asOf.seq) return false;
  const { after, countMax, types } = walked.wanted;
  return after === wanted.after && countMax === wanted.countMax && types === wanted.types;
}
