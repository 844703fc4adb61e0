/**
 * The end of a hub: tells every peer and closes its connection; the closes per second are divided among the edges by
 * their numbers of peers.
 */
import { closePaced, reconnectSpread } from '../edge/drain.ts';
import type { Edge } from '../edge/edge.ts';
import { Counters } from '../memory/counters.ts';
import type { EdgeThreads } from './edge-threads.ts';
import type { HubMemory } from './memory.ts';

export interface GoodbyeOptions {
  /** Closes per second. */
  readonly drainRate: number;
  readonly drainTimeoutMs: number;
}

/** @param main the edge of this thread @param others undefined: there are none */
export async function sayGoodbye(
  { drainRate, drainTimeoutMs }: GoodbyeOptions,
  memory: HubMemory,
  main: Edge,
  others: EdgeThreads | undefined,
): Promise<void> {
  const connections = memory.edges.map(({ counters }) => new Counters(counters).connections);
  const all = connections.reduce((sum, count) => sum + count, 0);
  // Not rounded: threads with few peers would close more than their share. At least one may have come just now.
  const share = (count: number): number => (drainRate * Math.max(1, count)) / Math.max(1, all);
  const here = main.startDraining(reconnectSpread(all, drainRate));
  await Promise.all([
    closePaced(here, () => main.connectionCount, share(here.length), drainTimeoutMs),
    others?.drain((edge) => share(connections[edge]!), drainTimeoutMs),
  ]);
}
