/**
 * Some of a device's kept events, found at one moment and handed out one by one, however long that takes. Events that
 * leave the log before their turn are reported as a gap. Any thread; belongs to the reader that made it.
 */
import type { RecordViews } from '../memory/ring.ts';
import type { KeptRecords } from './records.ts';

/** What `Replay.next` found. */
export const Step = { End: 0, Event: 1, Gap: 2 } as const;
export type Step = (typeof Step)[keyof typeof Step];

/** The columns that name a device's newest message and status: they lead to records that were carried forward. */
export interface Names {
  readonly messageAt: Float64Array;
  readonly statusAt: Float64Array;
}

/** What a walk found. */
export interface Found {
  /** By event, newest first, three cells: its position, its seq, and the seq from which on nothing is missing before it. */
  readonly events: number[];
  /** The seq from which nothing is missing up to the last one asked for. */
  readonly endAfter: number;
  /**
   * The seq up to which the receiver has everything. Undefined if it has nothing: then only events that were found and
   * are lost later make a gap.
   */
  readonly since: number | undefined;
}

/** What is left of a replay whose events were dropped, to be found again: see `HistoryReader.again`. */
export interface Rest {
  /** Events that were found and not handed out. */
  readonly left: number;
  /** Seq of the oldest of them. */
  readonly oldest: number;
  /** See `Found`. */
  readonly since: number | undefined;
}

/** Cells of `Found.events` per event. */
export const FOUND_CELLS = 3;

export class Replay {
  /** Whether everything after the requested seq was there when the replay was made. */
  readonly recovered: boolean;
  /** Of the event that `next` found. */
  seq = 0;
  /**
   * The seq from which nothing is missing before that event: the numbers between belong to events that are never kept.
   */
  wholeAfter = 0;
  /** First and last seq of the gap that `next` found. */
  from = 0;
  to = 0;
  readonly #records: KeptRecords;
  readonly #names: Names;
  readonly #slot: number;
  readonly #generation: number;
  readonly #found: Found;
  /** Where the next event's cells are; below 0: there is none. */
  #next: number;
  /** Events, pongs and gaps up to here are dealt with. */
  #covered: number;
  /** Seq of the last event that was lost and is not reported yet. */
  #lost = 0;

  constructor(
    records: KeptRecords,
    names: Names,
    device: { readonly slot: number; readonly generation: number },
    found: Found,
    recovered: boolean,
  ) {
    this.#records = records;
    this.#names = names;
    this.#slot = device.slot;
    this.#generation = device.generation;
    this.#found = found;
    this.recovered = recovered;
    this.#covered = found.since ?? 0;
    this.#next = found.events.length - FOUND_CELLS;
  }

  /** Events that were found. */
  get count(): number {
    return this.#found.events.length / FOUND_CELLS;
  }

  /** Of these, those that were not handed out. */
  get left(): number {
    return this.#next / FOUND_CELLS + 1;
  }

  /** What is left, if its events are dropped now. Not while `next` runs. */
  get rest(): Rest {
    const { left } = this;
    const { events, since } = this.#found;
    return {
      left,
      oldest: left > 0 ? events[this.#next + 1]! : 0,
      since: since === undefined ? undefined : this.#covered,
    };
  }

  /** The event record that `next` found last, at offset 0. Use it before you use the reader again. */
  get views(): RecordViews {
    return this.#records.copied;
  }

  /** Advances by one. After an event, `views` and `seq` hold it; after a gap, `from` and `to` do. */
  next(): Step {
    const { events, endAfter, since } = this.#found;
    while (this.#next >= 0) {
      const index = this.#next;
      const seq = events[index + 1]!;
      const after = since === undefined ? 0 : events[index + 2]!;
      // Before a gap is told: whether this event belongs to it.
      if (this.#isMissing(after) && this.#isThere(index)) return this.#gap(after);
      if (!this.#isMissing(after) && this.#records.copy(events[index]!)) {
        this.#next -= FOUND_CELLS;
        this.#covered = Math.max(this.#covered, seq);
        this.seq = seq;
        this.wholeAfter = events[index + 2]!;
        return Step.Event;
      }
      if (this.#isThere(index)) continue; // carried forward a moment ago
      this.#lose(seq);
      this.#next -= FOUND_CELLS;
    }
    return this.#isMissing(endAfter) ? this.#gap(endAfter) : Step.End;
  }

  /** Whether the event is still in the log; one that was carried forward is looked up anew. */
  #isThere(index: number): boolean {
    const { events } = this.#found;
    if (!this.#records.isGone(events[index]!)) return true;
    for (const names of [this.#names.messageAt, this.#names.statusAt]) {
      const position = names[this.#slot]!;
      if (!this.#records.look(position, this.#slot, this.#generation)) continue;
      if (this.#records.head.seq !== events[index + 1]) continue;
      events[index] = position;
      return true;
    }
    return false;
  }

  #lose(seq: number): void {
    const isFirst = this.#lost <= this.#covered;
    if (this.#found.since === undefined && isFirst) this.#covered = Math.max(this.#covered, seq - 1);
    this.#lost = Math.max(this.#lost, seq);
  }

  /** @param after seq from which nothing is missing */
  #isMissing(after: number): boolean {
    return after > this.#covered || this.#lost > this.#covered;
  }

  #gap(after: number): Step {
    this.from = this.#covered + 1;
    this.to = Math.max(after, this.#lost);
    this.#covered = this.to;
    return Step.Gap;
  }
}
