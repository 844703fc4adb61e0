/** The composition root: starts the parts of the hub on its base, and takes them apart again. It only wires. */
import type { Logger } from 'pino';
import { type AdminServer, startAdmin } from './admin/server.ts';
import { systemClock } from './clock.ts';
import { adminDeps, adminOptions, type Progress } from './hub-admin.ts';
import { type HubBase, layBase, type Started } from './hub-base.ts';
import { joined, leaveAll, startCluster } from './hub-cluster.ts';
import { openListener, openMqtt, startThreads, stopThreads } from './hub-edges.ts';
import { Ringer } from './memory/doorbell.ts';
import type { ReloadAnswer, ReloadSource } from './reload.ts';
import type { Settings } from './settings.ts';
import { Bells } from './supervise/bells.ts';
import { descriptorReserve } from './supervise/descriptor-reserve.ts';
import type { EdgeThreads } from './supervise/edge-threads.ts';
import { doAll, endMsMax, endStepMsMax } from './supervise/end.ts';
import { sayGoodbye } from './supervise/goodbye.ts';
import { Health } from './supervise/health.ts';
import { Overload } from './supervise/overload.ts';
import { OwnerThread } from './supervise/owner-thread.ts';
import { residentBytes } from './supervise/resident-bytes.ts';
import { RuleKeeper } from './supervise/rule-keeper.ts';
import { SlowReports } from './supervise/slow-reports.ts';
import { lockSnapshot, snapshotSource, snapshotsOf } from './supervise/snapshots.ts';
import { beatingThreads, figuresOf } from './supervise/threads.ts';
import { WebhookThread } from './supervise/webhook-thread.ts';
import type { Accepting } from './transport/transport.ts';

/** A running hub. */
export interface Hub {
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly adminPort: number;
  /** Of MQTT over TCP; undefined while that is off. */
  readonly mqttPort: number | undefined;
  /** What carries the connections and why, one line. */
  readonly transport: string;
  readonly fanoutWorkers: number;
  readonly ingestWorkers: number;
  /**
   * Reads the settings, the certificate, the key files and the secrets' files again; what may take effect now does.
   * @throws ReloadRefused when anything is wrong: nothing has changed then; ReloadIncomplete when a part of the hub could
   *   not take what is new
   */
  reload(): Promise<ReloadAnswer>;
  /** The longest that a drain may take with the settings in force, ms. */
  readonly drainMsMax: number;
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

/** Undoes what was built, the last first. */
type Undo = (() => unknown)[];

/**
 * Starts a hub in this process, with threads of its own.
 * @param failed called once when a thread of the hub ends by itself: the process should drain and end
 * @param load reads the settings again, for a reload; absent: a reload reads the files again that they name
 * @param ending the process is to end: a hub that still waits for its cluster does not start
 * @throws ListenError when a port cannot be bound
 * @throws ClusterRefused when it can not be part of the cluster
 * @throws KeyError when the file of the public key, the certificate or its key cannot be used
 * @throws SnapshotRefused when there is a snapshot that cannot be restored, or none could be written
 */
export async function startHub(
  settings: Settings,
  logger: Logger,
  failed: (failure: Error) => void,
  load?: () => ReloadSource,
  ending?: AbortSignal,
): Promise<Hub> {
  const snapshot = snapshotSource(settings);
  const given = () => ({ settings, problems: [], rulesBrokenBy: () => [] });
  const base = await layBase({ ...settings }, logger, failed, load ?? given);
  const { memory, main, crashes } = base;
  const bells = new Bells(memory.edges.length, main.poller.wake);
  const ownerAway = new Int32Array(memory.ownerAway);
  const lock = await lockSnapshot(settings, logger);
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
  ).catch((error: unknown) => {
    lock?.release();
    throw error;
  });
  const rules: RuleKeeper = new RuleKeeper(restored?.rules ?? [], (command) => owner.operate(command));
  const snapshots = snapshotsOf(settings, memory.presence, rules, restored, logger);
  const undo: Undo = [
    () => main.poller.stop(),
    () => bells.close(),
    () => owner.stop(),
    () => snapshots?.finish(),
    () => lock?.release(),
  ];
  try {
    const isRestored = restored?.from !== undefined;
    return await openHub(base, { owner, rules, snapshots, bells, ownerAway, isRestored, ending }, undo);
  } catch (error) {
    await doAll(undo, endStepMsMax(settings));
    throw error;
  }
}

/** Opens the listeners: the admin's first, which says how far the others are. */
async function openHub(base: HubBase, started: Started, undo: Undo): Promise<Hub> {
  const { settings, logger, memory, main, reloader } = base;
  const { owner, snapshots } = started;
  const figures = figuresOf(memory, base.edges);
  const slow = new SlowReports(systemClock);
  const overload = watchOverload(base, figures.threads);
  const webhooks =
    settings.webhookUrl === ''
      ? undefined
      : new WebhookThread(memory.presence, settings, started.isRestored, logger);
  const health = new Health([...beatingThreads(memory, base.edges), ...base.fronts.watched]);
  let routes: AdminServer | undefined;
  const cluster = await startCluster(base, started, () => routes);
  if (cluster !== undefined) undo.unshift(() => cluster.stop());
  const isJoined = cluster === undefined;
  const progress: Progress = { threads: undefined, isJoined, isOpen: false, isDraining: false };
  const parts = { figures, slow, overload, webhooks, health, cluster, progress };
  const admin = await startAdmin(adminOptions(settings, base.tls), adminDeps(base, started, parts));
  routes = admin;
  undo.unshift(() => admin.close());
  if (cluster !== undefined) await joined(cluster, started.ending);
  progress.isJoined = true;
  await webhooks?.start();
  undo.unshift(() => webhooks?.stop());
  const devices = await openListener(base, 'device');
  undo.unshift(() => devices.close());
  const mqtt = await openMqtt(base);
  undo.unshift(() => mqtt?.close());
  const subscribers = await openListener(base, 'subscriber');
  undo.unshift(() => subscribers.close());
  const listeners = { device: devices, subscriber: subscribers };
  const threads = await startThreads(base, started, listeners, slow.report);
  progress.threads = threads;
  undo.unshift(() => stopThreads(threads, [devices, subscribers]));
  const stalled = (ms: number): void =>
    logger.warn({ ms }, 'the main thread did not run; the pause does not count against its peers');
  undo.unshift(main.startTimers([overload, health, ...admin.watches], stalled));
  followReloads(base, { threads, webhooks, snapshots, listeners: [devices, subscribers, admin, mqtt] });
  main.poller.wake();
  await snapshots?.start();
  descriptorReserve.keep();
  undo.push(() => descriptorReserve.release());
  progress.isOpen = true;

  let drained: Promise<Drained> | undefined;
  const drain = async (): Promise<Drained> => {
    progress.isDraining = true;
    cluster?.drain();
    const goodbye = () => sayGoodbye(settings, memory, main.edge, threads);
    const failures = await doAll([goodbye, () => leaveAll(cluster, owner), ...undo], endStepMsMax(settings));
    return { isSnapshotLost: snapshots?.isLastLost ?? false, failures };
  };
  return {
    devicePort: devices.port,
    subscriberPort: subscribers.port,
    adminPort: admin.port,
    mqttPort: mqtt?.port,
    transport: base.reason,
    fanoutWorkers: base.counts.fanout,
    ingestWorkers: base.counts.ingest,
    reload: () => reloader.reload(),
    get drainMsMax() {
      return endMsMax(settings);
    },
    drain: () => (drained ??= drain()),
  };
}

/** What a reload reaches beside the settings themselves, which change in place. */
interface Reloadable {
  readonly threads: EdgeThreads | undefined;
  readonly webhooks: WebhookThread | undefined;
  readonly snapshots: Started['snapshots'];
  readonly listeners: readonly (Pick<Accepting, 'useTls'> | undefined)[];
}

/** Has a reload reach the parts of the hub. */
function followReloads({ reloader, main, logger }: HubBase, parts: Reloadable): void {
  const { threads, webhooks, snapshots, listeners } = parts;
  reloader.onReload(({ settings, tokens }) => {
    main.reload(settings, tokens);
    webhooks?.reload(settings);
    const { logLevel, snapshotIntervalMs } = settings;
    if (logLevel !== undefined) logger.level = logLevel;
    if (snapshotIntervalMs !== undefined) snapshots?.setIntervalMs(snapshotIntervalMs);
  });
  reloader.onReload((changes) => threads?.reload(changes));
  for (const listener of listeners)
    reloader.onReload(({ tls }) => (tls === undefined ? undefined : listener?.useTls(tls)));
}

function watchOverload(
  { settings, logger, main }: HubBase,
  threads: ReturnType<typeof figuresOf>['threads'],
) {
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
