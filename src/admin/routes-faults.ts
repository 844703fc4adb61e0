/** Breaks threads on purpose, to show that the hub survives it. There only with `DAT_FAULT_INJECTION`. */
import { z } from 'zod';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { faultOf } from './faults.ts';
import { answers } from './schemas.ts';

/** `/v1/faults`: kills threads, for tests. Nothing unless `DAT_FAULT_INJECTION` is on. */
export function faultRoutes(
  app: AdminApp,
  { fault: inject, fanoutWorkers, ingestWorkers, tlsThreads, cluster }: AdminDeps,
): void {
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
      if (body.thread === 'cluster' && cluster === undefined)
        throw new AdminError('not_found', 'no thread cluster');
      if (body.thread !== 'owner' && body.thread !== 'cluster') {
        const counts = { fanout: fanoutWorkers, ingest: ingestWorkers, tls: tlsThreads };
        const count = counts[body.thread];
        const name = `${body.thread}-${body.worker}`;
        if (body.worker >= count) throw new AdminError('not_found', `no thread ${name}, there are ${count}`);
      }
      inject(body);
      return { ok: true as const };
    },
  );
}
