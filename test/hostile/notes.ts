/** What happened to an attacker, counted by kind. */

/** Kind, such as `closed with 4101`, and how often. */
export type NoteCounts = Readonly<Record<string, number>>;

/** What the hub must never grant is noted under this kind. */
export const GRANTED = 'granted what is not allowed';

export class Notes {
  readonly #counts = new Map<string, number>();

  add(kind: string, count = 1): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
  }

  get(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  get counts(): NoteCounts {
    return Object.fromEntries([...this.#counts].sort(([, one], [, other]) => other - one));
  }
}
