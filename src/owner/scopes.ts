/** Knows what each subscriber's token lets it follow. Owner thread only; kept as long as the subscriber's row. */
import { type Actor, authorize } from '../access/actor.ts';

export class TokenScopes {
  /** By subscriber slot; only those that may not follow everything. */
  readonly #restricted = new Map<number, Actor>();
  /** The same for the tokens under which filters follow what they follow. */
  readonly #filtersWith = new Map<number, Actor>();

  set(slot: number, actor: Actor): void {
    if (actor.devices === undefined) this.#restricted.delete(slot);
    else this.#restricted.set(slot, actor);
  }

  delete(slot: number): void {
    this.#restricted.delete(slot);
    this.#filtersWith.delete(slot);
  }

  /**
   * From now on the subscriber's filters follow what its token covers. @returns the actor of the previous token, if
   * that may have covered less
   */
  useForFilters(slot: number): Actor | undefined {
    const before = this.#filtersWith.get(slot);
    const now = this.#restricted.get(slot);
    if (now === undefined) this.#filtersWith.delete(slot);
    else this.#filtersWith.set(slot, now);
    return isSame(before, now) ? undefined : before;
  }

  /** Whether the subscriber's filters still follow what a token before its latest one covered. */
  isOtherForFilters(slot: number): boolean {
    return !isSame(this.#filtersWith.get(slot), this.#restricted.get(slot));
  }

  /** Whether the subscriber's latest token covers every device. */
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

/** Whether the two cover the same; either may cover everything. */
function isSame(one: Actor | undefined, other: Actor | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.devices!.isSameAs(other.devices!);
}
