/** The composition root: builds the hub's parts from settings, and takes them apart again. It only wires. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { refusalCounters } from './access/admission.ts';
import { isShortSecret, readTokenConfig, type TokenConfig } from './access/keys.ts';
import { type FileBudget, fileBudget } from './access/open-files.ts';
import type { Fault } from './admin/faults.ts';
import { startAdmin } from './admin/server.ts';
import { adminTokens } from './admin/tokens.ts';
import { systemClock } from './clock.ts';
import { type AttachedEdge, attachEdge } from './edge/attach.ts';
import { Counter } from './memory/counters.ts';
import { Ringer } from './memory/doorbell.ts';
import { PresenceReader } from './presence/table.ts';
import { setUwsEnvironment } from './settings/uws-environment.ts';
import { packageVersion, resolveFanoutWorkers, type Settings } from './settings.ts';
import { Bells } from './supervise/bells.ts';
import { CrashLimit } from './supervise/crash-limit.ts';
import { descriptorReserve } from './supervise/descriptor-reserve.ts';
import { EdgeThreads } from './supervise/edge-threads.ts';
import { sayGoodbye } from './supervise/goodbye.ts';
import { createHubMemory, type HubMemory, MAIN_EDGE } from './supervise/memory.ts';
import { OVERLOAD_TICK_MS, Overload } from './supervise/overload.ts';
import { OwnerThread } from './supervise/owner-thread.ts';
import { residentBytes } from './supervise/resident-bytes.ts';
import { RuleKeeper } from './supervise/rule-keeper.ts';
import { SlowReports } from './supervise/slow-reports.ts';
import { snapshotSource, snapshotsOf } from './supervise/snapshots.ts';
import { edgeName, figuresOf } from './supervise/threads.ts';
import { tlsFronts } from './supervise/tls-fronts.ts';
import { chooseTransport, tlsEndOf } from './transport/choose.ts';
import { readTls, type Tls } from './transport/tls.ts';
import type { Transport } from './transport/transport.ts';

/** From `dist/src/` to `dist/dashboard/`. */
const DASHBOARD = fileURLToPath(new URL('../dashboard/', import.meta.url));

/** A running hub. */
export interface Hub {
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly adminPort: number;
  /** What carries the connections and why, one line. */
  readonly transport: string;
  readonly fanoutWorkers: number;
  /** Says goodbye to everyone and ends all threads. A second call waits for the first. */
  drain(): Promise<void>;
}

/** Tells the process that it should drain and end. */
type Failed = (failure: Error) => void;

/** What the hub is built on. */
interface Base {
  readonly settings: Settings;
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
  readonly files: FileBudget;
}

/** Those of devices and of subscribers. */
const FRONTED_LISTENERS = 2;
/** The client's, and both ends of the way to the listener. */
const FILES_PER_FRONTED_CONNECTION = 3;

/** Undoes what was built, the last first. */
type Undo = (() => unknown)[];

/**
 * Starts a hub in this process, with threads of its own.
 * @param failed called once when a thread of the hub ends by itself: the process should drain and end
 * @throws ListenError when a port cannot be bound
 * @throws KeyError when the file of the public key, the certificate or its key cannot be used
 * @throws SnapshotRefused when there is a snapshot that cannot be restored, or none could be written
 */
export async function startHub(settings: Settings, logger: Logger, failed: Failed): Promise<Hub> {
  const snapshot = snapshotSource(settings);
  const base = await layBase(settings, logger, failed);
  const { memory, main, crashes } = base;
  const bells = new Bells(memory.edges.length, main.poller.wake);
  const ownerAway = new Int32Array(memory.ownerAway);
  const { owner, restored } = await OwnerThread.start(
    {
      memory,
      settings,
      bells,
      ringer: new Ringer(memory.ownerDoorbell),
      crashes,
      rules: () => rules.list,
      away(failure) {
        Atomics.store(ownerAway, 0, 1);
        logger.error({ err: failure }, 'the owner thread died');
      },
      back() {
        Atomics.store(ownerAway, 0, 0);
        logger.info('another owner thread has taken over');
      },
      failed,
    },
    snapshot,
  );
  const rules = new RuleKeeper(restored?.rules ?? [], (command) => owner.operate(command));
  const snapshots = snapshotsOf(settings, memory.presence, rules, restored, logger);
  const undo: Undo = [
    () => main.poller.stop(),
    () => bells.close(),
    () => owner.stop(),
    () => snapshots?.finish(),
  ];
  try {
    return await openHub(base, { owner, rules, snapshots, bells, ownerAway }, undo);
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }
}

async function layBase(settings: Settings, logger: Logger, failed: Failed): Promise<Base> {
  const readFile = (path: string): string => readFileSync(path, 'utf8');
  const tls = readTls(settings, readFile);
  if (tls !== undefined && tls.expiresAtMs < Date.now()) logger.warn('the certificate has expired');
  setUwsEnvironment();
  const { transport, reason } = await chooseTransport(settings.transport, {
    tls,
    end: tlsEndOf(settings),
    startFront: (place) => fronts(place), // when it listens: below
  });
  const tokens = readTokenConfig(settings, readFile);
  if (isShortSecret(settings)) logger.warn('DAT_AUTH_JWT_SECRET is shorter than 32 bytes: it may be guessed');
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
  const limits = { maxMessageBytes, connectionsMax };
  const memory = createHubMemory({ devices, subscribers, subscriptions }, limits, 1 + workers);
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
  });
  const crashes = new CrashLimit(systemClock);
  const fronts = tlsFronts({
    certificate: { cert: tls?.cert ?? '', key: tls?.key ?? '' },
    files,
    parts: FRONTED_LISTENERS,
    admission: memory.admission,
    crashes,
    dropped: (why, count) => main.counters.add(Counter[refusalCounters[why]], count),
    restarting: (thread, failure) =>
      logger.error({ err: failure, thread }, 'a thread died; another takes its place'),
    failed,
  });
  return {
    settings,
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
  };
}

/** What was started on the base. */
interface Started {
  readonly owner: OwnerThread;
  readonly rules: RuleKeeper;
  readonly snapshots: ReturnType<typeof snapshotsOf>;
  readonly bells: Bells;
  readonly ownerAway: Int32Array;
}

/** Opens the listeners: the admin's first, which says how far the others are. */
async function openHub(base: Base, started: Started, undo: Undo): Promise<Hub> {
  const { settings, logger, memory, main, transport } = base;
  const { owner, rules, snapshots, ownerAway } = started;
  const figures = figuresOf(memory);
  const slow = new SlowReports(systemClock);
  const overload = watchOverload(base, figures.threads);
  let threads: EdgeThreads | undefined;
  let draining = false;
  const admin = await startAdmin(
    { ...settings, port: settings.adminPort, dashboard: DASHBOARD, tls: base.tls },
    {
      ...figures,
      version: packageVersion(),
      transport: transport.name,
      fanoutWorkers: base.others.length,
      presence: new PresenceReader(memory.presence),
      clock: systemClock,
      startedAtMs: Date.now(),
      workerRestarts: () => ({ owner: owner.restarts, fanout: threads?.restarts ?? 0 }),
      notReady: () => {
        if (draining) return 'draining';
        const isAway = Atomics.load(ownerAway, 0) === 1;
        return isAway ? 'the owner thread is being started anew' : overload.reason;
      },
      alive: () => true,
      operate: (command) => owner.operate(command),
      ...adminTokens(main.admission.verifier),
      rules,
      snapshots,
      ...(settings.faultInjection && { fault: (fault: Fault) => inject(fault, owner, threads) }),
      slowSubscribers: () => [...main.edge.deliverer.sendQueues.slow(), ...slow.list()],
      tap: (device, listener) => main.edge.publisher.taps.add(device, listener),
      failed: (error) => logger.error({ err: error }, 'an admin request failed'),
    },
  );
  undo.unshift(() => admin.close());
  const devices = await transport.listen(settings.host, settings.devicePort, {
    routes: [main.deviceRoute],
    arrivals: main.arrivals,
  });
  undo.unshift(() => devices.close());
  const subscribers = await openSubscribers(base, started, slow);
  threads = subscribers.threads;
  undo.unshift(() => subscribers.close());
  const stalled = (ms: number): void =>
    logger.warn({ ms }, 'the main thread did not run; what it could not hear counts for nobody');
  undo.unshift(main.startTimers([], stalled));
  const watch = setInterval(() => overload.tick(), OVERLOAD_TICK_MS);
  undo.unshift(() => clearInterval(watch));
  main.poller.wake();
  snapshots?.start();
  descriptorReserve.keep();
  undo.push(() => descriptorReserve.release());

  let drained: Promise<void> | undefined;
  const drain = async (): Promise<void> => {
    draining = true;
    await sayGoodbye(settings, memory, main.edge, threads);
    for (const step of undo) await step();
  };
  return {
    devicePort: devices.port,
    subscriberPort: subscribers.port,
    adminPort: admin.port,
    transport: base.reason,
    fanoutWorkers: base.others.length,
    drain: () => (drained ??= drain()),
  };
}

/** The subscribers' listener: on main, or an acceptor that hands connections to the other edges. */
async function openSubscribers(
  base: Base,
  { owner, bells }: Started,
  slow: SlowReports,
): Promise<{ readonly port: number; readonly threads: EdgeThreads | undefined; close(): Promise<void> }> {
  const { settings, logger, memory, main, transport, tokens, others: edges, crashes, failed } = base;
  const { host, subscriberPort } = settings;
  if (edges.length === 0) {
    const listener = await transport.listen(host, subscriberPort, {
      routes: [main.subscriberRoute],
      arrivals: main.arrivals,
    });
    main.edge.deliverer.attach(listener);
    return { port: listener.port, threads: undefined, close: async () => listener.close() };
  }
  const acceptor = await transport.threads!.acceptor(host, subscriberPort, main.arrivals);
  const threads = await EdgeThreads.start({
    edges,
    memory,
    settings,
    tokens,
    files: base.files,
    acceptor,
    owner,
    bells,
    crashes,
    nameOf: edgeName,
    restarting: (edge, failure) =>
      logger.error({ err: failure, thread: edgeName(edge) }, 'a thread died; another takes its place'),
    failed,
    frameFailed: (failure) => frameFailed(logger, failure),
    slow: slow.report,
  });
  return {
    port: acceptor.port,
    threads,
    async close() {
      acceptor.stopAccepting();
      await threads.stop();
      await acceptor.close();
    },
  };
}

function watchOverload({ settings, logger, main }: Base, threads: ReturnType<typeof figuresOf>['threads']) {
  const overload = new Overload({
    settings,
    threads,
    residentBytes,
    changed(overloaded) {
      main.admission.state.setOverloaded(overloaded);
      if (overloaded) logger.warn({ reason: overload.reason }, 'turning new peers away');
      else logger.info('letting peers in again');
    },
  });
  return overload;
}

/** For tests: breaks a thread. */
function inject(fault: Fault, owner: OwnerThread, threads: EdgeThreads | undefined): void {
  if (fault.thread === 'owner') owner.fault(fault.how);
  else threads?.fault(MAIN_EDGE + 1 + fault.worker);
}

function frameFailed(logger: Logger, failure: Error): void {
  logger.error({ err: failure }, 'a frame met a bug; its connection stays');
}
