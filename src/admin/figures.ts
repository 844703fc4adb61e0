/** Everything the hub counts, gathered from its threads' counters at one moment: what stats and metrics print. */

import { type RefusalReason, refusalCounters } from '../access/admission.ts';
import type { LinkFigures } from '../cluster/commands.ts';
import type { HistoryUsage } from '../history/memory.ts';
import { Counter, type CounterName, Counters, counterNames } from '../memory/counters.ts';
import type { PresenceReader } from '../presence/reader.ts';
import type { PeerRole } from '../roles.ts';
import type { RestartCounts } from '../supervise/edge-threads.ts';
import type { SnapshotFigures } from '../supervise/snapshots.ts';
import type { WebhookFigures } from '../webhooks/memory.ts';
import type { AdminDeps } from './deps.ts';

type Capacity = ReturnType<PresenceReader['capacityUsed']>;

/** What is looked at every second: sums over the threads, and what the presence table counts. Cheap. */
export interface Totals {
  readonly devices: Readonly<Record<'online' | 'stale' | 'offline', number>>;
  readonly subscriptions: Readonly<Record<'allow' | 'active' | 'inactive' | 'deny', number>>;
  readonly connections: Readonly<Record<PeerRole, number>>;
  readonly received: Readonly<Record<'pong' | 'message' | 'status', number>>;
  readonly skipped: number;
  readonly deliveries: number;
  readonly dropped: Readonly<
    Record<
      | 'ingest_full'
      | 'fanout_full'
      | 'lagging'
      | 'slow'
      | 'rate'
      | 'subscriber_rate'
      | 'owner_restart'
      | 'replaced',
      number
    >
  >;
  /** Subscribers that lag now, and what waited for all subscribers when it was last looked at. */
  readonly lagging: number;
  readonly queuedBytes: number;
  readonly refusedFrames: number;
  /** Bytes of frames. */
  readonly bytes: Readonly<Record<'received' | 'sent', number>>;
  /** Events per bucket of `latencyBoundsSeconds`, not cumulated; the last is above every bound. */
  readonly latencyBuckets: readonly number[];
}

export interface Figures extends Totals {
  readonly version: string;
  readonly transport: string;
  /** Subscribers closed as slow so far, by what was too much. */
  readonly slowCloses: Readonly<Record<'queue' | 'time' | 'budget', number>>;
  /** Wall clock, ms; undefined without a certificate. */
  readonly certificateExpiresAtMs: number | undefined;
  /** Used share of the connections that there may be; 0 without a limit. */
  readonly connectionsUsedRatio: number;
  /** Devices that gateways speak for. */
  readonly gatewayDevices: number;
  /** Events that newer ones replaced for subscribers at a pace. */
  readonly conflated: number;
  /** Why the hub admits no new peers; undefined: it does. */
  readonly notReady: string | undefined;
  /** Open MQTT connections, and what MQTT clients were not allowed. */
  readonly mqtt: {
    readonly connections: number;
    readonly refused: Readonly<Record<'connect' | 'malformed' | 'foreign_topic' | 'event', number>>;
  };
  /** Refused frames by error code. */
  readonly refusals: readonly (readonly [code: string, count: number])[];
  /** Connections opened so far. */
  readonly opened: Readonly<Record<PeerRole, number>>;
  readonly failedFrames: number;
  /** Upgrades that were not let in, by reason. */
  readonly refusedUpgrades: Readonly<Record<RefusalReason, number>>;
  readonly latencySumSeconds: number;
  readonly disconnects: Readonly<Record<PeerRole, readonly (readonly [code: string, count: number])[]>>;
  readonly threads: readonly ThreadReading[];
  readonly rings: readonly { readonly ring: string; readonly usedRatio: number }[];
  readonly capacity: Capacity;
  readonly workerRestarts: RestartCounts;
  readonly history: HistoryUsage & { readonly replayed: number };
  /** Undefined when there are no webhooks. */
  readonly webhooks: WebhookFigures | undefined;
  /** Undefined when no snapshots are written. */
  readonly snapshots: SnapshotFigures | undefined;
  /** Undefined without a cluster. */
  readonly cluster: (LinkFigures & { readonly connected: boolean }) | undefined;
}

export interface ThreadReading {
  readonly thread: string;
  readonly loopLagSeconds: number;
  /** Sockets. */
  readonly connections: number;
  readonly counters: Readonly<Record<CounterName, number>>;
}

/** Sums over the threads, as of now. */
export function collectTotals({ presence, threads }: AdminDeps): Totals {
  return totalsOf(presence, Counters.sum(threads));
}

function totalsOf(presence: PresenceReader, sum: Counters): Totals {
  const count = (name: CounterName) => cellOf(sum, name);
  return {
    devices: {
      online: presence.total('online'),
      stale: presence.total('stale'),
      offline: presence.total('offline'),
    },
    subscriptions: {
      allow: presence.total('allow'),
      active: presence.total('active'),
      inactive: presence.total('inactive'),
      deny: presence.total('deny'),
    },
    connections: {
      device: count('deviceConnections'),
      subscriber: count('subscriberConnections'),
      gateway: count('gatewayConnections'),
    },
    received: {
      pong: count('receivedPong'),
      message: count('receivedMessage'),
      status: count('receivedStatus'),
    },
    skipped: count('skipped'),
    deliveries: count('deliveries'),
    dropped: {
      ingest_full: count('droppedIngestFull'),
      fanout_full: count('droppedFanoutFull'),
      lagging: count('droppedLagging'),
      slow: count('droppedSlow'),
      rate: count('droppedRate'),
      subscriber_rate: count('droppedSubscriberRate'),
      owner_restart: count('droppedOwnerRestart'),
      replaced: count('droppedReplaced'),
    },
    lagging: count('laggingSubscribers'),
    queuedBytes: count('queuedBytes'),
    refusedFrames: count('refusedFrames'),
    bytes: { received: count('bytesReceived'), sent: count('bytesSent') },
    latencyBuckets: sum.latencyBuckets(),
  };
}

/** @param link what the cluster link has counted */
export function collectFigures(deps: AdminDeps, link?: LinkFigures): Figures {
  const sum = Counters.sum(deps.threads);
  const count = (name: CounterName) => cellOf(sum, name);
  return {
    ...totalsOf(deps.presence, sum),
    version: deps.version,
    transport: deps.transport,
    slowCloses: {
      queue: count('closedOverQueue'),
      time: count('closedLagging'),
      budget: count('closedOverBudget'),
    },
    certificateExpiresAtMs: deps.certificateExpiresAtMs(),
    connectionsUsedRatio: deps.connectionsUsedRatio(),
    gatewayDevices: count('gatewayDevices'),
    conflated: count('conflated'),
    notReady: deps.notReady(),
    mqtt: {
      connections: count('mqttConnections'),
      refused: {
        connect: count('mqttRefusedConnects'),
        malformed: count('mqttMalformed'),
        foreign_topic: count('mqttForeignTopics'),
        event: count('mqttRefusedEvents'),
      },
    },
    refusals: sum.refusals(),
    opened: {
      device: count('openedDevices'),
      subscriber: count('openedSubscribers'),
      gateway: count('openedGateways'),
    },
    failedFrames: count('failedFrames'),
    refusedUpgrades: Object.fromEntries(
      Object.entries(refusalCounters).map(([reason, name]) => [reason, count(name)]),
    ) as Record<RefusalReason, number>,
    latencySumSeconds: count('latencySumSeconds'),
    disconnects: {
      device: sum.disconnects('device'),
      subscriber: sum.disconnects('subscriber'),
      gateway: sum.disconnects('gateway'),
    },
    threads: deps.threads.map(({ thread, counters }) => ({
      thread,
      loopLagSeconds: loopLagOf(deps, thread, counters),
      connections: counters.connections,
      counters: readCounters(counters),
    })),
    rings: deps.rings.map((ring) => ({ ring: ring.ring, usedRatio: ring.usedRatio() })),
    capacity: deps.presence.capacityUsed(),
    workerRestarts: deps.workerRestarts(),
    history: { ...deps.historyUsage(), replayed: count('replayed') },
    webhooks: deps.webhooks?.figures(),
    snapshots: deps.snapshots?.figures(),
    cluster: link && { ...link, connected: deps.cluster?.state === 'connected' },
  };
}

/** Of the thread that runs latest. @returns seconds */
export function longestLoopLag(deps: AdminDeps): number {
  return deps.threads.reduce(
    (longest, { thread, counters }) => Math.max(longest, loopLagOf(deps, thread, counters)),
    0,
  );
}

/** What a thread, or all together, counted. */
function cellOf({ cells }: Counters, name: CounterName): number {
  return cells[Counter[name]] ?? 0; // plain: another thread's aligned 8-byte cell, whole on 64-bit hosts
}

/** A thread that does not run cannot tell how late it is. @returns seconds */
function loopLagOf(deps: AdminDeps, thread: string, counters: Counters): number {
  return Math.max(cellOf(counters, 'loopLagSeconds'), deps.lateSeconds(thread));
}

function readCounters(counters: Counters): Record<CounterName, number> {
  const entries = counterNames.map((name) => [name, cellOf(counters, name)]);
  return Object.fromEntries(entries) as Record<CounterName, number>;
}
