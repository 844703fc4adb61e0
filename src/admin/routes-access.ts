/** Access rules by pattern: look at them, replace them, try others out. */

import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { pending } from './operate.ts';
import { accessRules, answers, dryRunQuery, noQuery, rulesApplied } from './schemas.ts';

export function accessRoutes(app: AdminApp, { rules: keeper }: AdminDeps): void {
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
        response: answers(rulesApplied, 'unavailable', 'unsupported_media_type'),
      },
    },
    async ({ query: { dryRun }, body: { rules } }) => {
      const { removed, pendingNodes } = await keeper.set(rules, dryRun).catch((failure: Error) => {
        throw new AdminError('unavailable', failure.message);
      });
      return dryRun
        ? { rules, removed, dryRun: true as const }
        : { rules, removed, ...pending(pendingNodes) };
    },
  );
}
