/** A bounded map that keeps the newest entries and forgets the oldest. */
import { RECENT_MAX } from './limits.ts';

export class Recent<Value> {
  /** The newest last. */
  readonly #values = new Map<string, Value>();
  readonly #max: number;

  constructor(max = RECENT_MAX) {
    this.#max = max;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Value): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > this.#max) this.#values.delete(this.#values.keys().next().value!);
  }

  values(): Iterable<Value> {
    return this.#values.values();
  }

  delete(key: string): void {
    this.#values.delete(key);
  }
}
