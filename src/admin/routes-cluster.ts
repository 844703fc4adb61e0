/** The nodes of the cluster. */
import type { NodeFigures } from '../cluster/commands.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { answers, clusterAnswer, noQuery } from './schemas.ts';

/** `/v1/cluster`: the nodes. */
export function clusterRoutes(app: AdminApp, { cluster }: AdminDeps): void {
  app.get(
    '/v1/cluster',
    {
      schema: {
        querystring: noQuery,
        summary: 'The nodes of the cluster that are alive, as this one sees them',
        response: answers(clusterAnswer, 'not_found', 'unavailable'),
      },
    },
    async () => {
      if (cluster === undefined)
        throw new AdminError('not_found', 'this hub is not part of a cluster; see docs/cluster.md');
      const { alive, lost } = await cluster.ask<'nodes'>({ ask: 'nodes' }).catch((failure: Error) => {
        throw new AdminError('unavailable', failure.message);
      });
      return { node: cluster.node, state: cluster.state, nodes: alive.map(nodeEntry), lost: [...lost] };
    },
  );
}

function nodeEntry({ node: id, startedAtMs: started, roundTripMs, ...figures }: NodeFigures) {
  return { id, started, roundTripMs: roundTripMs ?? null, ...figures };
}
