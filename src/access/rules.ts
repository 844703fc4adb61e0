/**
 * Access rules by pattern, in order: who may subscribe to what where no operator set the pair itself. Pure; the owner
 * decides by them, main keeps the list that is in force.
 */
import { matcherOf } from './pattern.ts';

export type Access = 'allow' | 'deny';

/** One rule, as operators write it; both patterns are such that `isPattern` accepts them. */
export interface AccessRule {
  readonly device: string;
  readonly subscriber: string;
  readonly access: Access;
}

interface CompiledRule {
  readonly ofDevice: (id: string) => boolean;
  readonly ofSubscriber: (id: string) => boolean;
  readonly access: Access;
}

/** An ordered list of rules; never changes. */
export class AccessRules {
  readonly #rules: readonly CompiledRule[];

  constructor(list: readonly AccessRule[]) {
    this.#rules = list.map(({ device, subscriber, access }) => ({
      ofDevice: matcherOf(device),
      ofSubscriber: matcherOf(subscriber),
      access,
    }));
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /** @returns what the first rule that matches both says; undefined when none does */
  decide(device: string, subscriber: string): Access | undefined {
    for (const { ofDevice, ofSubscriber, access } of this.#rules) {
      if (ofSubscriber(subscriber) && ofDevice(device)) return access;
    }
    return undefined;
  }
}
