/** Access rules by pattern: look at them, replace them, try others out. */

import type { AccessRule } from '../access/rules.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { isNodeCall, onOtherNodes } from './node-calls.ts';
import { pending } from './operate.ts';
import { accessRules, answers, answersToChange, dryRunQuery, noQuery, rulesApplied } from './schemas.ts';

/** `/v1/access`: the access rules. */
export function accessRoutes(app: AdminApp, deps: AdminDeps): void {
  const { rules: keeper } = deps;
  app.get(
    '/v1/access/rules',
    {
      schema: {
        querystring: noQuery,
        summary: 'The access rules in force, in order',
        response: answers(accessRules),
      },
    },
    async () => ({ rules: [...keeper.list] }),
  );

  app.put(
    '/v1/access/rules',
    {
      schema: {
        querystring: dryRunQuery,
        body: accessRules,
        summary: 'Replace the access rules, and remove live subscriptions that they deny',
        response: answersToChange(rulesApplied),
      },
    },
    async (request) => {
      const { dryRun } = request.query;
      const { rules } = request.body;
      // Each node removes its own; the others say before how many that will be.
      const elsewhere = isNodeCall(request) ? 0 : await removedElsewhere(deps, rules);
      const { removed: here, pendingNodes } = await keeper.set(rules, dryRun).catch((failure: Error) => {
        throw new AdminError('unavailable', failure.message);
      });
      const removed = here + elsewhere;
      return dryRun
        ? { rules, removed, dryRun: true as const }
        : { rules, removed, ...pending(pendingNodes) };
    },
  );
}

/** @returns how many subscriptions these rules would remove on other nodes, those that answer */
async function removedElsewhere(deps: AdminDeps, rules: readonly AccessRule[]): Promise<number> {
  if (deps.cluster === undefined) return 0;
  const body = JSON.stringify({ rules });
  const answers = await onOtherNodes(deps, { method: 'PUT', url: '/v1/access/rules?dryRun=true', body });
  return answers.reduce<number>((sum, answer) => sum + (answer as { readonly removed: number }).removed, 0);
}
