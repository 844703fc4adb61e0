/** The data that a worker thread gets at its start. */
import type { MessagePort } from 'node:worker_threads';
import type { AdmissionSettings } from '../access/admission.ts';
import type { TokenConfig } from '../access/keys.ts';
import type { FileBudget } from '../access/open-files.ts';
import type { AccessRule } from '../access/rules.ts';
import type { UpgradeSettings } from '../access/upgrades.ts';
import type { EdgeSettings } from '../edge/edge-deps.ts';
import type { EdgeMemory, SharedMemory } from '../edge/memory.ts';
import type { TlsThreadOptions } from '../edge/tls-thread.ts';
import type { OwnerSettings } from '../owner/owner-deps.ts';
import type { ListenerName } from '../records/commands.ts';
import type { Estate } from '../records/estate.ts';
import type { SnapshotSource } from '../snapshot/restore.ts';
import type { Tls } from '../transport/tls.ts';
import type { HubMemory } from './memory.ts';

/** The settings that threads need; the settings schema explains them. */
export interface ThreadSettings extends EdgeSettings, OwnerSettings, AdmissionSettings, UpgradeSettings {
  readonly flushMaxMs: number;
  readonly logLevel: string;
  readonly mqttTopics: readonly string[];
  readonly tlsEnd: 'front' | 'uws';
}

/** What the owner must know before it serves anyone. */
export interface OwnerStart {
  /** The access rules in force; those of a snapshot replace them. */
  readonly rules: readonly AccessRule[];
  /** Restored into the table, which must be fresh; undefined: the table is taken as it is. */
  readonly snapshot: SnapshotSource | undefined;
  /** Whether the table was left by an owner that died. */
  readonly takesOver: boolean;
  /** What that owner left outside the table. */
  readonly estate: Estate;
}

export interface OwnerTask extends OwnerStart {
  readonly memory: HubMemory;
  readonly settings: ThreadSettings;
  /** Commands from main. */
  readonly port: MessagePort;
  /** Ring the edges, in order; undefined for one that does not run yet. */
  readonly bells: readonly (MessagePort | undefined)[];
}

export interface EdgeTask {
  readonly shared: SharedMemory;
  readonly memory: EdgeMemory;
  /** Number of this edge. */
  readonly edge: number;
  /** undefined: no token is needed. */
  readonly tokens: TokenConfig | undefined;
  /** As main has read it: what is in the files by now may be another, or none. undefined: TLS is off. */
  readonly tls: Tls | undefined;
  readonly settings: ThreadSettings;
  /** Whose accepted connections it is handed. */
  readonly listeners: readonly ListenerName[];
  /** Edges that hold subscribers. */
  readonly deliveringEdges: number;
  /** Devices whose events main looks at. */
  readonly tapped: readonly string[];
  /** How the process's open files are shared out. */
  readonly files: FileBudget;
  /** Commands from main. */
  readonly port: MessagePort;
  /** The owner rings here. */
  readonly bell: MessagePort;
}

/** What ends TLS in front of one listener. */
export type TlsTask = TlsThreadOptions;
