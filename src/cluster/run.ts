/** The cluster link as a thread of the hub: the node on NATS, the owner's rings, and what main asks. */
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
import { PresenceReader } from '../presence/table.ts';
import type { HubMemory } from '../supervise/memory.ts';
import { phaseNames } from './beats.ts';
import type {
  FromLinkCommand,
  LinkAnswers,
  LinkFigures,
  LinkQuestion,
  NodeFigures,
  NodesAnswer,
  ToLinkCommand,
} from './commands.ts';
import type { CallAnswer, OperatorChange } from './host.ts';
import { HubHost } from './hub-host.ts';
import { ClusterLink } from './link.ts';
import { after } from './time-limits.ts';

/** What the thread is given. */
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
  /** What the hub's snapshot holds of what operators set. */
  readonly snapshot: readonly OperatorChange[];
  /** Commands from main. */
  readonly port: MessagePort;
  /** The owner rings here. */
  readonly bell: MessagePort;
}

const PROBE_MS = 50;
/** What a drain waits for others to take what is left to them, ms; and for the next of it. */
const LEAVE_MS_MAX = 5000;
const LEAVE_IDLE_MS = 500;
const LEAVE_LOOK_MS = 20;

export async function runClusterThread(task: ClusterTask): Promise<void> {
  const { port } = task;
  const say = (message: FromLinkCommand): void => port.postMessage(message);
  const stopped = new AbortController();
  const calls = new Calls(say);
  let isDraining = false;
  const host = createHost(task, {
    call: (name, body) => calls.call(name, body),
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
  let link: ClusterLink | undefined;
  const over = new Promise<void>((resolve) => {
    port.on('message', (command: ToLinkCommand) => {
      if (command.kind === 'close') resolve();
      else if (command.kind === 'drain') isDraining = true;
      else if (command.kind === 'fault') throw new Error('a fault that was asked for');
      else if (command.kind === 'answer') calls.answered(command.request, command.answer);
      else if (command.kind === 'question')
        void answer(command, say, (question) => answerTo(task, link, host, question));
      else {
        bell.close();
        bell = command.bell.on('message', poller.wake);
        poller.wake();
      }
    });
  });
  say({ kind: 'ready' });
  try {
    for (let isOver = false; !isOver; ) {
      const anew = host.reset();
      const end = over.then(() => true);
      link = await Promise.race([open(task, host, stopped.signal, say), end.then(() => undefined)]);
      if (link === undefined) break;
      host.start(link.node, link.operators);
      poller.wake();
      isOver = await Promise.race([end, anew.then(() => false)]);
      const ended = link;
      link = undefined;
      await ended.close();
      if (!isOver) say({ kind: 'phase', phase: 'joining' });
    }
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

/** @throws PayloadTooLarge; and what NATS says when the credentials are wrong */
function open(
  { settings, node, version, snapshot }: ClusterTask,
  host: HubHost,
  stopped: AbortSignal,
  say: (message: FromLinkCommand) => void,
): Promise<ClusterLink> {
  return ClusterLink.open({
    servers: settings.clusterNatsUrl,
    credsFile: settings.clusterNatsCredsFile || undefined,
    tls: {},
    cluster: settings.clusterName,
    node,
    version,
    timeoutMs: settings.clusterNodeTimeoutMs,
    replicas: settings.clusterReplicas,
    maxMessageBytes: settings.maxMessageBytes,
    stopped,
    clock: systemClock,
    host,
    snapshot,
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

/** Routes of this hub that other nodes ask for; main runs them. */
class Calls {
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

type Answer = LinkAnswers[keyof LinkAnswers];

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

function answerTo(
  task: ClusterTask,
  link: ClusterLink | undefined,
  host: HubHost,
  question: LinkQuestion,
): Promise<Answer> | Answer {
  if (link === undefined) throw new Error('the cluster is disconnected');
  const { node, operators } = link;
  switch (question.ask) {
    case 'change':
      return operators.change(question.changes);
    case 'locate':
      return node.locate(question.device);
    case 'call':
      return node.call(question.node, question.name, question.body);
    case 'nodes':
      return nodesOf(task, link, host);
    case 'left':
      return leftAll(node);
    case 'figures':
      return figuresOf(link);
  }
}

function nodesOf(
  { node: own, version, startedAtMs }: ClusterTask,
  link: ClusterLink,
  host: HubHost,
): NodesAnswer {
  const { figures, phase, members } = link.node;
  const self = {
    ...{ node: own, version, startedAtMs, ...host.figures(), ...crossedOf(figures) },
    ...{ phase: phaseNames[phase], roundTripMs: undefined },
  };
  const alive = [self, ...othersOf(link)];
  const isAlive = new Set(alive.map(({ node }) => node));
  return { alive, lost: members.recent().filter((node) => !isAlive.has(node)) };
}

function othersOf({ node }: ClusterLink): NodeFigures[] {
  return [...node.members.all].map(({ node: name, rttMs, beat }) => {
    const { version, startedAt, devices, subscribers, eventsPerSecond, draining, phase } = beat;
    const figures = { devices, subscribers, eventsPerSecond, draining, ...crossedOf(beat) };
    const said = { node: name, version, startedAtMs: startedAt, ...figures };
    return { ...said, phase: phaseNames[phase], roundTripMs: rttMs };
  });
}

type Crossed = Pick<NodeFigures, 'eventsSent' | 'eventsReceived' | 'gaps'>;

function crossedOf({ eventsSent, eventsReceived, gaps }: Crossed): Crossed {
  return { eventsSent, eventsReceived, gaps };
}

/** Waits until what drains away has gone, a few seconds at most. @returns whether all of it has */
async function leftAll(node: ClusterLink['node']): Promise<boolean> {
  const untilMs = systemClock.now() + LEAVE_MS_MAX;
  let before = Number.POSITIVE_INFINITY;
  let sinceMs = systemClock.now();
  while (systemClock.now() < untilMs) {
    const { count } = node.homes.claims;
    if (count === 0) return true;
    if (count < before) sinceMs = systemClock.now();
    else if (systemClock.now() - sinceMs > LEAVE_IDLE_MS) return false; // nobody takes it
    before = count;
    await after(LEAVE_LOOK_MS);
  }
  return false;
}

function figuresOf(link: ClusterLink): LinkFigures {
  const trips = othersOf(link).map(({ roundTripMs = 0 }) => roundTripMs);
  return { counts: { ...link.node.figures }, nodes: 1 + trips.length, roundTripMs: Math.max(0, ...trips) };
}
