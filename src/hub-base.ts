/** What a hub is built on: its keys, its transport, its memory, and main's edge. */
import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import { readTokenConfig, type TokenConfig } from './access/keys.ts';
import { checkNatsCreds } from './access/nats-creds.ts';
import { type FileBudget, fileBudget } from './access/open-files.ts';
import { systemClock } from './clock.ts';
import { type AttachedEdge, attachEdge } from './edge/attach.ts';
import { LISTENERS } from './records/commands.ts';
import { Reloader, type ReloadSource } from './reload.ts';
import { setUwsEnvironment } from './settings/uws-environment.ts';
import {
  readTextFile,
  resolveHistoryBytes,
  resolveThreads,
  type Settings,
  type ThreadCounts,
} from './settings.ts';
import { Activity } from './supervise/activity.ts';
import type { Bells } from './supervise/bells.ts';
import { CrashLimit } from './supervise/crash-limit.ts';
import { edgesOf, type PlannedEdge, planEdges } from './supervise/edge-plan.ts';
import { createHubMemory, type HubMemory, MAIN_EDGE } from './supervise/memory.ts';
import type { OwnerThread } from './supervise/owner-thread.ts';
import type { RuleKeeper } from './supervise/rule-keeper.ts';
import type { snapshotsOf } from './supervise/snapshots.ts';
import { TlsFronts } from './supervise/tls-fronts.ts';
import { chooseTransport } from './transport/choose.ts';
import { CERTIFICATE_EXPIRED, readTls, type Tls } from './transport/tls.ts';
import type { Transport } from './transport/transport.ts';

/** Tells the process that it should drain and end. */
export type Failed = (failure: Error) => void;

/** What the hub is built on. */
export interface HubBase {
  /** In force: a reload changes them in place. */
  readonly settings: Settings;
  readonly reloader: Reloader;
  readonly activity: Activity;
  readonly logger: Logger;
  readonly failed: Failed;
  readonly tls: Tls | undefined;
  readonly tokens: TokenConfig | undefined;
  readonly transport: Transport;
  /** Why this transport, one line. */
  readonly reason: string;
  /** Main's first; the others are threads of their own. */
  readonly edges: readonly PlannedEdge[];
  readonly counts: ThreadCounts;
  readonly memory: HubMemory;
  readonly main: AttachedEdge;
  readonly crashes: CrashLimit;
  /** How the process's open files are shared out. */
  readonly files: FileBudget;
  /** The threads that end TLS; none unless `DAT_TLS_END=front` applies. */
  readonly fronts: TlsFronts;
}

/** What was started on the base. */
export interface Started {
  readonly owner: OwnerThread;
  readonly rules: RuleKeeper;
  readonly snapshots: ReturnType<typeof snapshotsOf>;
  readonly bells: Bells;
  readonly ownerAway: Int32Array;
  /** There was a hub before this one, and what it knew. */
  readonly isRestored: boolean;
  readonly ending: AbortSignal | undefined;
}

/** The client's socket, and both ends of the Unix socket. */
const FILES_PER_FRONTED_CONNECTION = 3;

/**
 * @throws KeyError when the file of the public key, the certificate, its key or NATS' credentials cannot be used
 */
export async function layBase(
  settings: Settings,
  logger: Logger,
  failed: Failed,
  load: () => ReloadSource,
): Promise<HubBase> {
  const tls = readTls(settings, readTextFile);
  if (tls !== undefined && tls.expiresAtMs < Date.now()) logger.warn(CERTIFICATE_EXPIRED);
  setUwsEnvironment();
  const fronts = new TlsFronts();
  const { transport, reason } = await chooseTransport(settings.transport, {
    tls,
    end: settings.tlsEnd,
    startFront: fronts.start,
  });
  const tokens = readTokenConfig(settings, readTextFile);
  checkNatsCreds(settings, readTextFile);
  const counts = countThreads(settings, transport, logger);
  const edges = planEdges({ ...counts, cluster: settings.clusterNatsUrl.length > 0 });
  const clusterEdge = edges.find(({ role }) => role === 'cluster')?.edge;
  const { maxDevices: devices, maxSubscribers: subscribers, maxSubscriptions: subscriptions } = settings;
  const { maxMessageBytes, maxConnections } = settings;
  const isFronted = tls !== undefined && transport.name === 'uws' && settings.tlsEnd === 'front';
  const fronted = isFronted ? LISTENERS.length : 0;
  const files = fileBudget({
    threads: edges.length - 1 + fronted,
    perConnection: isFronted ? FILES_PER_FRONTED_CONNECTION : 1,
    // Behind the fronts only main has connections that wait: those of MQTT over TCP.
    places: isFronted ? fronted + 1 : edges.length,
  });
  const connectionsMax = maxConnections === 'auto' ? files.connections : maxConnections;
  const limits = { maxMessageBytes, connectionsMax, historyBytes: resolveHistoryBytes(settings) };
  const capacity = { devices, subscribers, subscriptions };
  const memory = createHubMemory(capacity, limits, edges.length, clusterEdge);
  const activity = new Activity(logger);
  const main = attachEdge({
    shared: memory,
    memory: memory.edges[MAIN_EDGE]!,
    edge: MAIN_EDGE,
    settings,
    tokens,
    deliveringEdges: edgesOf(edges, 'subscriber').length,
    isBoth: edges[MAIN_EDGE]!.listeners.length > 1,
    files,
    frameFailed: (failure) => frameFailed(logger, failure),
    journal: (entries) => activity.journal('main', entries),
  });
  const crashes = new CrashLimit(systemClock);
  if (isFronted) {
    fronts.prepare({
      tls,
      files,
      count: fronted,
      admission: memory.admission,
      crashes,
      restarting: (thread, failure) =>
        logger.error({ err: failure, thread }, 'a thread died; another takes its place'),
      failed,
    });
  }
  const reloader = new Reloader({ settings, tls, tokens, load, readFile: readTextFile, logger });
  return {
    settings,
    reloader,
    activity,
    logger,
    failed,
    tls,
    tokens,
    transport,
    reason,
    edges,
    counts,
    memory,
    main,
    crashes,
    files,
    fronts,
  };
}

/** On a transport without threads main holds all connections. */
function countThreads(settings: Settings, transport: Transport, logger: Logger): ThreadCounts {
  const cores = availableParallelism();
  const wanted = resolveThreads(settings, cores);
  if (transport.threads !== undefined) {
    if (settings.ingestWorkers === 'auto')
      logger.info({ cores, ingestWorkers: wanted.ingest, fanoutWorkers: wanted.fanout }, 'threads chosen');
    return wanted;
  }
  if (wanted.ingest > 0)
    logger.warn(
      { ingestWorkers: settings.ingestWorkers, transport: transport.name },
      'DAT_INGEST_WORKERS has no effect on this transport: the main thread holds the devices',
    );
  return { ingest: 0, fanout: 0 };
}

/** Logs a bug that a frame met. */
export function frameFailed(logger: Logger, failure: Error): void {
  logger.error({ err: failure }, 'a frame met a bug; its connection stays');
}
