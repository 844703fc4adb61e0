/** Breaks threads on purpose, to show that the hub survives it. There only with `DAT_FAULT_INJECTION`. */
import { z } from 'zod';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { answers } from './schemas.ts';
import type { AdminApp } from './server.ts';

const fault = z.discriminatedUnion('thread', [
  z.strictObject({ thread: z.literal('owner'), how: z.enum(['throw', 'terminate']) }),
  z.strictObject({ thread: z.literal('fanout'), worker: z.int().min(0) }),
]);
export type Fault = z.infer<typeof fault>;

export function faultRoutes(app: AdminApp, { fault: inject, fanoutWorkers }: AdminDeps): void {
  if (inject === undefined) return;
  app.post(
    '/v1/faults',
    {
      schema: {
        body: fault,
        summary: 'Break a thread: for tests',
        response: answers(z.object({ ok: z.literal(true) }), 'not_found', 'unsupported_media_type'),
      },
    },
    async ({ body }) => {
      if (body.thread === 'fanout' && body.worker >= fanoutWorkers)
        throw new AdminError('not_found', `no fan-out worker ${body.worker}, there are ${fanoutWorkers}`);
      inject(body);
      return { ok: true as const };
    },
  );
}
