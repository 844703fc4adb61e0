/** The cluster link as a thread of the hub: the node on NATS, the owner's rings, and main's questions. */
import type { MessagePort } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import { startEdgeTimers } from '../edge/edge-timers.ts';
import { Poller } from '../edge/poller.ts';
import { attachHistory } from '../history/memory.ts';
import { HistoryReader } from '../history/reader.ts';
import { Counters } from '../memory/counters.ts';
import { Ringer, Sleeper } from '../memory/doorbell.ts';
import { Heart } from '../memory/heartbeat.ts';
import { RingConsumer, RingProducer } from '../memory/ring.ts';
import { PresenceReader } from '../presence/reader.ts';
import type { HubMemory } from '../supervise/memory.ts';
import { type Answer, answerTo } from './answers.ts';
import type { FromLinkCommand, LinkQuestion, ToLinkCommand } from './commands.ts';
import type { LinkCounts } from './figures.ts';
import type { CallAnswer, OperatorChange } from './host.ts';
import { HubHost } from './hub-host.ts';
import { ClusterLink, type LinkOptions } from './link.ts';

/** Options of the thread. */
export interface ClusterTask {
  readonly memory: HubMemory;
  /** Number of the link among the edges. */
  readonly edge: number;
  readonly settings: {
    readonly clusterNatsUrl: readonly string[];
    readonly clusterNatsCredsFile: string;
    readonly clusterName: string;
    readonly clusterReplicas: number;
    readonly clusterNodeTimeoutMs: number;
    readonly maxMessageBytes: number;
    readonly historyEvents: number;
    readonly historyTtlMs: number;
    readonly flushMaxMs: number;
  };
  readonly node: string;
  readonly version: string;
  readonly startedAtMs: number;
  /** What operators have set, as the hub knew it when the thread started. */
  readonly snapshot: readonly OperatorChange[];
  /** Whether the hub was in the cluster before this thread. */
  readonly wasIn: boolean;
  /** The hub's counts from before this thread, as far as main knows them. */
  readonly counts: LinkCounts;
  /** Commands from main. */
  readonly port: MessagePort;
  /** The owner rings here. */
  readonly bell: MessagePort;
}

const PROBE_MS = 50;

/** Runs until main stops it, on the thread of the cluster link. */
export async function runClusterThread(task: ClusterTask): Promise<void> {
  const { port } = task;
  const say = (message: FromLinkCommand): void => port.postMessage(message);
  const stopped = new AbortController();
  const routes = new MainRoutes(say);
  let isDraining = false;
  const host = createHost(task, {
    call: (name, body) => routes.call(name, body),
    phaseChanged: (phase) => say({ kind: 'phase', phase }),
    rulesChanged: (rules) => say({ kind: 'rules', rules }),
    duplicate: () =>
      say({
        kind: 'log',
        level: 'error',
        message: 'another process of the cluster has this node id',
        fields: { node: task.node },
      }),
    isDraining: () => isDraining,
  });
  const poller = createPoller(task, host);
  const own = task.memory.edges[task.edge]!;
  const watch = { tickMs: PROBE_MS, tick: () => host.tick() };
  const stopTimers = startEdgeTimers(
    [watch],
    new Counters(own.counters),
    new Heart(own.heartbeat, systemClock),
    () => {},
  );
  let bell = task.bell.on('message', poller.wake);
  const place: Place = { link: undefined };
  const over = new Promise<void>((resolve) => {
    port.on('message', (command: ToLinkCommand) => {
      if (command.kind === 'close') resolve();
      else if (command.kind === 'drain') isDraining = true;
      else if (command.kind === 'fault') throw new Error('a fault that was asked for');
      else if (command.kind === 'answer') routes.answered(command.request, command.answer);
      else if (command.kind === 'question')
        void answer(command, say, (question) => answerTo(task, place.link, host, question));
      else {
        bell.close();
        bell = command.bell.on('message', poller.wake);
        poller.wake();
      }
    });
  });
  say({ kind: 'ready' });
  try {
    await keepOpen(task, { host, say, poller, place, stopped: stopped.signal }, over);
  } catch (error) {
    say({ kind: 'refused', message: (error as Error).message });
    await over;
  }
  stopped.abort();
  poller.stop();
  stopTimers();
  bell.close();
  port.close();
}

/** The link, while it is open. */
interface Place {
  link: ClusterLink | undefined;
}

interface Parts {
  readonly host: HubHost;
  readonly say: (message: FromLinkCommand) => void;
  readonly poller: Poller;
  readonly place: Place;
  readonly stopped: AbortSignal;
}

/**
 * Opens a link, and a new one whenever the owner is replaced, because the new owner does not know what the previous one
 * was told. @param over ends it @throws what the first `open` throws
 */
async function keepOpen(task: ClusterTask, parts: Parts, over: Promise<void>): Promise<void> {
  const { host, say, poller, place, stopped } = parts;
  const end = over.then(() => undefined);
  let { snapshot } = task;
  for (let isReopened = task.wasIn; ; isReopened = true) {
    const anew = host.reset();
    const link = await Promise.race([open(task, host, { stopped, isReopened, snapshot }, say), end]);
    if (link === undefined) return;
    place.link = link;
    host.start(link.node, link.operators);
    poller.wake();
    const isOver = await Promise.race([over.then(() => true), anew.then(() => false)]);
    place.link = undefined;
    // The bucket may be gone before the next link has read it.
    if (link.operators.hasObeyed) snapshot = link.operators.known;
    await link.close();
    if (isOver) return;
    say({ kind: 'phase', phase: 'joining' });
  }
}

/** @throws PayloadTooLarge; and NATS' error if the credentials are wrong */
function open(
  { settings, node, version, counts: figures }: ClusterTask,
  host: HubHost,
  how: Pick<LinkOptions, 'stopped' | 'isReopened' | 'snapshot'>,
  say: (message: FromLinkCommand) => void,
): Promise<ClusterLink> {
  return ClusterLink.open({
    ...how,
    servers: settings.clusterNatsUrl,
    credsFile: settings.clusterNatsCredsFile || undefined,
    tls: {},
    cluster: settings.clusterName,
    node,
    version,
    timeoutMs: settings.clusterNodeTimeoutMs,
    replicas: settings.clusterReplicas,
    maxMessageBytes: settings.maxMessageBytes,
    clock: systemClock,
    host,
    figures,
    log: (level, message, fields = {}) => say({ kind: 'log', level, message, fields }),
    connectedChanged: (connected) => say({ kind: 'connected', connected }),
  });
}

function createHost(
  { memory, edge, settings }: ClusterTask,
  main: Pick<
    ConstructorParameters<typeof HubHost>[0],
    'call' | 'phaseChanged' | 'rulesChanged' | 'duplicate' | 'isDraining'
  >,
): HubHost {
  const { toOwner, fromOwner } = memory.edges[edge]!;
  const presence = new PresenceReader(memory.presence);
  const limits = { eventsMax: settings.historyEvents, ttlMs: settings.historyTtlMs };
  return new HubHost({
    toOwner: new RingProducer(toOwner),
    fromOwner: new RingConsumer(fromOwner),
    ringer: new Ringer(memory.ownerDoorbell),
    presence,
    reader: new HistoryReader(attachHistory(memory.history), presence.devices, limits, systemClock),
    clock: systemClock,
    counters: memory.edges.map(({ counters }) => new Counters(counters)),
    ...main,
  });
}

function createPoller({ memory, edge }: ClusterTask, host: HubHost): Poller {
  return new Poller({
    poll: () => host.poll(),
    hasRecords: () => host.hasRecords(),
    hasUnsent: () => false,
    hasBacklog: () => host.hasBacklog(),
    sleeper: new Sleeper(memory.edges[edge]!.doorbell),
  });
}

/** Routes of this hub that other nodes call; main runs them. `Calls` has the calls that this node makes. */
class MainRoutes {
  readonly #say: (message: FromLinkCommand) => void;
  readonly #waiting = new Map<number, (answer: CallAnswer) => void>();
  #last = 0;

  constructor(say: (message: FromLinkCommand) => void) {
    this.#say = say;
  }

  call(name: string, body: Uint8Array): Promise<CallAnswer> {
    const request = ++this.#last;
    this.#say({ kind: 'call', request, name, body });
    return new Promise((resolve) => this.#waiting.set(request, resolve));
  }

  answered(request: number, answer: CallAnswer): void {
    this.#waiting.get(request)?.(answer);
    this.#waiting.delete(request);
  }
}

async function answer(
  { request, question }: Extract<ToLinkCommand, { kind: 'question' }>,
  say: (message: FromLinkCommand) => void,
  answerTo: (question: LinkQuestion) => Promise<Answer> | Answer,
): Promise<void> {
  try {
    say({ kind: 'answer', request, answer: await answerTo(question) });
  } catch (error) {
    say({ kind: 'failed', request, message: (error as Error).message });
  }
}
