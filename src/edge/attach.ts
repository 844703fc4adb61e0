/** Builds an edge on its shared memory, and what runs it. On main and in `workers/edge.ts`. */
import { Admission, type AdmissionSettings, refusalCounters } from '../access/admission.ts';
import type { TokenConfig } from '../access/keys.ts';
import { type FileBudget, waitingLimits } from '../access/open-files.ts';
import { type UpgradeSettings, Upgrades, type UpgradesDeps } from '../access/upgrades.ts';
import { systemClock } from '../clock.ts';
import { attachHistory } from '../history/memory.ts';
import { HistoryReader } from '../history/reader.ts';
import { networkOf } from '../ip.ts';
import { UPGRADE_MS_MAX } from '../limits.ts';
import { Counter, Counters } from '../memory/counters.ts';
import { Ringer, Sleeper } from '../memory/doorbell.ts';
import { Heart } from '../memory/heartbeat.ts';
import { RingConsumer, RingProducer } from '../memory/ring.ts';
import { PresenceReader } from '../presence/reader.ts';
import type { ListenerName } from '../records/commands.ts';
import { sessionNumbers } from '../records/sessions.ts';
import { Tickets } from '../records/tickets.ts';
import type { PeerRole } from '../roles.ts';
import { Arrivals } from '../transport/arrivals.ts';
import type { TcpOptions } from '../transport/tcp.ts';
import type { Route } from '../transport/transport.ts';
import { readTemplates } from '../wire/mqtt/templates.ts';
import { TopicLayout } from '../wire/mqtt/topics.ts';
import { deviceTerms, gatewayTerms, mqttTerms, subscriberTerms } from '../wire/upgrade-terms.ts';
import { Allowances } from './allowances.ts';
import { contained } from './contained.ts';
import { SubscriberRoute } from './deliver/subscriber-route.ts';
import { Edge } from './edge.ts';
import type { EdgeSession, EdgeSettings } from './edge-deps.ts';
import { startEdgeTimers, type Watch } from './edge-timers.ts';
import { eachInTurns, inTurns } from './in-turns.ts';
import { Journal, type JournalEntry } from './journal.ts';
import type { EdgeMemory, SharedMemory } from './memory.ts';
import { MqttRoute } from './mqtt/route.ts';
import { OwnerLine } from './owner-line.ts';
import { Poller } from './poller.ts';
import { DeviceRoute } from './publish/device-route.ts';
import { GatewayRoute } from './publish/gateway-route.ts';

interface OwnSettings {
  readonly mqttTopics: readonly string[];
  readonly flushMaxMs: number;
  readonly logLevel: string;
}

export interface AttachOptions {
  readonly shared: SharedMemory;
  readonly memory: EdgeMemory;
  readonly edge: number;
  readonly settings: EdgeSettings & AdmissionSettings & UpgradeSettings & OwnSettings;
  /** undefined: no token is needed. */
  readonly tokens: TokenConfig | undefined;
  /** Edges that hold subscribers. */
  readonly deliveringEdges: number;
  /** How the process's open files are divided. */
  readonly files: FileBudget;
  /** This edge holds devices and subscribers. */
  readonly isBoth: boolean;
  /** A frame met a bug; its connection stays. */
  frameFailed(failure: Error): void;
  /** Entries about peers, for main. */
  journal(entries: readonly JournalEntry[]): void;
}

export interface AttachedEdge {
  readonly edge: Edge;
  readonly admission: Admission;
  readonly counters: Counters;
  readonly poller: Poller;
  /** Of all listeners of this thread. */
  readonly arrivals: Arrivals;
  /** By the listener that serves them. */
  readonly routes: Readonly<Record<ListenerName, readonly Route<unknown>[]>>;
  /** Of MQTT over TCP. */
  readonly mqttTcp: TcpOptions<unknown>;
  /** Settings and keys that a reload changed apply from now on, to connected peers too. */
  reload(settings: Readonly<Record<string, unknown>>, tokens: TokenConfig | undefined): void;
  /** @param stalled told how long the thread did not run @returns stops it */
  startTimers(further: readonly Watch[], stalled?: (ms: number) => void): () => void;
}

/** The basis of the edge and its routes. */
interface Base {
  readonly options: AttachOptions;
  readonly counters: Counters;
  readonly journal: Journal;
  readonly admission: Admission;
}

/** Builds the edge of this thread on memory that was made on main. Main and workers, once each. */
export function attachEdge(options: AttachOptions): AttachedEdge {
  const { shared, memory, settings, tokens } = options;
  const counters = new Counters(memory.counters);
  counters.takeOver(); // from a thread in whose place this one is
  const journal = new Journal({ clock: systemClock, settings, say: options.journal });
  const admission = new Admission({
    memory: shared.admission,
    thread: options.edge,
    settings,
    tokens,
    clock: systemClock,
    counters,
  });
  const base = { options, counters, journal, admission };
  const { edge, poller } = edgeOn(base);
  const arrivals = arrivalsOf(options, admission, counters);
  return {
    edge,
    admission,
    counters,
    poller,
    arrivals,
    ...routesOf(base, edge, arrivals),
    reload(changed, otherTokens) {
      Object.assign(settings, changed);
      edge.settingsChanged();
      if (otherTokens !== undefined) admission.verifier?.use(otherTokens);
    },
    startTimers(further, stalled) {
      const { charges, liveness, deliverer, interests, mqtt } = edge;
      const { sendQueues } = deliverer;
      const tellers = [interests, mqtt, mqtt.interestWatch, journal];
      const watched = [charges, liveness, sendQueues, ...tellers, ...further];
      charges.tick(); // a stall may begin before the first of the timers
      return startEdgeTimers(watched, counters, new Heart(memory.heartbeat, systemClock), (ms) => {
        stalled?.(ms);
        liveness.credit(ms);
        mqtt.credit(ms);
      });
    },
  };
}

/** The edge, and what runs it when the owner rings. */
function edgeOn({ options, counters, journal, admission }: Base): { edge: Edge; poller: Poller } {
  const { shared, memory, settings, deliveringEdges, isBoth } = options;
  const away = new Int32Array(shared.ownerAway);
  const presence = new PresenceReader(shared.presence);
  const history = attachHistory(shared.history);
  const { historyEvents: eventsMax, historyTtlMs: ttlMs } = settings;
  const edge = new Edge({
    layout: layoutOf(settings.mqttTopics),
    admission,
    presence,
    line: new OwnerLine(
      new RingProducer(memory.toOwner),
      new Ringer(shared.ownerDoorbell),
      new Tickets(shared.tickets),
    ),
    fromOwner: new RingConsumer(memory.fromOwner),
    clock: systemClock,
    counters,
    allowances: new Allowances(shared.allowances),
    settings,
    journal,
    reader: new HistoryReader(history, presence.devices, { eventsMax, ttlMs }, systemClock),
    keepsHistory: history.capacity > 0,
    deliveringEdges,
    numbers: (isUsed) => sessionNumbers(memory.sessions, options.edge, isUsed),
    isOwnerAway: () => Atomics.load(away, 0) === 1,
    relieve: () => {
      if (isBoth || edge.deliverer.sessions.size > 0) poller.turnNow();
    },
  });
  const poller = new Poller({
    poll: () => edge.poll(),
    hasRecords: () => edge.hasRecords(),
    hasUnsent: () => edge.hasUnsent,
    hasBacklog: () => edge.hasBacklog(),
    sleeper: new Sleeper(memory.doorbell),
  });
  return { edge, poller };
}

/** What each listener serves. In every route, a bug is contained to its frame, and no peer takes more than its turn. */
function routesOf(
  { options, counters, journal, admission }: Base,
  edge: Edge,
  arrivals: Arrivals,
): Pick<AttachedEdge, 'routes' | 'mqttTcp'> {
  const { settings, frameFailed } = options;
  const upgrades = (
    role: PeerRole | undefined,
    terms: Pick<UpgradesDeps, 'subprotocols' | 'parameters'>,
  ): Upgrades =>
    new Upgrades({
      admission,
      settings,
      role,
      ...terms,
      refused: ({ reason, status, message }, address, id) =>
        journal.refused({ role, reason, status, message, address, id }),
    });
  const mqtt = (listener: 'device' | 'subscriber' | 'tcp'): MqttRoute =>
    new MqttRoute(
      listener,
      {
        edge,
        admission,
        counters,
        frameFailed,
        refused: ({ reason, status, message }, address) =>
          journal.refused({ role: undefined, reason, status, message, address, id: undefined }),
      },
      listener === 'tcp' ? undefined : upgrades(undefined, mqttTerms),
    );
  const guarded = <Session>(route: Route<Session>): Route<Session> => contained(route, counters, frameFailed);
  const devices = guarded(new DeviceRoute(edge, upgrades('device', deviceTerms)).route());
  const gateways = guarded(new GatewayRoute(edge, upgrades('gateway', gatewayTerms)).route());
  const subscribers = guarded(new SubscriberRoute(edge, upgrades('subscriber', subscriberTerms)).route());
  const isFlood = (session: EdgeSession, waiting: number): boolean => edge.isFlood(session, waiting);
  const isHeld = (): boolean => edge.gateways.isHeld;
  return {
    routes: {
      device: [eachInTurns(devices, isFlood), inTurns(gateways, isHeld), mqtt('device').route()],
      subscriber: [eachInTurns(subscribers, isFlood), mqtt('subscriber').route()],
    },
    mqttTcp: mqtt('tcp').tcp(arrivals) as TcpOptions<unknown>,
  };
}

/** @param templates checked when the settings were read */
function layoutOf(templates: readonly string[]): TopicLayout {
  const read = readTemplates(templates);
  if (!read.ok) throw new Error(read.problems.join('; '));
  return new TopicLayout(read.templates);
}

function arrivalsOf({ files }: AttachOptions, { state }: Admission, counters: Counters): Arrivals {
  return new Arrivals({
    limits: { ...waitingLimits(files, state), timeoutMs: UPGRADE_MS_MAX },
    clock: systemClock,
    networkOf,
    dropped: (why) => counters.add(Counter[refusalCounters[why]]),
  });
}
