/**
 * Decides who may subscribe to what when no operator has set the pair: the first rule that matches, else the default
 * access. Owner thread only.
 */
import { type Access, type AccessRule, AccessRules } from '../access/rules.ts';

export class AccessControl {
  /** In force for every subscribe from the moment they are set. */
  rules: AccessRules;
  readonly default: Access;
  /** Pairs that the operators of a cluster deny and whose rows have no room here, as `device subscriber`. */
  readonly #denied = new Set<string>();

  constructor(defaultAccess: Access, rules: readonly AccessRule[]) {
    this.default = defaultAccess;
    this.rules = new AccessRules(rules);
  }

  /** Whether the default access holds for every pair: there is no rule. */
  get isUniform(): boolean {
    return this.rules.isEmpty && this.#denied.size === 0;
  }

  /** The pair is denied, whatever the rules say. */
  deny(device: string, subscriber: string): void {
    this.#denied.add(`${device} ${subscriber}`);
  }

  /** Undoes `deny`. @returns whether the pair was denied by it */
  lift(device: string, subscriber: string): boolean {
    return this.#denied.delete(`${device} ${subscriber}`);
  }

  /** The pairs that `deny` named. */
  get denied(): (readonly [device: string, subscriber: string])[] {
    return [...this.#denied].map((pair) => pair.split(' ') as [string, string]);
  }

  /** @param rules those in force, or others to be tried out */
  decide(device: string, subscriber: string, rules: AccessRules = this.rules): Access {
    if (this.#denied.size > 0 && this.#denied.has(`${device} ${subscriber}`)) return 'deny';
    return rules.decide(device, subscriber) ?? this.default;
  }
}
