/** Breaks threads on purpose, to show that the hub survives it. There only with `DAT_FAULT_INJECTION`. */
import { z } from 'zod';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { faultOf } from './faults.ts';
import { answers } from './schemas.ts';

export function faultRoutes(app: AdminApp, { fault: inject, fanoutWorkers }: AdminDeps): void {
  if (inject === undefined) return;
  app.post(
    '/v1/faults',
    {
      schema: {
        body: faultOf,
        summary: 'Break a thread on purpose, for tests',
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
