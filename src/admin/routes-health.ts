/** Health: open to everyone, so that orchestrators need no token. */

import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { errorBody } from './errors.ts';
import { healthy, noQuery, unhealthy } from './schemas.ts';

/** `/livez` and `/readyz`, which need no token. */
export function healthRoutes(app: AdminApp, deps: AdminDeps): void {
  const schema = { querystring: noQuery, security: [], response: { 200: healthy, 503: unhealthy } };
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
