/** How the devices of a simulated fleet reach the hub: a connection each, or one gateway for all. */
import type { CliFailure } from '../failure.ts';

export interface Uplink {
  /** Brings a device online. */
  enter(device: string): void;
  /** Takes a device offline, with a goodbye. */
  leave(device: string): void;
  /** Whether what the device sends now goes out at once. */
  isConnected(device: string): boolean;
  message(device: string, data: object): void;
  status(device: string, status: string): void;
  /** Takes all devices offline. */
  close(): Promise<void>;
}

/** What an uplink tells the fleet. */
export interface UplinkEvents {
  /** The hub refused an event. */
  refused(message: string): void;
  /** A connection was lost; it is being made again. */
  lost(message: string): void;
  /** There is no way to connect, and waiting does not help. */
  failed(failure: CliFailure): void;
}
