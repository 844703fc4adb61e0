/** What the bench compares: one adapter for each server that can play some of the loads. */
import type { Target } from '../load/messages.ts';
import type { Shape } from '../load/shapes.ts';

export interface Peer {
  readonly name: string;
  readonly knowsVips?: true;
  /** @returns why this host or this peer cannot play the load, undefined when it can */
  cannot(shape: Shape): string | undefined;
  /** Starts a fresh server on loopback. */
  start(): Promise<Server>;
}

export interface Server {
  readonly target: Target;
  /** Its processes, now. */
  pids(): readonly number[];
  /** Absent where the peer knows no vips. */
  readonly makeVip?: (device: string, subscriber: string) => Promise<void>;
  stop(): Promise<void>;
}
