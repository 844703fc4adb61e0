/** The composition root: builds the hub's parts from settings, and takes them apart again. It only wires. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { Gates } from './access/gates.ts';
import { isShortSecret, readTokenConfig } from './access/keys.ts';
import { connectionsForOpenFiles } from './access/open-files.ts';
import type { AdminDeps } from './admin/deps.ts';
import type { Fault } from './admin/faults.ts';
import { startAdmin } from './admin/server.ts';
import { adminTokens } from './admin/tokens.ts';
import { systemClock } from './clock.ts';
import { Fanout } from './fanout/fanout.ts';
import { sessionNumbers } from './fanout/session-numbers.ts';
import type { SubscriberSession } from './fanout/subscriber-session.ts';
import { Ingest } from './ingest/ingest.ts';
import { CLOSE_HANDSHAKE_MS, END_SLACK_MS, SNAPSHOT_MS_MAX, THREAD_STOP_MS_MAX } from './limits.ts';
import { Counter, Counters } from './memory/counters.ts';
import { Ringer, Sleeper } from './memory/doorbell.ts';
import { RingConsumer, RingProducer, ringUsedRatio } from './memory/ring.ts';
import { PresenceReader } from './presence/table.ts';
import { packageVersion, resolveFanoutWorkers, type Settings } from './settings.ts';
import { Bells } from './threads/bells.ts';
import { CrashLimit } from './threads/crash-limit.ts';
import { closePaced, doAll, reconnectSpread } from './threads/drain.ts';
import { startEdgeTimers } from './threads/edge-timers.ts';
import { FanoutPool } from './threads/fanout-pool.ts';
import { HEALTH_TICK_MS, Health, type WatchedThread } from './threads/health.ts';
import { Heart } from './threads/heartbeat.ts';
import { createHubMemory, type EdgeMemory, type HubMemory } from './threads/memory.ts';
import { OVERLOAD_TICK_MS, Overload } from './threads/overload.ts';
import { OwnerThread } from './threads/owner-thread.ts';
import { Poller } from './threads/poller.ts';
import { residentBytes } from './threads/resident-bytes.ts';
import { RuleKeeper } from './threads/rule-keeper.ts';
import { SlowReports } from './threads/slow-reports.ts';
import { lockSnapshot, snapshotSource, snapshotsOf } from './threads/snapshots.ts';
import { pausesFor } from './threads/tasks.ts';
import { chooseTransport } from './transport/choose.ts';
import { contained } from './transport/contained.ts';
import { readTls } from './transport/tls.ts';
import type { Acceptor, Listener, ListenerOptions, Transport } from './transport/transport.ts';

/** From `dist/src/` to `dist/dashboard/`. */
const DASHBOARD = fileURLToPath(new URL('../dashboard/', import.meta.url));

/** A running hub. */
export interface Hub {
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly adminPort: number;
  /** What carries the sockets and why, one line. */
  readonly transport: string;
  readonly fanoutWorkers: number;
  /** Says goodbye to everyone and ends all threads. A second call waits for the first. Never rejects. */
  drain(): Promise<Drained>;
}

/** How a drain ended. */
export interface Drained {
  /** What operators changed since the last snapshot is lost: the one at the end could not be written. */
  readonly isSnapshotLost: boolean;
  /** What failed or hung on the way; the rest was done. */
  readonly failures: readonly unknown[];
}

/**
 * Starts a hub in this process, with threads of its own.
 * @param failed called once when a thread of the hub ends by itself: the process should drain and end
 * @throws ListenError when a port cannot be bound
 * @throws KeyError when the file of the public key, the certificate or its key cannot be used
 * @throws SnapshotRefused when there is a snapshot that cannot be restored, or none could be written
 */
export async function startHub(
  settings: Settings,
  logger: Logger,
  failed: (failure: Error) => void,
): Promise<Hub> {
  const snapshot = snapshotSource(settings);
  const readFile = (path: string): string => readFileSync(path, 'utf8');
  const tls = readTls(settings, readFile);
  if (tls !== undefined && tls.expiresAtMs < Date.now()) logger.warn('the certificate has expired');
  const { transport, reason } = await chooseTransport(settings.transport, tls);
  const workers =
    transport.threads === undefined ? 0 : resolveFanoutWorkers(settings, availableParallelism());
  const capacity = {
    devices: settings.maxDevices,
    subscribers: settings.maxSubscribers,
    subscriptions: settings.maxSubscriptions,
  };
  const tokens = readTokenConfig(settings, readFile);
  if (isShortSecret(settings)) logger.warn('DAT_AUTH_JWT_SECRET is shorter than 32 bytes: it may be guessed');
  const { maxMessageBytes, maxConnections } = settings;
  const connectionsMax = maxConnections === 'auto' ? connectionsForOpenFiles() : maxConnections;
  const memory = createHubMemory(capacity, { maxMessageBytes, connectionsMax }, workers);
  const presence = new PresenceReader(memory.presence);
  const counters = new Counters(memory.mainCounters);
  const ownerRinger = new Ringer(memory.ownerDoorbell);
  const edge = ({ toOwner, fromOwner }: EdgeMemory) => ({
    presence,
    toOwner: new RingProducer(toOwner),
    fromOwner: new RingConsumer(fromOwner),
    ownerRinger,
    clock: systemClock,
    counters,
    settings,
  });
  const relief = workers === 0 ? { relieve: () => poller.turnNow() } : {};
  const gates = new Gates({ door: memory.door, thread: 0, settings, tokens, clock: systemClock, counters });
  const ingest = new Ingest({ ...edge(memory.ingest), ...relief, gate: gates.gateFor('device') });
  const fanout =
    workers === 0
      ? new Fanout({
          ...edge(memory.fanout[0]!),
          gate: gates.gateFor('subscriber'),
          fanoutThreads: 1,
          nextSession: sessionNumbers(memory.fanout[0]!.sessions),
        })
      : undefined;
  const parts = fanout === undefined ? [ingest] : [ingest, fanout];

  const poller = new Poller({
    poll: () => parts.reduce((done, part) => done + part.poll(), 0),
    hasRecords: () => parts.some((part) => part.hasRecords()),
    hasUnsent: () => fanout?.hasUnsent ?? false,
    hasBacklog: () => parts.some((part) => part.hasBacklog()),
    sleeper: new Sleeper(memory.mainDoorbell),
    clock: systemClock,
    pollMs: pausesFor(settings.flushMaxMs).fanoutPollMs,
  });
  const bells = new Bells(workers, poller.wake);
  const crashes = new CrashLimit(systemClock);
  const lock = await lockSnapshot(settings, logger);
  const { owner, restored } = await OwnerThread.start(
    {
      memory,
      settings,
      bells,
      ringer: ownerRinger,
      crashes,
      rules: () => rules.list,
      away(failure) {
        ingest.ownerIsAway = true;
        logger.error({ err: failure }, 'the owner thread died');
      },
      back() {
        ingest.ownerIsAway = false;
        logger.info('another owner thread has taken over');
      },
      failed,
    },
    snapshot,
  ).catch((error: unknown) => {
    lock?.release();
    throw error;
  });
  const rules = new RuleKeeper(restored?.rules ?? [], (command) => owner.operate(command));
  const snapshots = snapshotsOf(settings, memory.presence, rules, restored, logger);
  let draining = false;
  let pool: FanoutPool | undefined;
  const inject = (fault: Fault): void => {
    if (fault.thread === 'owner') owner.fault(fault.how, fault.ms);
    else pool?.fault(fault.worker);
  };
  const notReady = (): string | undefined => {
    if (draining) return 'draining';
    return ingest.ownerIsAway ? 'the owner thread is being started anew' : (health.reason ?? overload.reason);
  };
  const frameFailed = (failure: Error): void =>
    logger.error({ err: failure }, 'a frame met a bug; its connection stays');
  const figures = figuresOf(memory, counters, workers);
  const health = new Health(beatingThreads(memory, workers));
  const overload = new Overload({
    settings,
    threads: figures.threads,
    residentBytes,
    changed(overloaded) {
      gates.door.setOverloaded(overloaded);
      if (overloaded) logger.warn({ reason: overload.reason }, 'turning new peers away');
      else logger.info('letting peers in again');
    },
  });
  const slow = new SlowReports(systemClock);
  let isSnapshotLost = false;
  const undo: (() => unknown)[] = [
    () => poller.stop(),
    () => bells.close(),
    () => owner.stop(),
    async () => {
      isSnapshotLost = (await snapshots?.finish()) === false;
    },
    () => lock?.release(),
  ];
  try {
    const admin = await startAdmin(
      { ...settings, port: settings.adminPort, dashboard: DASHBOARD, tls },
      {
        ...figures,
        version: packageVersion(),
        transport: transport.name,
        fanoutWorkers: workers,
        presence,
        clock: systemClock,
        startedAtMs: Date.now(),
        workerRestarts: () => ({ owner: owner.restarts, fanout: pool?.restarts ?? 0 }),
        notReady: () => notReady(),
        notAlive: () => health.deadReason,
        lateSeconds: (thread) => health.lateSeconds(thread),
        connectedAt: (session) => ingest.connectedAt(session),
        operate: (command) => owner.operate(command),
        ...adminTokens(gates.verifier),
        rules,
        snapshots,
        ...(settings.faultInjection && { fault: (fault: Fault) => inject(fault) }),
        slowSubscribers: () => fanout?.sendQueues.slow() ?? slow.list(),
        tap: (device, listener) => ingest.taps.add(device, listener),
        failed: (error) => logger.error({ err: error }, 'an admin request failed'),
      },
    );
    undo.unshift(() => admin.close());
    const devices = await transport.listen(
      settings.host,
      settings.devicePort,
      contained(ingest.listenerOptions(), counters, frameFailed),
    );
    undo.unshift(() => devices.close());
    const local = fanout && { fanout, options: contained(fanout.listenerOptions(), counters, frameFailed) };
    const subscribers = await openSubscribers(transport, settings, local, (acceptor) =>
      FanoutPool.start({
        workers,
        memory,
        settings,
        tokens,
        acceptor,
        owner,
        bells,
        crashes,
        restarting: (worker, failure) =>
          logger.error({ err: failure, worker }, 'a fan-out thread died; another takes its place'),
        failed,
        frameFailed,
        slow: slow.report,
      }),
    );
    pool = subscribers.pool;
    undo.unshift(() => subscribers.close());
    const watched = [...parts.map(({ liveness }) => liveness), ...(fanout ? [fanout.sendQueues] : [])];
    const heart = new Heart(memory.mainHeartbeat, systemClock);
    const stalled = (ms: number): void => {
      logger.warn({ ms }, 'the main thread did not run; what it could not hear counts for nobody');
      for (const { liveness } of parts) liveness.credit(ms);
    };
    undo.unshift(startEdgeTimers(watched, counters, heart, stalled));
    const watches = [
      setInterval(() => overload.tick(), OVERLOAD_TICK_MS),
      setInterval(() => health.tick(), HEALTH_TICK_MS),
    ];
    undo.unshift(() => watches.forEach(clearInterval));
    poller.wake();
    snapshots?.start();

    let drained: Promise<Drained> | undefined;
    const drain = async (): Promise<Drained> => {
      draining = true;
      const peers = { ingest, fanout, pool: subscribers.pool, memory };
      const failures = await doAll([() => sayGoodbye(settings, peers), ...undo], endStepMsMax(settings));
      return { isSnapshotLost, failures };
    };
    return {
      devicePort: devices.port,
      subscriberPort: subscribers.port,
      adminPort: admin.port,
      transport: reason,
      fanoutWorkers: workers,
      drain: () => (drained ??= drain()),
    };
  } catch (error) {
    await doAll(undo, endStepMsMax(settings));
    throw error;
  }
}

interface EndSettings {
  readonly drainTimeoutMs: number;
}

/** The longest that one step of the end may take: the goodbyes, or the snapshot under way and the last one. */
function endStepMsMax({ drainTimeoutMs }: EndSettings): number {
  return Math.max(drainTimeoutMs + CLOSE_HANDSHAKE_MS + THREAD_STOP_MS_MAX, 2 * SNAPSHOT_MS_MAX);
}

/** The longest that a drain may take. */
export function endMsMax(settings: EndSettings): number {
  return settings.drainTimeoutMs + CLOSE_HANDSHAKE_MS + endStepMsMax(settings) + END_SLACK_MS;
}

function beatingThreads(memory: HubMemory, workers: number): WatchedThread[] {
  const fanout = workers === 0 ? [] : memory.fanout;
  return [
    { thread: 'owner', heartbeat: memory.ownerHeartbeat },
    ...fanout.map(({ heartbeat }, worker) => ({ thread: `fanout-${worker}`, heartbeat })),
  ];
}

interface Subscribers {
  readonly port: number;
  readonly pool: FanoutPool | undefined;
  close(): Promise<void>;
}

/** The subscribers' listener: on main, or an acceptor that hands sockets to the workers. */
async function openSubscribers(
  { listen, threads }: Transport,
  settings: Settings,
  local: { fanout: Fanout; options: ListenerOptions<SubscriberSession> } | undefined,
  startPool: (acceptor: Acceptor) => Promise<FanoutPool>,
): Promise<Subscribers> {
  if (local !== undefined) {
    const listener: Listener = await listen(settings.host, settings.subscriberPort, local.options);
    local.fanout.attach(listener);
    return { port: listener.port, pool: undefined, close: async () => listener.close() };
  }
  const acceptor: Acceptor = await threads!.acceptor(settings.host, settings.subscriberPort);
  const pool = await startPool(acceptor);
  return {
    port: acceptor.port,
    pool,
    async close() {
      acceptor.stopAccepting();
      await pool.stop();
      acceptor.close();
    },
  };
}

/** Tells every peer and closes it; the closes per second are shared out by the number of peers. */
async function sayGoodbye(
  { drainRate, drainTimeoutMs }: Settings,
  {
    ingest,
    fanout,
    pool,
    memory,
  }: { ingest: Ingest; fanout: Fanout | undefined; pool: FanoutPool | undefined; memory: HubMemory },
): Promise<void> {
  const subscribersOf = memory.fanout.map(
    ({ counters }) => new Counters(counters).cells[Counter.subscriberConnections]!,
  );
  const all = ingest.connectionCount + subscribersOf.reduce((sum, count) => sum + count, 0);
  const share = (count: number): number => Math.max(1, Math.round((drainRate * count) / Math.max(1, all)));
  const spread = reconnectSpread(all, drainRate);
  const here = [...ingest.startDraining(spread), ...(fanout?.startDraining(spread) ?? [])];
  const countHere = (): number => ingest.connectionCount + (fanout?.connectionCount ?? 0);
  await Promise.all([
    closePaced(here, countHere, share(here.length), drainTimeoutMs),
    pool?.drain((worker) => share(subscribersOf[worker]!), drainTimeoutMs),
  ]);
}

function figuresOf(memory: HubMemory, main: Counters, workers: number): Pick<AdminDeps, 'threads' | 'rings'> {
  const own = workers === 0 ? [] : memory.fanout;
  const ring = (name: string, shared: SharedArrayBuffer) => ({
    ring: name,
    usedRatio: () => ringUsedRatio(shared),
  });
  return {
    threads: [
      { thread: 'main', counters: main },
      { thread: 'owner', counters: new Counters(memory.ownerCounters) },
      ...own.map(({ counters }, worker) => ({
        thread: `fanout-${worker}`,
        counters: new Counters(counters),
      })),
    ],
    rings: [
      ring('ingest', memory.ingest.toOwner),
      ring('ingest-replies', memory.ingest.fromOwner),
      ...memory.fanout.map(({ fromOwner }, worker) => ring(`fanout-${worker}`, fromOwner)),
      ...memory.fanout.map(({ toOwner }, worker) => ring(`fanout-${worker}-requests`, toOwner)),
    ],
  };
}
