/** What a cluster changes for devices, as seen by the rest of the owner. */
import type { RecordViews } from '../memory/ring.ts';

/** What a cluster changes for devices: the node that numbers their events is not known at once, or is another one. */
export interface DeviceHomes {
  /** A device connected. @returns false if it is not settled yet who numbers its events: `settle` follows */
  connected(slot: number): boolean;
  /** Its connection has ended. @returns false if handling that must wait until the claim is settled */
  disconnected(slot: number, clean: boolean): boolean;
  /** Whether events of the device wait, even if its home is already here. */
  holds(slot: number): boolean;
  /** Keeps an event that cannot be numbered yet. */
  hold(slot: number, views: RecordViews, offset: number): void;
  /**
   * An operator publishes for a device that no node has, so this node becomes its home. @returns false if that is not
   * possible now
   */
  claim(slot: number): boolean;
  /** An operator ends the device; its row is freed next. */
  terminated(slot: number): void;
  /** The timer of a device with its home elsewhere. */
  timer(slot: number): void;
  /** Fewer subscriptions follow a device with its home elsewhere. */
  unwatched(slot: number): void;
}
