/** The composition root: builds the hub's parts from settings, and takes them apart again. It only wires. */
import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { AdminDeps } from './admin/deps.ts';
import { startAdmin } from './admin/server.ts';
import { systemClock } from './clock.ts';
import { Fanout } from './fanout/fanout.ts';
import { Ingest } from './ingest/ingest.ts';
import { Counter, Counters } from './memory/counters.ts';
import { Ringer, Sleeper } from './memory/doorbell.ts';
import { RingConsumer, RingProducer, ringUsedRatio } from './memory/ring.ts';
import { PresenceReader } from './presence/table.ts';
import { packageVersion, resolveFanoutWorkers, type Settings } from './settings.ts';
import { closePaced, reconnectSpread } from './threads/drain.ts';
import { startEdgeTimers } from './threads/edge-timers.ts';
import { createHubMemory, type EdgeMemory, type HubMemory } from './threads/memory.ts';
import { Poller } from './threads/poller.ts';
import { RuleKeeper } from './threads/rule-keeper.ts';
import { snapshotSource, snapshotsOf } from './threads/snapshots.ts';
import { type FanoutPool, startFanoutPool, startOwner } from './threads/supervisor.ts';
import { pausesFor } from './threads/tasks.ts';
import { chooseTransport } from './transport/choose.ts';
import type { Acceptor, Listener, Transport } from './transport/transport.ts';

/** A running hub. */
export interface Hub {
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly adminPort: number;
  /** What carries the sockets and why, one line. */
  readonly transport: string;
  readonly fanoutWorkers: number;
  /** Says goodbye to everyone and ends all threads. A second call waits for the first. */
  drain(): Promise<void>;
}

/**
 * @param failed called once when a thread of the hub ends by itself: the process should drain and end
 * @throws ListenError when a port cannot be bound
 * @throws SnapshotRefused when there is a snapshot that cannot be restored, or none could be written
 */
export async function startHub(
  settings: Settings,
  logger: Logger,
  failed: (failure: Error) => void,
): Promise<Hub> {
  const snapshot = snapshotSource(settings);
  const { transport, reason } = await chooseTransport(settings.transport);
  const workers =
    transport.threads === undefined ? 0 : resolveFanoutWorkers(settings, availableParallelism());
  const capacity = {
    devices: settings.maxDevices,
    subscribers: settings.maxSubscribers,
    subscriptions: settings.maxSubscriptions,
  };
  const memory = createHubMemory(capacity, settings.maxMessageBytes, workers);
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
  const ingest = new Ingest({ ...edge(memory.ingest), ...relief });
  const fanout = workers === 0 ? new Fanout(edge(memory.fanout[0]!)) : undefined;
  const parts = fanout === undefined ? [ingest] : [ingest, fanout];

  const mainBell = new MessageChannel();
  const fanoutBells = Array.from({ length: workers }, () => new MessageChannel());
  const poller = new Poller({
    poll: () => parts.reduce((done, part) => done + part.poll(), 0),
    hasRecords: () => parts.some((part) => part.hasRecords()),
    hasUnsent: () => fanout?.hasUnsent ?? false,
    hasBacklog: () => parts.some((part) => part.hasBacklog()),
    sleeper: new Sleeper(memory.mainDoorbell),
    clock: systemClock,
    pollMs: pausesFor(settings.flushMaxMs).fanoutPollMs,
  });
  mainBell.port2.on('message', poller.wake);

  const bells = { main: mainBell.port1, fanout: fanoutBells.map(({ port1 }) => port1) };
  const owner = await startOwner(memory, settings, bells, ownerRinger, { rules: [], snapshot }, failed);
  const rules = new RuleKeeper(owner.restored?.rules ?? [], (command) => owner.operate(command));
  const snapshots = snapshotsOf(settings, memory.presence, rules, owner.restored, logger);
  let draining = false;
  const undo: (() => unknown)[] = [
    () => poller.stop(),
    () => mainBell.port2.close(),
    () => owner.stop(),
    () => snapshots?.finish(),
  ];
  try {
    const admin = await startAdmin(
      { ...settings, port: settings.adminPort },
      {
        ...figuresOf(memory, counters, workers),
        version: packageVersion(),
        transport: transport.name,
        fanoutWorkers: workers,
        presence,
        clock: systemClock,
        startedAtMs: Date.now(),
        workerRestarts: () => ({ owner: 0, fanout: 0 }),
        notReady: () => (draining ? 'draining' : undefined),
        alive: () => true,
        connectedAt: (session) => ingest.connectedAt(session),
        operate: (command) => owner.operate(command),
        rules,
        snapshots,
        failed: (error) => logger.error({ err: error }, 'an admin request failed'),
      },
    );
    undo.unshift(() => admin.close());
    const devices = await transport.listen(settings.host, settings.devicePort, ingest.listenerOptions());
    undo.unshift(() => devices.close());
    const ports = fanoutBells.map(({ port2 }) => port2);
    const subscribers = await openSubscribers(transport, settings, memory, ports, fanout, failed);
    undo.unshift(() => subscribers.close());
    const watched = parts.map(({ liveness }) => liveness);
    undo.unshift(startEdgeTimers(watched, counters));
    poller.wake();
    snapshots?.start();

    let drained: Promise<void> | undefined;
    const drain = async (): Promise<void> => {
      draining = true;
      await sayGoodbye(settings, { ingest, fanout, pool: subscribers.pool, memory });
      for (const step of undo) await step();
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
    for (const step of undo) await step();
    throw error;
  }
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
  memory: HubMemory,
  bells: readonly MessagePort[],
  fanout: Fanout | undefined,
  failed: (failure: Error) => void,
): Promise<Subscribers> {
  if (fanout !== undefined) {
    const listener: Listener = await listen(settings.host, settings.subscriberPort, fanout.listenerOptions());
    fanout.attach(listener);
    return { port: listener.port, pool: undefined, close: async () => listener.close() };
  }
  const acceptor: Acceptor = await threads!.acceptor(settings.host, settings.subscriberPort);
  const pool = await startFanoutPool(memory, settings, bells, acceptor, failed);
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
