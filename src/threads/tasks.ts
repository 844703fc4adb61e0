/** What a worker thread is given when it starts. */
import type { MessagePort } from 'node:worker_threads';
import type { TokenConfig } from '../access/keys.ts';
import type { AccessRule } from '../access/rules.ts';
import { OWNER_PAUSE_MS_MAX, OWNER_PAUSE_SHARE, TIMER_SLACK_MS } from '../limits.ts';
import type { SnapshotSource } from '../snapshot/restore.ts';
import type { FanoutMemory, HubMemory } from './memory.ts';

/** The settings that threads need; what they mean stands in the settings schema. */
export interface ThreadSettings {
  readonly deviceStaleAfterMs: number;
  readonly deviceLeaveGraceMs: number;
  readonly deviceRemoveAfterMs: number;
  readonly subscriberInactiveAfterMs: number;
  readonly subscriberRemoveAfterMs: number;
  readonly subscriberActivity: 'pong' | 'frame';
  readonly defaultAccess: 'allow' | 'deny';
  readonly pingIntervalMs: number;
  readonly flushMaxMs: number;
  readonly maxMessageBytes: number;
  readonly sendQueueBytes: number;
  readonly sendQueueMaxBytes: number;
  readonly maxSubscriptionsPerSubscriber: number;
  readonly subscriberRate: number;
  readonly subscriberBurst: number;
  readonly firstFrameTimeoutMs: number;
  readonly sendQueuesTotalBytes: number;
  readonly allowedOrigins: readonly string[];
  readonly maxConnectionsPerAddress: number;
  readonly connectionsPerSecondPerAddress: number;
  readonly authFailuresPerMinute: number;
  readonly authBanMs: number;
  readonly tlsCertFile: string;
  readonly tlsKeyFile: string;
}

/** What the owner has to know before it serves anyone. */
export interface OwnerStart {
  /** The access rules in force; those of a snapshot replace them. */
  readonly rules: readonly AccessRule[];
  /** Restored into the table, which must be fresh; undefined: the table is taken as it is. */
  readonly snapshot: SnapshotSource | undefined;
  /** The table is one that an owner left when it died. */
  readonly takesOver: boolean;
}

export interface OwnerTask extends OwnerStart {
  readonly memory: HubMemory;
  readonly settings: ThreadSettings;
  /** Commands from main. */
  readonly port: MessagePort;
  /** Rings main. */
  readonly mainBell: MessagePort;
  /** Ring the fan-out workers, in order; empty when main holds the subscribers. */
  readonly fanoutBells: readonly MessagePort[];
}

export interface FanoutTask {
  readonly presence: HubMemory['presence'];
  readonly ownerDoorbell: SharedArrayBuffer;
  readonly door: HubMemory['door'];
  readonly memory: FanoutMemory;
  /** Number of this worker, from 0. */
  readonly worker: number;
  /** undefined: no token is needed. */
  readonly tokens: TokenConfig | undefined;
  readonly settings: ThreadSettings;
  /** Fan-out threads of the hub. */
  readonly fanoutThreads: number;
  /** Commands from main. */
  readonly port: MessagePort;
  /** The owner rings here. */
  readonly bell: MessagePort;
}

/** How the flush window is shared: the owner's pause and the fan-out's poll interval under load, ms; 0 is never. */
export function pausesFor(flushMaxMs: number): { ownerPauseMs: number; fanoutPollMs: number } {
  const ownerPauseMs = Math.min(OWNER_PAUSE_MS_MAX, flushMaxMs * OWNER_PAUSE_SHARE);
  return { ownerPauseMs, fanoutPollMs: Math.max(0, Math.floor(flushMaxMs - ownerPauseMs - TIMER_SLACK_MS)) };
}
