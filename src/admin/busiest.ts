/**
 * Finds the devices that broadcast most, by comparing each device's count of events with the previous one. A row costs
 * about a nanosecond; each look reads only a part of a large table.
 */
import type { Clock } from '../clock.ts';
import { BUSIEST_NAMED_MAX } from '../limits.ts';
import { highWater } from '../memory/layout.ts';
import type { PresenceReader } from '../presence/reader.ts';

export interface Busy {
  readonly device: string;
  readonly perSecond: number;
}

interface BusySlot {
  readonly slot: number;
  readonly perSecond: number;
}

interface Part {
  /** Hub clock, ms. */
  atMs: number;
  /** Counts at that time, by row of the part. */
  readonly seqs: Float64Array;
  busy: readonly BusySlot[];
}

const ROWS_PER_LOOK = 262_144;

export class Busiest {
  readonly #presence: PresenceReader;
  readonly #clock: Clock;
  readonly #rowsPerLook: number;
  #parts: Part[] = [];
  #next = 0;

  constructor(presence: PresenceReader, clock: Clock, rowsPerLook = ROWS_PER_LOOK) {
    this.#presence = presence;
    this.#clock = clock;
    this.#rowsPerLook = Math.min(rowsPerLook, presence.devices.capacity);
  }

  /** Forgets what it saw: nobody has looked for a while. */
  reset(): void {
    this.#parts = [];
    this.#next = 0;
  }

  /** @returns the busiest, at most `BUSIEST_NAMED_MAX`, as of the last look at each part of the table */
  look(): Busy[] {
    const rows = highWater(this.#presence.devices);
    const parts = Math.max(1, Math.ceil(rows / this.#rowsPerLook));
    this.#lookAt(this.#next % parts, rows);
    this.#next = (this.#next + 1) % parts;
    return firstOf(this.#parts.flatMap(({ busy }) => busy)).flatMap(({ slot, perSecond }) => {
      const row = this.#presence.device(slot);
      return row === undefined ? [] : [{ device: row.device, perSecond }];
    });
  }

  #lookAt(index: number, rows: number): void {
    const { seq } = this.#presence.devices.rows;
    const from = index * this.#rowsPerLook;
    const to = Math.min(rows, from + this.#rowsPerLook);
    const now = this.#clock.now();
    const known = this.#parts[index];
    if (known === undefined) {
      const seqs = new Float64Array(this.#rowsPerLook);
      seqs.set(seq.subarray(from, to));
      this.#parts[index] = { atMs: now, seqs, busy: [] };
      return;
    }
    const { seqs, atMs } = known;
    const seconds = Math.max(1, now - atMs) / 1000;
    let found: BusySlot[] = [];
    let least = 0;
    for (let slot = from; slot < to; slot++) {
      const count = seq[slot]!;
      const events = count - seqs[slot - from]!; // negative where another device has the slot since
      seqs[slot - from] = count;
      if (events <= least) continue;
      found.push({ slot, perSecond: events / seconds });
      if (found.length < 2 * BUSIEST_NAMED_MAX) continue;
      found = firstOf(found);
      least = found.at(-1)!.perSecond * seconds;
    }
    known.busy = firstOf(found);
    known.atMs = now;
  }
}

function firstOf(busy: readonly BusySlot[]): BusySlot[] {
  return [...busy].sort((one, other) => other.perSecond - one.perSecond).slice(0, BUSIEST_NAMED_MAX);
}
