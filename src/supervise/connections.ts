/** What the hub's edges know about connections, whichever edge holds them. Main. */
import type { Edge } from '../edge/edge.ts';
import type { ConnectionInfo } from '../records/commands.ts';
import { edgeOf } from '../records/sessions.ts';
import type { EdgeThreads } from './edge-threads.ts';
import { MAIN_EDGE } from './memory.ts';

/** @param sessions at most a page of them; of those that have just gone nothing comes back */
export async function connectionsOf(
  sessions: readonly number[],
  main: Pick<Edge, 'describe'>,
  threads: Pick<EdgeThreads, 'describe'> | undefined,
): Promise<ConnectionInfo[]> {
  const byEdge = new Map<number, number[]>();
  for (const session of sessions) {
    const some = byEdge.get(edgeOf(session));
    if (some === undefined) byEdge.set(edgeOf(session), [session]);
    else some.push(session);
  }
  const answers = [...byEdge].map(([edge, some]) =>
    edge === MAIN_EDGE ? main.describe(some) : (threads?.describe(edge, some) ?? []),
  );
  return (await Promise.all(answers)).flat();
}
