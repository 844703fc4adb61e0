/**
 * Maps each session of one role to its row, and knows which of two sessions came first. Owner thread only; can be
 * rebuilt from the rows.
 */
import { edgeOf } from '../records/sessions.ts';

export class SessionSlots {
  readonly #slots = new Map<number, number>();
  /** By slot: the ticket of its session, 0 if another owner admitted it and its edge has not named it. */
  readonly #tickets: Float64Array;
  /** Sessions of rows that were taken over, until their edge confirms them. */
  readonly #unconfirmed = new Set<number>();

  /** @param capacity rows of the role */
  constructor(capacity: number) {
    this.#tickets = new Float64Array(capacity);
  }

  /** @returns the row's slot; undefined for a session that was replaced, refused or ended */
  get(session: number): number | undefined {
    return this.#slots.get(session);
  }

  /** @param ticket of the session's join */
  set(session: number, slot: number, ticket: number): void {
    this.#slots.set(session, slot);
    this.#tickets[slot] = ticket;
  }

  /** Whether the row has a session with a higher ticket than this one. Rings are not read in the order of tickets. */
  hasNewer(slot: number, ticket: number): boolean {
    return ticket < this.#tickets[slot]!;
  }

  delete(session: number): void {
    const slot = this.#slots.get(session);
    if (slot !== undefined) this.#tickets[slot] = 0;
    this.#slots.delete(session);
    this.#unconfirmed.delete(session);
  }

  /** Takes over a session that a row of another owner names. */
  adopt(session: number, slot: number): void {
    this.set(session, slot, 0);
    this.#unconfirmed.add(session);
  }

  /** Its edge has named it, and it may still have to be confirmed. @param ticket of its join */
  named(session: number, ticket: number): void {
    const slot = this.#slots.get(session);
    if (slot !== undefined) this.#tickets[slot] = ticket;
  }

  /** Its edge still holds it. @param ticket of its join @returns whether the confirmation was awaited */
  confirm(session: number, ticket: number): boolean {
    this.named(session, ticket);
    return this.#unconfirmed.delete(session);
  }

  /** Those of the edge that it has not confirmed. */
  unconfirmedOf(edge: number): number[] {
    return [...this.#unconfirmed].filter((session) => edgeOf(session) === edge);
  }

  /** All of the edge. */
  ofEdge(edge: number): number[] {
    return [...this.#slots.keys()].filter((session) => edgeOf(session) === edge);
  }
}
