/**
 * Access rules by pattern, in order: who may subscribe to what where no operator set the pair itself. Pure; the owner
 * decides by them, main keeps the list that is in force.
 */
import { PatternIndex } from './pattern-index.ts';

export type Access = 'allow' | 'deny';

/** One rule, as operators write it; both patterns are such that `isPattern` accepts them. */
export interface AccessRule {
  readonly device: string;
  readonly subscriber: string;
  readonly access: Access;
}

/** An ordered list of rules, compiled; never changes. */
export class AccessRules {
  readonly #access: readonly Access[];
  readonly #devices: PatternIndex;
  readonly #subscribers: PatternIndex;
  /** A subscriber asks for many devices: it is looked up once. */
  #subscriber: string | undefined;
  #subscriberSet = 0;

  constructor(list: readonly AccessRule[]) {
    this.#access = list.map(({ access }) => access);
    this.#devices = new PatternIndex(list.map(({ device }) => device));
    this.#subscribers = new PatternIndex(list.map(({ subscriber }) => subscriber));
  }

  get isEmpty(): boolean {
    return this.#access.length === 0;
  }

  /** @returns what the first rule that matches both says; undefined when none does */
  decide(device: string, subscriber: string): Access | undefined {
    // Stryker disable next-line ConditionalExpression: looked up again it is the same
    if (subscriber !== this.#subscriber) {
      this.#subscriber = subscriber;
      this.#subscriberSet = this.#subscribers.find(subscriber);
    }
    const { sets, words } = this.#devices;
    const ofDevice = this.#devices.find(device);
    // Stryker disable next-line EqualityOperator: behind the last word there are no rules, so `undefined` comes of it
    for (let word = 0; word < words; word++) {
      const both = sets[ofDevice + word]! & this.#subscribers.sets[this.#subscriberSet + word]!;
      if (both !== 0) return this.#access[word * 32 + lowestBit(both)];
    }
    return undefined;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
