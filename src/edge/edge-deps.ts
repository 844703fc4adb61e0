/** Settings and dependencies of an edge, and the kinds of sessions that it holds. */
import type { Admission } from '../access/admission.ts';
import type { Clock } from '../clock.ts';
import type { HistoryReader } from '../history/reader.ts';
import type { Counters } from '../memory/counters.ts';
import type { RingConsumer } from '../memory/ring.ts';
import type { PresenceReader } from '../presence/reader.ts';
import type { TopicLayout } from '../wire/mqtt/topics.ts';
import type { Allowances } from './allowances.ts';
import type { RateSettings } from './charges.ts';
import type { SubscriberSession } from './deliver/subscriber-session.ts';
import type { Journal } from './journal.ts';
import type { OwnerLine } from './owner-line.ts';
import type { DeviceSession } from './publish/device-session.ts';
import type { GatewaySession } from './publish/gateway-session.ts';
import type { GatewaySettings } from './publish/gateways.ts';

export interface EdgeSettings extends GatewaySettings, RateSettings {
  readonly pingIntervalMs: number;
  readonly firstFrameTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly subscriberActivity: 'pong' | 'frame';
  readonly sendQueueBytes: number;
  readonly sendQueueMaxBytes: number;
  readonly sendQueuesTotalBytes: number;
  readonly historyEvents: number;
  readonly historyTtlMs: number;
  readonly interestLingerMs: number;
  readonly subscriberRemoveAfterMs: number;
  readonly mqttKeepAliveMaxMs: number;
}

export interface EdgeDeps {
  readonly admission: Admission;
  readonly presence: PresenceReader;
  readonly line: OwnerLine;
  readonly fromOwner: RingConsumer;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly allowances: Allowances;
  readonly settings: EdgeSettings;
  readonly journal: Journal;
  /** Reads the history log. */
  readonly reader: HistoryReader;
  /** Whether history keeps events; events that nobody listens to then take numbers too. */
  readonly keepsHistory: boolean;
  /** Of MQTT topics. */
  readonly layout: TopicLayout;
  /** Edges that hold subscribers: they divide limits for all among them. */
  readonly deliveringEdges: number;
  /** @returns the number of a further session @param isUsed whether a session has the number now */
  readonly numbers: (isUsed: (session: number) => boolean) => () => number;
  /** While the owner is away, the table does not show who listens. */
  readonly isOwnerAway: () => boolean;
  /** See `PublisherDeps`. */
  readonly relieve?: () => void;
}

/** A peer with a connection of its own, or a device behind a gateway. */
export type EdgeSession = DeviceSession | SubscriberSession | GatewaySession;
