/** Dependencies of the owner's device side. */
import type { Clock } from '../clock.ts';
import type { HistoryLog } from '../history/log.ts';
import type { Counters } from '../memory/counters.ts';
import type { Pulse } from '../memory/heartbeat.ts';
import type { Wheel } from '../memory/wheel.ts';
import type { EdgeLink } from './edge-link.ts';
import type { EstateNotes } from './estate-notes.ts';
import type { HeldEvents } from './held-events.ts';
import type { Registry } from './registry.ts';

export interface DeviceTimes {
  readonly deviceStaleAfterMs: number;
  readonly deviceLeaveGraceMs: number;
  readonly deviceRemoveAfterMs: number;
}

export interface DevicesDeps {
  readonly registry: Registry;
  /** By edge. */
  readonly links: readonly EdgeLink[];
  readonly history: HistoryLog;
  /** A timer per device slot: stale while connected, grace after a loss, removal once nobody follows it. */
  readonly wheel: Wheel;
  /** By edge. */
  readonly pulses: readonly Pulse[];
  readonly clock: Clock;
  readonly counters: Counters;
  readonly held: HeldEvents;
  readonly times: DeviceTimes;
  readonly notes: EstateNotes;
  /** The device exists for the first time: filters may follow it. */
  readonly appeared: (slot: number) => void;
  /** The device, which only filters follow, leaves the table. */
  readonly gone: (slot: number) => void;
}
