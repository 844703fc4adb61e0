/**
 * Short-lived values by slot. A `Map` that is emptied again and again leaves garbage behind, as a `Set` does
 * (`linked-list.ts`).
 */
export class BySlot<Value> {
  /** As long as the highest slot so far; slots are given out from the lowest on. */
  readonly #values: (Value | undefined)[] = [];

  get(slot: number): Value | undefined {
    return this.#values[slot];
  }

  set(slot: number, value: Value): void {
    // Stryker disable next-line ConditionalExpression,EqualityOperator: holes read as undefined, and are only slower
    while (this.#values.length < slot) this.#values.push(undefined); // without holes
    this.#values[slot] = value;
  }

  delete(slot: number): void {
    // Stryker disable next-line ConditionalExpression,EqualityOperator: beyond the end there is nothing, as before
    if (slot < this.#values.length) this.#values[slot] = undefined;
  }
}
