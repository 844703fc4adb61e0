/** The shared memory that an edge is given: its own, and what all edges share. */
import type { AdmissionMemory } from '../access/admission-state.ts';
import { createCounters } from '../memory/counters.ts';
import { createDoorbell } from '../memory/doorbell.ts';
import { createHeartbeat } from '../memory/heartbeat.ts';
import { createRing } from '../memory/ring.ts';
import type { PresenceMemory } from '../presence/memory.ts';
import { createSessionNumbers } from '../records/sessions.ts';
import type { AllowanceMemory } from './allowances.ts';

/** One edge's own. */
export interface EdgeMemory {
  readonly toOwner: SharedArrayBuffer;
  readonly fromOwner: SharedArrayBuffer;
  readonly doorbell: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly sessions: SharedArrayBuffer;
  readonly heartbeat: SharedArrayBuffer;
}

/** What all edges share. */
export interface SharedMemory {
  readonly presence: PresenceMemory;
  /** Recent events of all devices. */
  readonly history: SharedArrayBuffer;
  readonly ownerDoorbell: SharedArrayBuffer;
  /** One word: 1 while no owner serves everyone. Main writes it. */
  readonly ownerAway: SharedArrayBuffer;
  readonly admission: AdmissionMemory;
  readonly allowances: AllowanceMemory;
  /** See `records/tickets.ts`. */
  readonly tickets: SharedArrayBuffer;
}

/** What one edge shares with the owner and main; on main, once per edge. @param ringBytes of each ring */
export function createEdgeMemory(ringBytes: number): EdgeMemory {
  return {
    toOwner: createRing(ringBytes),
    fromOwner: createRing(ringBytes),
    doorbell: createDoorbell(),
    counters: createCounters(),
    sessions: createSessionNumbers(),
    heartbeat: createHeartbeat(),
  };
}
