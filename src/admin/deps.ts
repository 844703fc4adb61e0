/** What the admin routes need from the hub; `hub.ts` provides it. Runs on main. */
import type { Clock } from '../clock.ts';
import type { TapListener } from '../edge/publish/taps.ts';
import type { HistoryUsage } from '../history/memory.ts';
import type { HistoryReader } from '../history/reader.ts';
import type { PresenceReader } from '../presence/reader.ts';
import type { ConnectionInfo, OperatorCommand, OperatorResult, SlowSubscriber } from '../records/commands.ts';
import type { ReloadAnswer } from '../reload.ts';
import type { Activity } from '../supervise/activity.ts';
import type { ClusterThread } from '../supervise/cluster-thread.ts';
import type { RestartCounts } from '../supervise/edge-threads.ts';
import type { RuleKeeper } from '../supervise/rule-keeper.ts';
import type { SnapshotFigures } from '../supervise/snapshots.ts';
import type { RingFigures, ThreadFigures } from '../supervise/threads.ts';
import type { Tls } from '../transport/tls.ts';
import type { WebhookFigures } from '../webhooks/memory.ts';
import type { Fault } from './faults.ts';

export interface AdminDeps {
  readonly version: string;
  /** `uws` or `ws`. */
  readonly transport: string;
  readonly fanoutWorkers: number;
  readonly ingestWorkers: number;
  /** Threads that end TLS; 0: it ends elsewhere, or there is none. */
  readonly tlsThreads: number;
  readonly presence: PresenceReader;
  readonly history: HistoryReader;
  /** Of the history log. */
  historyUsage(): HistoryUsage;
  readonly clock: Clock;
  readonly startedAtMs: number; // wall clock
  readonly threads: readonly ThreadFigures[];
  readonly rings: readonly RingFigures[];
  /** Restarts so far by role. */
  workerRestarts(): RestartCounts;
  /** Wall clock, ms; undefined: the listeners show no certificate. */
  certificateExpiresAtMs(): number | undefined;
  /** Used share of the connections that the hub may have; 0 without a limit. */
  connectionsUsedRatio(): number;
  /** Why the hub takes no new peers now, or undefined when it does. */
  notReady(): string | undefined;
  /** Why the process should be restarted, or undefined while its threads run. */
  notAlive(): string | undefined;
  /** How long a thread has not run, as far as that was seen; 0 while it does. */
  lateSeconds(thread: string): number;
  /** Asks the owner; answered after the change has taken effect. Rejects when the owner is gone. */
  operate(command: OperatorCommand): Promise<OperatorResult>;
  /** The access rules. */
  readonly rules: RuleKeeper;
  /** Absent when no snapshots are written. */
  readonly snapshots?: { figures(): SnapshotFigures } | undefined;
  /**
   * Judges a bearer token that is not the admin token; absent when authentication is off. While it is there, a token
   * is needed even without an admin token.
   */
  verifyToken?(token: string): Promise<TokenVerdict>;
  /** Breaks a thread; absent but in tests. */
  fault?(fault: Fault): void;
  /**
   * What the edges know of these subscribers' connections, at most a page of them; of some nothing, when they have just
   * gone or their thread does not say in time.
   */
  connections(sessions: readonly number[]): Promise<readonly ConnectionInfo[]>;
  /** Subscribers that lag now. */
  slowSubscribers(): readonly SlowSubscriber[];
  /** Looks at the events of a device as they come in. @returns ends it */
  tap(device: string, listener: TapListener): () => void;
  /** Absent when there are no webhooks. */
  readonly webhooks?: { figures(): WebhookFigures } | undefined;
  /** What operators did and the hub refused. */
  readonly activity: Activity;
  /** Absent: this hub is alone. */
  readonly cluster?: Pick<ClusterThread, 'node' | 'state' | 'figures' | 'ask'> | undefined;
  /** As `Reloader.reload`. */
  reload(): Promise<ReloadAnswer>;
  /** A request was answered with 500: a bug, for the log. */
  failed(error: unknown): void;
}

/** `otherRole`: a good token whose role is not admin. `unknown`: the keys cannot be had now. */
export type TokenVerdict = { readonly operator: string } | 'otherRole' | 'invalid' | 'unknown';

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  /** '' when none is set: then every route is open (loopback only, as the settings enforce). */
  readonly adminToken: string;
  /** Exact origins; empty: only the listener's own host. */
  readonly allowedOrigins: readonly string[];
  /** Names that `Host` may have beside local ones, where no admin token is set. */
  readonly allowedHosts: readonly string[];
  /** Largest event that an operator may publish, bytes. */
  readonly maxMessageBytes: number;
  /** Folder of the built dashboard; where it is missing, there is none. */
  readonly dashboard?: string;
  /** Absent: plain HTTP. */
  readonly tls?: Pick<Tls, 'cert' | 'key'> | undefined;
}
