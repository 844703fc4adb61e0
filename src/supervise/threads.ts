/** The figures of a hub's threads and rings, by name. */
import { Counters } from '../memory/counters.ts';
import { ringUsedRatio } from '../memory/ring.ts';
import type { PlannedEdge } from './edge-plan.ts';
import type { WatchedThread } from './health.ts';
import { type HubMemory, MAIN_EDGE } from './memory.ts';

/** The threads other than main that beat, and where. */
export function beatingThreads(
  { edges, ownerHeartbeat }: HubMemory,
  plan: readonly PlannedEdge[],
): WatchedThread[] {
  const others = plan.filter(({ edge }) => edge !== MAIN_EDGE);
  return [
    { thread: 'owner', heartbeat: ownerHeartbeat },
    ...others.map(({ edge, name }) => ({ thread: name, heartbeat: edges[edge]!.heartbeat })),
  ];
}

export interface ThreadFigures {
  /** `main`, `owner`, `ingest-0`, …, `fanout-0`, … */
  readonly thread: string;
  readonly counters: Counters;
}

export interface RingFigures {
  /** The edge's name: from the owner to the edge; with `-to-owner` the other way. */
  readonly ring: string;
  usedRatio(): number;
}

/** Where the admin API reads each thread's counters and the fill levels of its rings. */
export function figuresOf(
  memory: HubMemory,
  plan: readonly PlannedEdge[],
): {
  readonly threads: readonly ThreadFigures[];
  readonly rings: readonly RingFigures[];
} {
  const ring = (name: string, shared: SharedArrayBuffer): RingFigures => ({
    ring: name,
    usedRatio: () => ringUsedRatio(shared),
  });
  const [main, ...others] = plan.map(({ edge, name }) => ({
    thread: name,
    counters: new Counters(memory.edges[edge]!.counters),
  }));
  return {
    threads: [main!, { thread: 'owner', counters: new Counters(memory.ownerCounters) }, ...others],
    rings: plan.flatMap(({ edge, name }) => [
      ring(`${name}-to-owner`, memory.edges[edge]!.toOwner),
      ring(name, memory.edges[edge]!.fromOwner),
    ]),
  };
}
