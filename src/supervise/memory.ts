/** All the memory that the hub's threads share, made once by main and handed to each as it starts. */
import { randomUUID } from 'node:crypto';
import { createAdmissionMemory } from '../access/admission-state.ts';
import { createAllowances } from '../edge/allowances.ts';
import { createEdgeMemory, type EdgeMemory, type SharedMemory } from '../edge/memory.ts';
import { createHistory } from '../history/memory.ts';
import { RING_BYTES_DEFAULT, RING_FRAMES_MIN } from '../limits.ts';
import { createCounters } from '../memory/counters.ts';
import { createDoorbell } from '../memory/doorbell.ts';
import { createHeartbeat } from '../memory/heartbeat.ts';
import { ringBytesFor } from '../memory/ring.ts';
import { createPresence, type PresenceCapacity } from '../presence/memory.ts';
import { createTickets } from '../records/tickets.ts';

/** The edge that main is. */
export const MAIN_EDGE = 0;

export interface HubMemory extends SharedMemory {
  readonly ownerCounters: SharedArrayBuffer;
  readonly ownerHeartbeat: SharedArrayBuffer;
  /** Main's first. */
  readonly edges: readonly EdgeMemory[];
  /** Number of the cluster link among the edges; undefined: this hub is alone. */
  readonly clusterEdge: number | undefined;
}

/** @param edges threads that hold connections, main included @param clusterEdge which of them is the cluster link */
export function createHubMemory(
  capacity: PresenceCapacity,
  {
    maxMessageBytes,
    connectionsMax,
    historyBytes,
  }: { readonly maxMessageBytes: number; readonly connectionsMax: number; readonly historyBytes: number },
  edges: number,
  clusterEdge?: number,
): HubMemory {
  const ringBytes = ringBytesFor(Math.max(RING_BYTES_DEFAULT, maxMessageBytes * RING_FRAMES_MIN));
  const memories = Array.from({ length: edges }, () => createEdgeMemory(ringBytes));
  const counters = memories.map((memory) => memory.counters);
  return {
    presence: createPresence(capacity),
    ownerDoorbell: createDoorbell(),
    ownerAway: new SharedArrayBuffer(4),
    ownerCounters: createCounters(),
    history: createHistory(historyBytes),
    ownerHeartbeat: createHeartbeat(),
    admission: createAdmissionMemory(counters, connectionsMax, randomUUID()),
    allowances: createAllowances(),
    tickets: createTickets(),
    edges: memories,
    clusterEdge,
  };
}
