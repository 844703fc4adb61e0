/**
 * Events that the owner has read and cannot number yet: they wait in its own memory for an older connection to end, for
 * a claim, or for the end of a takeover. If the owner dies, they are lost. A gauge in shared memory says how many, so
 * that the next owner can count them. Owner thread only.
 */
import { Counter, type Counters } from '../memory/counters.ts';
import type { RecordViews } from '../memory/ring.ts';
import { copyOfEvent } from '../records/event.ts';

export class HeldEvents {
  readonly #counters: Counters;
  #count = 0;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** Counts as lost what the owner before this one held. */
  inherit(): void {
    const { cells } = this.#counters;
    this.#counters.add(Counter.droppedOwnerRestart, cells[Counter.heldEvents]);
    cells[Counter.heldEvents] = 0;
  }

  /** @returns a copy of the event, which is held from now on */
  copy(views: RecordViews, offset: number): RecordViews {
    this.#count += 1;
    return copyOfEvent(views, offset);
  }

  /** Events are held that another node has handed over. */
  add(count: number): void {
    this.#count += count;
  }

  /** Gives events to where they go, each held until it is there. */
  passOn(events: readonly RecordViews[], take: (event: RecordViews) => void): void {
    for (const event of events) {
      take(event);
      this.remove(1);
    }
  }

  /** Their device or its connection is gone. */
  drop({ length }: readonly RecordViews[]): void {
    this.#counters.add(Counter.droppedReplaced, length);
    this.remove(length);
  }

  /** Events are somewhere else now. */
  remove(count: number): void {
    const { cells } = this.#counters;
    this.#count -= count;
    // What the rings still have is not in the gauge, and comes last.
    cells[Counter.heldEvents] = Math.max(0, cells[Counter.heldEvents]! - count);
  }

  /** The rings have been given back what was read: only this owner still has the events that it holds. */
  released(): void {
    this.#counters.cells[Counter.heldEvents] = this.#count;
  }
}
