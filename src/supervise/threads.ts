/** Which threads a hub has: their edges, their names and their figures. */
import { Counters } from '../memory/counters.ts';
import { ringUsedRatio } from '../memory/ring.ts';
import type { WatchedThread } from './health.ts';
import { type HubMemory, MAIN_EDGE } from './memory.ts';

/** @param edge number of the edge @returns as it is named in metrics, stats and logs */
export function edgeName(edge: number): string {
  return edge === MAIN_EDGE ? 'main' : `fanout-${edge - 1}`;
}

/** Who beats beside main, and where. */
export function beatingThreads({ edges, ownerHeartbeat }: HubMemory): WatchedThread[] {
  const [, ...others] = edges.map(({ heartbeat }, edge) => ({ thread: edgeName(edge), heartbeat }));
  return [{ thread: 'owner', heartbeat: ownerHeartbeat }, ...others];
}

export interface ThreadFigures {
  /** `main`, `owner`, `fanout-0`, … */
  readonly thread: string;
  readonly counters: Counters;
}

export interface RingFigures {
  /** `main` and `fanout-0`, … from the owner to the edge, and the same with `-to-owner`. */
  readonly ring: string;
  usedRatio(): number;
}

export function figuresOf(memory: HubMemory): {
  readonly threads: readonly ThreadFigures[];
  readonly rings: readonly RingFigures[];
} {
  const ring = (name: string, shared: SharedArrayBuffer): RingFigures => ({
    ring: name,
    usedRatio: () => ringUsedRatio(shared),
  });
  const [main, ...others] = memory.edges.map(({ counters }, edge) => ({
    thread: edgeName(edge),
    counters: new Counters(counters),
  }));
  return {
    threads: [main!, { thread: 'owner', counters: new Counters(memory.ownerCounters) }, ...others],
    rings: memory.edges.flatMap(({ toOwner, fromOwner }, edge) => [
      ring(`${edgeName(edge)}-to-owner`, toOwner),
      ring(edgeName(edge), fromOwner),
    ]),
  };
}
