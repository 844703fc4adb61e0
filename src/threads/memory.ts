/** All the memory that the hub's threads share, made once by main and handed to each as it starts. */
import { randomUUID } from 'node:crypto';
import { createDoor, type DoorMemory } from '../access/door.ts';
import { createSessionNumbers } from '../fanout/session-numbers.ts';
import { RING_BYTES_DEFAULT, RING_FRAMES_MIN } from '../limits.ts';
import { createCounters } from '../memory/counters.ts';
import { createDoorbell } from '../memory/doorbell.ts';
import { createRing, ringBytesFor } from '../memory/ring.ts';
import { createPresence, type PresenceCapacity, type PresenceMemory } from '../presence/table.ts';
import { createHeartbeat } from './heartbeat.ts';

/** The two rings and the counters of a thread that holds sockets. */
export interface EdgeMemory {
  readonly toOwner: SharedArrayBuffer;
  readonly fromOwner: SharedArrayBuffer;
}

/** A fan-out worker's own part. */
export interface FanoutMemory extends EdgeMemory {
  readonly doorbell: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly sessions: SharedArrayBuffer;
  readonly heartbeat: SharedArrayBuffer;
}

export interface HubMemory {
  readonly presence: PresenceMemory;
  readonly ownerDoorbell: SharedArrayBuffer;
  readonly ownerCounters: SharedArrayBuffer;
  readonly ownerHeartbeat: SharedArrayBuffer;
  readonly mainDoorbell: SharedArrayBuffer;
  readonly mainCounters: SharedArrayBuffer;
  readonly mainHeartbeat: SharedArrayBuffer;
  readonly ingest: EdgeMemory;
  /** What the threads that let peers in share. */
  readonly door: DoorMemory;
  /** One per fan-out worker; without workers, one that main serves with its own doorbell and counters. */
  readonly fanout: readonly FanoutMemory[];
}

/** @param workers fan-out workers; 0: main holds the subscribers */
export function createHubMemory(
  capacity: PresenceCapacity,
  { maxMessageBytes, connectionsMax }: { readonly maxMessageBytes: number; readonly connectionsMax: number },
  workers: number,
): HubMemory {
  const ringBytes = ringBytesFor(Math.max(RING_BYTES_DEFAULT, maxMessageBytes * RING_FRAMES_MIN));
  const edge = (): EdgeMemory => ({ toOwner: createRing(ringBytes), fromOwner: createRing(ringBytes) });
  const mainDoorbell = createDoorbell();
  const mainCounters = createCounters();
  const mainHeartbeat = createHeartbeat();
  const fanout = Array.from({ length: Math.max(1, workers) }, () => ({
    ...edge(),
    doorbell: workers === 0 ? mainDoorbell : createDoorbell(),
    counters: workers === 0 ? mainCounters : createCounters(),
    sessions: createSessionNumbers(),
    heartbeat: workers === 0 ? mainHeartbeat : createHeartbeat(),
  }));
  return {
    presence: createPresence(capacity),
    ownerDoorbell: createDoorbell(),
    ownerCounters: createCounters(),
    ownerHeartbeat: createHeartbeat(),
    mainDoorbell,
    mainCounters,
    mainHeartbeat,
    ingest: edge(),
    door: createDoor(
      [mainCounters, ...(workers === 0 ? [] : fanout.map(({ counters }) => counters))],
      connectionsMax,
      randomUUID(),
    ),
    fanout,
  };
}
