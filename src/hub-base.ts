/** What a hub is built on: its keys, its transport, its memory, and main's edge. */
import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import { refusalCounters } from './access/admission.ts';
import { readTokenConfig, type TokenConfig } from './access/keys.ts';
import { type FileBudget, fileBudget } from './access/open-files.ts';
import { systemClock } from './clock.ts';
import { type AttachedEdge, attachEdge } from './edge/attach.ts';
import { Counter } from './memory/counters.ts';
import { Reloader, type ReloadSource } from './reload.ts';
import { setUwsEnvironment } from './settings/uws-environment.ts';
import { readTextFile, resolveFanoutWorkers, resolveHistoryBytes, type Settings } from './settings.ts';
import { Activity } from './supervise/activity.ts';
import { CrashLimit } from './supervise/crash-limit.ts';
import { createHubMemory, type HubMemory, MAIN_EDGE } from './supervise/memory.ts';
import { TlsFronts } from './supervise/tls-fronts.ts';
import { chooseTransport } from './transport/choose.ts';
import { readTls, type Tls } from './transport/tls.ts';
import type { Transport } from './transport/transport.ts';

/** Tells the process that it should drain and end. */
export type Failed = (failure: Error) => void;

/** What the hub is built on. */
export interface Base {
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
  /** Edges that are threads of their own. */
  readonly others: readonly number[];
  readonly memory: HubMemory;
  readonly main: AttachedEdge;
  readonly crashes: CrashLimit;
  /** How the process's open files are shared out. */
  readonly files: FileBudget;
  /** The threads that end TLS; none unless `DAT_TLS_END=front` applies. */
  readonly fronts: TlsFronts;
}

/** Of devices and of subscribers. */
const FRONTED_LISTENERS = 2;
/** The client's socket, and both ends of the Unix socket. */
const FILES_PER_FRONTED_CONNECTION = 3;

/**
 * @throws KeyError when the file of the public key, the certificate or its key cannot be used
 */
export async function layBase(
  settings: Settings,
  logger: Logger,
  failed: Failed,
  load: () => ReloadSource,
): Promise<Base> {
  const tls = readTls(settings, readTextFile);
  if (tls !== undefined && tls.expiresAtMs < Date.now()) logger.warn('the certificate has expired');
  setUwsEnvironment();
  const fronts = new TlsFronts();
  const { transport, reason } = await chooseTransport(settings.transport, {
    tls,
    end: settings.tlsEnd,
    startFront: fronts.start,
  });
  const tokens = readTokenConfig(settings, readTextFile);
  const workers =
    transport.threads === undefined ? 0 : resolveFanoutWorkers(settings, availableParallelism());
  const others = Array.from({ length: workers }, (_, worker) => MAIN_EDGE + 1 + worker);
  const { maxDevices: devices, maxSubscribers: subscribers, maxSubscriptions: subscriptions } = settings;
  const { maxMessageBytes, maxConnections } = settings;
  const isFronted = tls !== undefined && transport.name === 'uws' && settings.tlsEnd === 'front';
  const files = fileBudget({
    threads: workers + (isFronted ? FRONTED_LISTENERS : 0),
    perConnection: isFronted ? FILES_PER_FRONTED_CONNECTION : 1,
  });
  const connectionsMax = maxConnections === 'auto' ? files.connections : maxConnections;
  const limits = { maxMessageBytes, connectionsMax, historyBytes: resolveHistoryBytes(settings) };
  const memory = createHubMemory({ devices, subscribers, subscriptions }, limits, 1 + workers);
  const activity = new Activity(logger);
  const main = attachEdge({
    shared: memory,
    memory: memory.edges[MAIN_EDGE]!,
    edge: MAIN_EDGE,
    settings,
    tokens,
    deliveringEdges: Math.max(1, workers),
    isBoth: workers === 0,
    files,
    frameFailed: (failure) => frameFailed(logger, failure),
    journal: (entries) => activity.journal('main', entries),
  });
  const crashes = new CrashLimit(systemClock);
  if (isFronted) {
    fronts.prepare({
      tls,
      files,
      count: FRONTED_LISTENERS,
      admission: memory.admission,
      crashes,
      dropped: (why, count) => main.counters.add(Counter[refusalCounters[why]], count),
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
    others,
    memory,
    main,
    crashes,
    files,
    fronts,
  };
}

export function frameFailed(logger: Logger, failure: Error): void {
  logger.error({ err: failure }, 'a frame met a bug; its connection stays');
}
