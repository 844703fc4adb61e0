/** The owner's dependencies, and how its side of a cluster is built from them. */
import type { AccessRule } from '../access/rules.ts';
import type { Clock } from '../clock.ts';
import { attachHistory } from '../history/memory.ts';
import { HistoryReader } from '../history/reader.ts';
import type { Counters } from '../memory/counters.ts';
import type { Pulse } from '../memory/heartbeat.ts';
import type { RingConsumer } from '../memory/ring.ts';
import type { PresenceMemory } from '../presence/memory.ts';
import type { Estate, EstateChanges } from '../records/estate.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { ClusterContext } from './cluster/context.ts';
import type { DeviceTimes } from './devices-deps.ts';
import type { EdgeLink } from './edge-link.ts';
import type { SubscriberTimeSettings } from './subscriber-times.ts';

export interface OwnerSettings extends DeviceTimes, SubscriberTimeSettings {
  readonly defaultAccess: 'allow' | 'deny';
  readonly maxSubscriptionsPerSubscriber: number;
  readonly maxFiltersPerSubscriber: number;
  readonly historyEvents: number;
  readonly sendQueueMaxBytes: number;
}

export interface OwnerDeps {
  readonly presence: PresenceMemory;
  readonly history: SharedArrayBuffer;
  /** By edge. */
  readonly rings: readonly RingConsumer[];
  /** By edge. */
  readonly links: readonly EdgeLink[];
  /** Of the edges' threads. */
  readonly pulses: readonly Pulse[];
  readonly clock: Clock;
  readonly counters: Counters;
  readonly settings: OwnerSettings;
  /** The access rules in force; the subscriptions in the table already obey them. */
  readonly rules: readonly AccessRule[];
  /** Whether the table was left by an owner that died. */
  readonly takesOver?: boolean;
  /** What that owner left outside the table. */
  readonly estate?: Estate;
  /** What this owner would leave has changed. */
  readonly bequeath?: (changes: EstateChanges) => void;
  /** The cluster link's number among the edges, and the factory of this side of it; absent: this hub is alone. */
  readonly cluster?: ClusterSide | undefined;
}

export interface ClusterSide {
  readonly edge: number;
  readonly historyTtlMs: number;
  readonly maxMessageBytes: number;
  create(context: ClusterContext): Cluster;
}

/** @param parts of the owner @returns undefined: this hub is alone */
export function createCluster(
  { cluster, links, clock, settings, history, counters }: OwnerDeps,
  parts: Omit<ClusterContext, 'link' | 'edge' | 'clock' | 'counters' | 'settings' | 'reader'>,
): Cluster | undefined {
  if (cluster === undefined) return undefined;
  const { edge, historyTtlMs: ttlMs, maxMessageBytes } = cluster;
  const limits = { eventsMax: settings.historyEvents, ttlMs };
  return cluster.create({
    ...parts,
    reader: new HistoryReader(attachHistory(history), parts.registry.devices, limits, clock),
    link: links[edge]!,
    edge,
    clock,
    counters,
    settings: { ...settings, maxMessageBytes },
  });
}
