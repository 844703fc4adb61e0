/** What a cluster changes for devices, as the owner's other parts see it. */
import type { RecordViews } from '../memory/ring.ts';

/** What a cluster changes for devices: who numbers their events is not known at once, or is another node. */
export interface DeviceHomes {
  /** A device connected. @returns false while it is not settled who numbers its events: `settle` follows */
  connected(slot: number): boolean;
  /** Its connection is over. @returns false when that has to wait until it is settled */
  disconnected(slot: number, clean: boolean): boolean;
  /** Whether events of the device wait, though it may have its home here already. */
  holds(slot: number): boolean;
  /** Keeps an event that cannot be numbered yet. */
  hold(slot: number, views: RecordViews, offset: number): void;
  /** An operator publishes for a device that is nowhere, so it has its home here. @returns false: not now */
  claim(slot: number): boolean;
  /** An operator ends the device; its row is freed next. */
  terminated(slot: number): void;
  /** The timer of a device with its home elsewhere. */
  timer(slot: number): void;
  /** Fewer subscriptions follow a device with its home elsewhere. */
  unwatched(slot: number): void;
}
