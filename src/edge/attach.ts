/** Builds an edge on its shared memory, and what runs it. On main and in `workers/edge.ts`. */
import { Admission, type AdmissionSettings, refusalCounters } from '../access/admission.ts';
import type { TokenConfig } from '../access/keys.ts';
import { type FileBudget, waitingMax } from '../access/open-files.ts';
import { type UpgradeSettings, Upgrades } from '../access/upgrades.ts';
import { systemClock } from '../clock.ts';
import { networkOf } from '../ip.ts';
import { UPGRADE_MS_MAX } from '../limits.ts';
import { Counter, Counters } from '../memory/counters.ts';
import { Ringer, Sleeper } from '../memory/doorbell.ts';
import { Heart } from '../memory/heartbeat.ts';
import { pausesFor } from '../memory/pace.ts';
import { RingConsumer, RingProducer } from '../memory/ring.ts';
import { PresenceReader } from '../presence/table.ts';
import { sessionNumbers } from '../records/sessions.ts';
import { Arrivals } from '../transport/arrivals.ts';
import type { Route } from '../transport/transport.ts';
import { deviceTerms, subscriberTerms } from '../wire/upgrade-terms.ts';
import { Allowances } from './allowances.ts';
import { contained } from './contained.ts';
import { SubscriberRoute } from './deliver/subscriber-route.ts';
import { Edge, type EdgeSettings } from './edge.ts';
import { startEdgeTimers, type Watch } from './edge-timers.ts';
import type { EdgeMemory, SharedMemory } from './memory.ts';
import { OwnerLine } from './owner-line.ts';
import { Poller } from './poller.ts';
import { DeviceRoute } from './publish/device-route.ts';

export interface AttachOptions {
  readonly shared: SharedMemory;
  readonly memory: EdgeMemory;
  readonly edge: number;
  readonly settings: EdgeSettings & AdmissionSettings & UpgradeSettings & { readonly flushMaxMs: number };
  /** undefined: no token is needed. */
  readonly tokens: TokenConfig | undefined;
  /** Edges that hold subscribers. */
  readonly deliveringEdges: number;
  /** How the process's open files are shared out. */
  readonly files: FileBudget;
  /** This edge holds devices and subscribers. */
  readonly isBoth: boolean;
  /** A frame met a bug; its connection stays. */
  frameFailed(failure: Error): void;
}

export interface AttachedEdge {
  readonly edge: Edge;
  readonly admission: Admission;
  readonly counters: Counters;
  readonly poller: Poller;
  /** Of all listeners of this thread. */
  readonly arrivals: Arrivals;
  readonly deviceRoute: Route<unknown>;
  readonly subscriberRoute: Route<unknown>;
  /** @param stalled told how long the thread did not run @returns stops it */
  startTimers(further: readonly Watch[], stalled?: (ms: number) => void): () => void;
}

export function attachEdge(options: AttachOptions): AttachedEdge {
  const { shared, memory, settings, tokens, deliveringEdges, isBoth, files, frameFailed } = options;
  const clock = systemClock;
  const counters = new Counters(memory.counters);
  counters.clearGauges(); // of a thread in whose place this one is
  const admission = new Admission({
    memory: shared.admission,
    thread: options.edge,
    settings,
    tokens,
    clock,
    counters,
  });
  const threads = shared.admission.counters.length;
  const arrivals = new Arrivals({
    limits: {
      total: () => Math.ceil(waitingMax(files, admission.state.open) / threads),
      perNetwork: Math.ceil(files.waiting / threads / 2),
      timeoutMs: UPGRADE_MS_MAX,
    },
    clock,
    networkOf,
    dropped: (why) => counters.add(Counter[refusalCounters[why]]),
  });
  const away = new Int32Array(shared.ownerAway);
  const edge = new Edge({
    admission,
    presence: new PresenceReader(shared.presence),
    line: new OwnerLine(new RingProducer(memory.toOwner), new Ringer(shared.ownerDoorbell)),
    fromOwner: new RingConsumer(memory.fromOwner),
    clock,
    counters,
    allowances: new Allowances(shared.allowances),
    settings,
    deliveringEdges,
    numbers: (isUsed) => sessionNumbers(memory.sessions, options.edge, isUsed),
    isOwnerAway: () => Atomics.load(away, 0) === 1,
    ...(isBoth && { relieve: () => poller.turnNow() }),
  });
  const poller = new Poller({
    poll: () => edge.poll(),
    hasRecords: () => edge.hasRecords(),
    hasUnsent: () => edge.deliverer.hasUnsent,
    hasBacklog: () => edge.hasBacklog(),
    sleeper: new Sleeper(memory.doorbell),
    clock,
    pollMs: pausesFor(settings.flushMaxMs).edgePollMs,
  });
  const devices = new Upgrades({ admission, settings, role: 'device', ...deviceTerms });
  const subscribers = new Upgrades({ admission, settings, role: 'subscriber', ...subscriberTerms });
  return {
    edge,
    admission,
    counters,
    poller,
    arrivals,
    deviceRoute: contained(new DeviceRoute(edge, devices).route(), counters, frameFailed),
    subscriberRoute: contained(new SubscriberRoute(edge, subscribers).route(), counters, frameFailed),
    startTimers(further, stalled) {
      const watched = [edge.liveness, edge.deliverer.sendQueues, ...further];
      return startEdgeTimers(watched, counters, new Heart(memory.heartbeat, clock), (ms) => {
        stalled?.(ms);
        edge.liveness.credit(ms);
      });
    },
  };
}
