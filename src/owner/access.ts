/**
 * Who may subscribe to what where no operator set the pair itself: the first rule that matches, else the default
 * access. Owner thread only.
 */
import { type Access, type AccessRule, AccessRules } from '../access/rules.ts';

export class AccessControl {
  /** In force for every subscribe from the moment they are set. */
  rules: AccessRules;
  readonly default: Access;

  constructor(defaultAccess: Access, rules: readonly AccessRule[]) {
    this.default = defaultAccess;
    this.rules = new AccessRules(rules);
  }

  /** Whether the default access holds for every pair: there is no rule. */
  get isUniform(): boolean {
    return this.rules.isEmpty;
  }

  /** @param rules those in force, or others to be tried out */
  decide(device: string, subscriber: string, rules: AccessRules = this.rules): Access {
    return rules.decide(device, subscriber) ?? this.default;
  }
}
