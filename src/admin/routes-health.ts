/** Health: open to everyone, so that orchestrators need no token. */

import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { errorBody } from './errors.ts';
import { errorAnswer, healthy, unhealthy } from './schemas.ts';

/** `/livez` and `/readyz`, which need no token. */
export function healthRoutes(app: AdminApp, deps: AdminDeps): void {
  // Any query is let pass: a probe that adds one asks how the hub is, and nothing else.
  const response = { 200: healthy, 403: errorAnswer, 500: errorAnswer, 503: unhealthy };
  const schema = { security: [], response };
  app.get(
    '/livez',
    { schema: { ...schema, summary: 'Liveness: whether the hub works' } },
    async (_request, reply) => {
      const reason = deps.notAlive();
      if (reason === undefined) return { status: 'ok' as const };
      return reply.code(503).send({ status: 'dead' as const, reason, ...errorBody('unavailable', reason) });
    },
  );
  app.get(
    '/readyz',
    { schema: { ...schema, summary: 'Readiness: whether the hub admits new peers' } },
    async (_request, reply) => {
      const reason = deps.notReady();
      const { cluster } = deps;
      if (reason === undefined) return { status: 'ok' as const, ...(cluster && { cluster: cluster.state }) };
      return reply
        .code(503)
        .send({ status: 'unready' as const, reason, ...errorBody('unavailable', reason) });
    },
  );
}
