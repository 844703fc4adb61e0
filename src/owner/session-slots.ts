/** Which row each session of one role is connected to. Owner thread only; it can be rebuilt from the rows. */
import { edgeOf } from '../records/sessions.ts';

export class SessionSlots {
  readonly #slots = new Map<number, number>();
  /** Sessions of rows that were taken over and that their edge has not confirmed yet. */
  readonly #unconfirmed = new Set<number>();

  /** @returns the row's slot; undefined for a session that was replaced, refused or ended */
  get(session: number): number | undefined {
    return this.#slots.get(session);
  }

  set(session: number, slot: number): void {
    this.#slots.set(session, slot);
  }

  delete(session: number): void {
    this.#slots.delete(session);
    this.#unconfirmed.delete(session);
  }

  /** A session that a row of another owner names. */
  adopt(session: number, slot: number): void {
    this.#slots.set(session, slot);
    this.#unconfirmed.add(session);
  }

  /** Its edge still holds it. @returns whether it was waited for */
  confirm(session: number): boolean {
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
