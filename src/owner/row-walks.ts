/**
 * Walks over a subscriber's rows that pause between slices, while rows are added and removed. A row that is added
 * meanwhile is at the head of the list and is not visited; a removed one is skipped. Owner thread only.
 */
import { NONE } from '../presence/columns.ts';
import type { Registry } from './registry.ts';

export class RowWalk {
  /** The row to be visited next, NONE at the end. */
  next: number;

  constructor(first: number) {
    this.next = first;
  }
}

export class RowWalks {
  readonly #registry: Registry;
  /** Paused walks by the row that they visit next. */
  readonly #paused = new Map<number, Set<RowWalk>>();

  constructor(registry: Registry) {
    this.#registry = registry;
    registry.rowRemoved = (row) => this.#stepOver(row);
  }

  start(subscriber: number): RowWalk {
    return new RowWalk(this.#registry.subscribers.rows.firstRow[subscriber]!);
  }

  /**
   * Visits the next rows of a walk; `visit` must neither create nor remove rows.
   * @param visit returns false to stop before the row it was given
   * @param rowsMax at most so many
   * @returns the rows visited
   */
  advance(walk: RowWalk, rowsMax: number, visit: (row: number) => boolean): number {
    this.#forget(walk);
    const { nextOfSubscriber } = this.#registry.subscriptions.rows;
    let done = 0;
    while (walk.next !== NONE && done < rowsMax && visit(walk.next)) {
      walk.next = nextOfSubscriber[walk.next]!;
      done += 1;
    }
    this.#remember(walk);
    return done;
  }

  /** Ends the walk early. */
  cancel(walk: RowWalk): void {
    this.#forget(walk);
    walk.next = NONE;
  }

  #stepOver(row: number): void {
    // Stryker disable next-line ConditionalExpression: a short cut
    if (this.#paused.size === 0) return;
    const walks = this.#paused.get(row);
    if (walks === undefined) return;
    this.#paused.delete(row);
    const next = this.#registry.subscriptions.rows.nextOfSubscriber[row]!;
    for (const walk of walks) {
      walk.next = next;
      this.#remember(walk);
    }
  }

  #remember(walk: RowWalk): void {
    // Stryker disable next-line ConditionalExpression: what is over would only take up memory
    if (walk.next === NONE) return;
    const walks = this.#paused.get(walk.next);
    if (walks === undefined) this.#paused.set(walk.next, new Set([walk]));
    else walks.add(walk);
  }

  #forget(walk: RowWalk): void {
    const walks = this.#paused.get(walk.next);
    if (walks?.delete(walk) && walks.size === 0) this.#paused.delete(walk.next);
  }
}
