/** Decides which edges a hub has: their numbers, their names, and whose connections each takes. Pure. */
import { LISTENERS, type ListenerName } from '../records/commands.ts';

export type EdgeRole = 'main' | 'ingest' | 'fanout' | 'cluster';

export interface PlannedEdge {
  /** Its number: its place among the edges. */
  readonly edge: number;
  readonly role: EdgeRole;
  /** As it is named in metrics, stats and logs. */
  readonly name: string;
  /** The listeners whose accepted connections it gets. */
  readonly listeners: readonly ListenerName[];
}

/**
 * @param ingest threads that hold devices; 0: main does @param fanout threads that hold subscribers; 0: main does
 * @param cluster whether there is a link to other nodes
 * @returns by number: main, then those of devices, then those of subscribers and the link, whose rings the owner reads first
 */
export function planEdges({
  ingest,
  fanout,
  cluster = false,
}: {
  readonly ingest: number;
  readonly fanout: number;
  readonly cluster?: boolean;
}): readonly PlannedEdge[] {
  const taken: readonly ListenerName[] = [
    ...(ingest > 0 ? (['device'] as const) : []),
    ...(fanout > 0 ? (['subscriber'] as const) : []),
  ];
  const threads = (count: number, role: EdgeRole, listener: ListenerName) =>
    Array.from({ length: count }, (_, index) => ({ role, name: `${role}-${index}`, listeners: [listener] }));
  const edges: readonly Omit<PlannedEdge, 'edge'>[] = [
    { role: 'main', name: 'main', listeners: LISTENERS.filter((listener) => !taken.includes(listener)) },
    ...threads(ingest, 'ingest', 'device'),
    ...threads(fanout, 'fanout', 'subscriber'),
    ...(cluster ? [{ role: 'cluster' as const, name: 'cluster', listeners: [] }] : []),
  ];
  return edges.map((planned, edge) => ({ edge, ...planned }));
}

/** Edges that take the listener's connections. */
export function edgesOf(plan: readonly PlannedEdge[], listener: ListenerName): readonly PlannedEdge[] {
  return plan.filter(({ listeners }) => listeners.includes(listener));
}
