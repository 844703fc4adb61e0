/** The access rules of the hub. */
import { ask } from './api.ts';

export interface AccessRule {
  readonly device: string;
  readonly subscriber: string;
  readonly access: 'allow' | 'deny';
}

export interface RulesApplied {
  readonly rules: readonly AccessRule[];
  /** Live subscriptions that were, or would be, removed. */
  readonly removed: number;
}

const PATH = '/v1/access/rules';

export async function readRules(): Promise<readonly AccessRule[]> {
  return (await ask<{ readonly rules: readonly AccessRule[] }>('GET', PATH)).rules;
}

export function dryRunRules(rules: readonly AccessRule[]): Promise<RulesApplied> {
  return ask('PUT', `${PATH}?dryRun=true`, { body: { rules } });
}

export function setRules(rules: readonly AccessRule[]): Promise<RulesApplied> {
  return ask('PUT', PATH, { body: { rules } });
}
