/** What the hub hands to its admin API. Part of the composition root. */
import { fileURLToPath } from 'node:url';
import type { AdminDeps, AdminOptions } from './admin/deps.ts';
import type { Fault } from './admin/faults.ts';
import { adminTokens } from './admin/tokens.ts';
import { systemClock } from './clock.ts';
import { attachHistory, historyUsage } from './history/memory.ts';
import { HistoryReader } from './history/reader.ts';
import type { HubBase, Started } from './hub-base.ts';
import { operateOf } from './hub-cluster.ts';
import { packageFile } from './package-root.ts';
import { PresenceReader } from './presence/reader.ts';
import { packageVersion, type Settings } from './settings.ts';
import type { ClusterThread } from './supervise/cluster-thread.ts';
import { connectionsOf } from './supervise/connections.ts';
import type { EdgeThreads } from './supervise/edge-threads.ts';
import type { Health } from './supervise/health.ts';
import type { HubMemory } from './supervise/memory.ts';
import type { Overload } from './supervise/overload.ts';
import type { OwnerThread } from './supervise/owner-thread.ts';
import type { SlowReports } from './supervise/slow-reports.ts';
import type { figuresOf } from './supervise/threads.ts';
import type { WebhookThread } from './supervise/webhook-thread.ts';
import type { Tls } from './transport/tls.ts';

const DASHBOARD = fileURLToPath(packageFile('dist/dashboard/'));

/** What a reload changes is read at the time of each request. */
export function adminOptions(settings: Settings, tls: Tls | undefined): AdminOptions {
  const { host, adminPort: port, allowedHosts, maxMessageBytes } = settings;
  return {
    host,
    port,
    allowedHosts,
    maxMessageBytes,
    dashboard: DASHBOARD,
    tls,
    get adminToken() {
      return settings.adminToken;
    },
    get allowedOrigins() {
      return settings.allowedOrigins;
    },
  };
}

/** What the admin API shows of history. */
function historyOf(settings: Settings, memory: HubMemory): Pick<AdminDeps, 'history' | 'historyUsage'> {
  const log = attachHistory(memory.history);
  const { devices } = new PresenceReader(memory.presence);
  const limits = { eventsMax: settings.historyEvents, ttlMs: settings.historyTtlMs };
  return {
    history: new HistoryReader(log, devices, limits, systemClock),
    historyUsage: () => historyUsage(log),
  };
}

/** How far the hub is, from its start to its end. */
export interface Progress {
  /** undefined until they have started. */
  threads: EdgeThreads | undefined;
  isJoined: boolean;
  /** Peers get in: every listener is open, and the threads take their connections. */
  isOpen: boolean;
  isDraining: boolean;
}

interface AdminParts {
  readonly figures: ReturnType<typeof figuresOf>;
  readonly slow: SlowReports;
  readonly overload: Overload;
  readonly webhooks: WebhookThread | undefined;
  readonly health: Health;
  readonly cluster: ClusterThread | undefined;
  readonly progress: Progress;
}

/** What the routes look at and act on: all of it is read at the time of each request. */
export function adminDeps(base: HubBase, started: Started, parts: AdminParts): AdminDeps {
  const { settings, logger, memory, main } = base;
  const { owner, rules, snapshots, ownerAway } = started;
  const { figures, slow, overload, webhooks, health, cluster, progress } = parts;
  return {
    threads: [...figures.threads, ...base.fronts.figures],
    rings: figures.rings,
    version: packageVersion(),
    transport: base.transport.name,
    fanoutWorkers: base.counts.fanout,
    ingestWorkers: base.counts.ingest,
    tlsThreads: base.fronts.watched.length,
    presence: new PresenceReader(memory.presence),
    ...historyOf(settings, memory),
    clock: systemClock,
    startedAtMs: Date.now(),
    workerRestarts: () => ({
      owner: owner.restarts,
      ingest: progress.threads?.restartsOf('ingest') ?? 0,
      fanout: progress.threads?.restartsOf('fanout') ?? 0,
      ...(base.fronts.isPrepared && { tls: base.fronts.restarts }),
      ...(cluster && { cluster: cluster.restarts }),
      ...(webhooks && { webhooks: webhooks.restarts }),
    }),
    certificateExpiresAtMs: () => base.reloader.tls?.expiresAtMs,
    connectionsUsedRatio: () => main.admission.state.usedRatio,
    notReady: () => {
      if (progress.isDraining) return 'draining';
      if (!progress.isJoined) return 'the hub is joining its cluster';
      if (!progress.isOpen) return 'the hub is starting';
      const isAway = Atomics.load(ownerAway, 0) === 1;
      return isAway ? 'the owner thread is being restarted' : (health.reason ?? overload.reason);
    },
    notAlive: () => health.deadReason,
    lateSeconds: (thread) => health.lateSeconds(thread),
    operate: operateOf(base, started, cluster),
    ...adminTokens(main.admission.verifier),
    rules,
    snapshots,
    ...(settings.faultInjection && {
      fault: (fault: Fault) => inject(base, fault, owner, progress.threads, cluster),
    }),
    connections: (sessions) => connectionsOf(sessions, main.edge, progress.threads),
    slowSubscribers: () => [...main.edge.deliverer.sendQueues.slow(), ...slow.list()],
    tap: (device, listener) => main.edge.publisher.taps.add(device, listener),
    reload: () => base.reloader.reload(),
    activity: base.activity,
    webhooks,
    ...(cluster && { cluster }),
    failed: (error) => logger.error({ err: error }, 'an admin request failed'),
  };
}

/** For tests: breaks a thread. */
function inject(
  { edges, fronts }: HubBase,
  fault: Fault,
  owner: OwnerThread,
  threads: EdgeThreads | undefined,
  cluster: ClusterThread | undefined,
): void {
  if (fault.thread === 'cluster') {
    cluster?.fault();
    return;
  }
  if (fault.thread === 'owner') {
    owner.fault(fault.how, fault.ms);
    return;
  }
  if (fault.thread === 'tls') {
    fronts.fault(fault.worker);
    return;
  }
  const planned = edges.find(({ name }) => name === `${fault.thread}-${fault.worker}`);
  if (planned !== undefined) threads?.fault(planned.edge);
}
