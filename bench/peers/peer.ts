/** What the bench compares: one adapter for each server that can play some of the loads. */
import type { LoadTarget } from '../../src/cli/bench/messages.ts';
import type { Shape } from '../load/shapes.ts';
import type { WireName } from '../load/wires/index.ts';

export interface Peer {
  readonly name: string;
  /** The hub itself, with the features that only it has. */
  readonly isHub?: true;
  /** @returns why this host or this peer cannot play the load, undefined when it can */
  cannot(shape: Shape): string | undefined;
  /** Starts a fresh server on loopback. */
  start(): Promise<Server>;
}

/** Listeners on loopback. */
export function localTarget(wire: WireName, devicePort: number, subscriberPort = devicePort): LoadTarget {
  const url = (port: number): string => `ws://127.0.0.1:${port}`;
  return { wire, deviceUrl: url(devicePort), subscriberUrl: url(subscriberPort) };
}

export interface Server {
  readonly target: LoadTarget;
  /** Of a hub. */
  readonly adminUrl?: string;
  /** Its processes, now. */
  pids(): readonly number[];
  /** Absent where the peer knows no vips. */
  readonly makeVip?: (device: string, subscriber: string) => Promise<void>;
  stop(): Promise<void>;
}
