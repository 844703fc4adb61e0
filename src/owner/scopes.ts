/** What each subscriber's token lets it follow. Owner thread only; kept as long as the subscriber's row. */
import { type Actor, authorize } from '../access/actor.ts';

export class TokenScopes {
  /** By subscriber slot; only those that may not follow everything. */
  readonly #restricted = new Map<number, Actor>();

  set(slot: number, actor: Actor): void {
    if (actor.devices === undefined) this.#restricted.delete(slot);
    else this.#restricted.set(slot, actor);
  }

  delete(slot: number): void {
    this.#restricted.delete(slot);
  }

  /** Whether the token that the subscriber came with last covers every device. */
  coversAll(slot: number): boolean {
    return !this.#restricted.has(slot);
  }

  /** Whether the token covers any id that starts with the prefix. */
  coversSomeOf(slot: number, prefix: string): boolean {
    const actor = this.#restricted.get(slot);
    return actor === undefined || authorize(actor, { kind: 'followMatching', prefix }) === 'allowed';
  }

  covers(slot: number, device: string): boolean {
    const actor = this.#restricted.get(slot);
    return actor === undefined || authorize(actor, { kind: 'follow', device }) === 'allowed';
  }
}
