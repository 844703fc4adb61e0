/** What operators did lately, and what the hub refused. */
import { z } from 'zod';
import { ACTIVITY_ENTRIES_MAX } from '../supervise/activity.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { answers, fields, limitUpTo } from './schemas.ts';

const at = z.number().describe('Milliseconds since 1970');
const status = z.number().int().describe('HTTP status');
const role = z.string().optional().describe('What the peer connected as; absent: it had not said yet');
const reason = z.string().describe('As in dat_upgrades_refused_total');
const thread = z.string();

const activityEntry = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('action'),
    at,
    who: z.string().describe("The token's subject, `admin token`, or `anyone` where no token is needed"),
    from: z.string().describe('Address'),
    action: z.string().describe('Method and path'),
    what: z.record(z.string(), z.unknown()).describe('Parameters and changes; no payload, no secret'),
    status,
    tookMs: z.number(),
  }),
  z.object({
    kind: z.literal('refusedRequest'),
    at,
    from: z.string(),
    action: z.string(),
    status,
    message: z.string(),
  }),
  z.object({
    kind: z.literal('refused').describe('A connection'),
    at,
    thread,
    role,
    reason,
    status,
    message: z.string(),
    address: z.string(),
    id: z.string().optional().describe('The id that it asked for'),
  }),
  z.object({
    kind: z.literal('suppressed').describe('Connections refused beyond those that are named one by one'),
    at,
    thread,
    role,
    reason,
    count: z.number().int(),
  }),
]);

/** `/v1/activity`: what operators and the hub have done lately. */
export function activityRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/v1/activity',
    {
      schema: {
        querystring: fields({ limit: limitUpTo(ACTIVITY_ENTRIES_MAX) }),
        summary: 'What operators did and what the hub refused, newest first; the newest are kept in memory',
        response: answers(z.object({ entries: z.array(activityEntry) })),
      },
    },
    async ({ query }) => ({ entries: deps.activity.list(query.limit).map((entry) => ({ ...entry })) }),
  );
}
