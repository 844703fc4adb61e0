/**
 * The edges with their own threads: each takes its share of the connections that its acceptors hand out. An edge that
 * fails closes its connections and ends; the owner is told, and another thread takes its place. Runs on main.
 */
import type { MessagePort } from 'node:worker_threads';
import type { TokenConfig } from '../access/keys.ts';
import type { FileBudget } from '../access/open-files.ts';
import type { JournalEntry } from '../edge/journal.ts';
import {
  type ConnectionInfo,
  type Descriptors,
  type EdgeReload,
  FromEdge,
  type FromEdgeCommand,
  LISTENERS,
  type ListenerName,
  type SlowSubscriber,
  type TappedEvent,
  ToEdge,
  type ToEdgeCommand,
} from '../records/commands.ts';
import type { Tls } from '../transport/tls.ts';
import type { Acceptor } from '../transport/transport.ts';
import type { Bells } from './bells.ts';
import type { CrashLimit } from './crash-limit.ts';
import type { EdgeRole, PlannedEdge } from './edge-plan.ts';
import type { HubMemory } from './memory.ts';
import type { OwnerThread } from './owner-thread.ts';
import type { EdgeTask, ThreadSettings } from './tasks.ts';
import { type Life, SMALL_YOUNG_GENERATION, Thread } from './thread.ts';

export interface EdgeThreadsDeps {
  /** The edges to start. */
  readonly edges: readonly PlannedEdge[];
  readonly memory: HubMemory;
  readonly settings: ThreadSettings;
  /** undefined: no token is needed. */
  tokens(): TokenConfig | undefined;
  /** undefined: TLS is off. */
  tls(): Tls | undefined;
  readonly files: FileBudget;
  /** Of the listeners whose connections the edges take. */
  readonly acceptors: Readonly<Partial<Record<ListenerName, Acceptor>>>;
  /** Edges that hold subscribers. */
  readonly deliveringEdges: number;
  readonly owner: Pick<OwnerThread, 'setBell' | 'edgeGone'>;
  readonly bells: Bells;
  readonly crashes: CrashLimit;
  /** A thread ended unexpectedly, and another is being started. @param thread its name */
  restarting(thread: string, failure: Error): void;
  /** The threads died once too often. Called once. */
  failed(failure: Error): void;
  /** A frame met a bug; nothing ended. */
  frameFailed(failure: Error): void;
  /** An edge's reports about its peers. @param thread its name */
  journal(thread: string, entries: readonly JournalEntry[]): void;
  /** Devices whose events main watches now. */
  tapped(): readonly string[];
  /** Events of such devices. */
  events(events: readonly TappedEvent[]): void;
  /** The slow subscribers of an edge. */
  slow(edge: number, subscribers: readonly SlowSubscriber[]): void;
}

/** How long a page of a listing waits for a thread. */
const DESCRIBE_MS_MAX = 1000;

/** How often threads died and others took their places. */
export type RestartCounts = Readonly<Record<'owner' | Exclude<EdgeRole, 'main' | 'cluster'>, number>> & {
  /** Only where TLS ends in threads of its own. */
  readonly tls?: number;
  /** Only where there is a cluster. */
  readonly cluster?: number;
  /** Only where there are webhooks. */
  readonly webhooks?: number;
};

/** What a reload changed. */
export type EdgeChanges = Omit<EdgeReload, 'kind'>;

export class EdgeThreads {
  readonly #deps: EdgeThreadsDeps;
  /** By edge. */
  readonly #threads: ReadonlyMap<number, Thread<FromEdgeCommand>>;
  readonly #descriptors = new Map<Life, Descriptors>();
  readonly #drained = new Map<Life, () => void>();
  /** While the hub drains: what a thread is told that takes the place of one that died. */
  #drainOf: ((edge: number) => ToEdgeCommand) | undefined;
  /** By request. */
  readonly #describing = new Map<number, (connections: readonly ConnectionInfo[]) => void>();
  #nextRequest = 1;
  readonly #reloading = new Map<Life, (failure: Error | undefined) => void>();

  private constructor(deps: EdgeThreadsDeps) {
    this.#deps = deps;
    this.#threads = new Map(deps.edges.map((planned) => [planned.edge, this.#thread(planned)]));
  }

  static async start(deps: EdgeThreadsDeps): Promise<EdgeThreads> {
    const threads = new EdgeThreads(deps);
    await Promise.all([...threads.#threads.values()].map((thread) => thread.start()));
    return threads;
  }

  /** How often a thread of the role died and another took its place. */
  restartsOf(role: EdgeRole): number {
    const edges = this.#deps.edges.filter((planned) => planned.role === role);
    return edges.reduce((sum, { edge }) => sum + this.#threads.get(edge)!.restarts, 0);
  }

  /** From now on the threads report the device's events to main, or no longer do. */
  tap(device: string, isTapped: boolean): void {
    for (const { life } of this.#threads.values()) {
      if (life !== undefined) post(life, { kind: ToEdge.Tap, devices: [device], isTapped });
    }
  }

  async drain(closesPerSecondOf: (edge: number) => number, timeoutMs: number): Promise<void> {
    const commandFor = (edge: number): ToEdgeCommand => {
      return { kind: ToEdge.Drain, closesPerSecond: closesPerSecondOf(edge), timeoutMs };
    };
    this.#drainOf = commandFor;
    await Promise.all(
      [...this.#threads].map(([edge, { life }]) => {
        if (life === undefined) return undefined;
        const drained = new Promise<void>((resolve) => this.#drained.set(life, resolve));
        post(life, commandFor(edge));
        return Promise.race([drained, life.ended]);
      }),
    );
  }

  /**
   * Makes every thread apply what a reload changed; a starting thread has it from the start. @throws Error if a thread
   * cannot use the new certificate
   */
  async reload({ settings, tokens, tls }: EdgeChanges): Promise<void> {
    const failures = await Promise.all(
      [...this.#threads.values()].map(({ life }) => {
        if (life === undefined) return undefined;
        const reloaded = new Promise<Error | undefined>((resolve) => this.#reloading.set(life, resolve));
        post(life, { kind: ToEdge.Reload, settings, tokens, tls });
        return Promise.race([reloaded, life.ended.then(() => undefined)]);
      }),
    );
    for (const failure of failures) if (failure !== undefined) throw failure;
  }

  /** What the edge knows about these subscribers' connections; nothing if its thread does not answer in time. */
  async describe(edge: number, sessions: readonly number[]): Promise<readonly ConnectionInfo[]> {
    const life = this.#threads.get(edge)?.life;
    if (life === undefined) return [];
    const request = this.#nextRequest++;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve) => {
        timer = setTimeout(resolve, DESCRIBE_MS_MAX, []);
        this.#describing.set(request, resolve);
        post(life, { kind: ToEdge.Describe, request, sessions });
      });
    } finally {
      clearTimeout(timer);
      this.#describing.delete(request);
    }
  }

  /** For tests. */
  fault(edge: number): void {
    const life = this.#threads.get(edge)?.life;
    if (life !== undefined) post(life, { kind: ToEdge.Fault });
  }

  /** Takes the threads out of the acceptor, then ends them. */
  async stop(): Promise<void> {
    await Promise.all([...this.#threads.values()].map((thread) => thread.stop((life) => this.#end(life))));
  }

  #thread(planned: PlannedEdge): Thread<FromEdgeCommand> {
    const { crashes, failed, restarting, owner, bells } = this.#deps;
    const { edge, name } = planned;
    return new Thread({
      code: 'edge',
      name,
      resourceLimits: SMALL_YOUNG_GENERATION,
      crashes,
      task: (port) => this.#task(planned, port),
      isReady: ({ kind }) => kind === FromEdge.Ready,
      received: (message, life) => this.#received(planned, message, life),
      ended: (life) => {
        this.#descriptors.delete(life);
        this.#drained.delete(life);
        this.#reloading.delete(life);
      },
      restarting: async (failure) => {
        restarting(name, failure);
        bells.edgeGone(edge);
        await owner.edgeGone(edge);
      },
      failed,
    });
  }

  #task(
    { edge, listeners }: PlannedEdge,
    port: MessagePort,
  ): { data: Omit<EdgeTask, 'port'>; transfer: MessagePort[] } {
    const { memory, settings, tokens, tls, owner, bells, deliveringEdges, files, tapped } = this.#deps;
    const bell = bells.forEdge(
      edge,
      (end) => owner.setBell(edge, end),
      (end) => port.postMessage({ kind: ToEdge.Bell, bell: end }, [end]),
    );
    const { presence, history, ownerDoorbell, ownerAway, admission, allowances, tickets } = memory;
    const shared = { presence, history, ownerDoorbell, ownerAway, admission, allowances, tickets };
    const own = memory.edges[edge]!;
    const looked = { tokens: tokens(), tls: tls(), tapped: tapped() };
    return {
      data: { shared, memory: own, edge, listeners, settings, deliveringEdges, files, ...looked, bell },
      transfer: [bell],
    };
  }

  #received({ edge, name }: PlannedEdge, message: FromEdgeCommand, life: Life): void {
    const { frameFailed, slow, journal, events } = this.#deps;
    switch (message.kind) {
      case FromEdge.Ready:
        if (this.#drainOf !== undefined) post(life, this.#drainOf(edge)); // first: it lets nobody in
        this.#handTo(life, message.descriptors);
        break;
      case FromEdge.FrameFailed:
        frameFailed(message.failure);
        break;
      case FromEdge.Failed:
        this.#end(life);
        break;
      case FromEdge.Described:
        this.#describing.get(message.request)?.(message.connections);
        break;
      case FromEdge.Journal:
        journal(name, message.entries);
        break;
      case FromEdge.Tapped:
        events(message.events);
        break;
      case FromEdge.Slow:
        slow(edge, message.subscribers);
        break;
      case FromEdge.Reloaded:
        if (this.#descriptors.has(life)) this.#handTo(life, message.descriptors); // else it is about to end
        this.#reloading.get(life)?.(message.failure);
        break;
      case FromEdge.Drained:
        this.#drained.get(life)?.();
        break;
      default:
        throw new Error(`unknown message ${JSON.stringify(message satisfies never)}`);
    }
  }

  /** From now on accepted connections go to this thread instead of the previous one. */
  #handTo(life: Life, descriptors: Descriptors): void {
    const before = this.#descriptors.get(life) ?? {};
    this.#descriptors.set(life, descriptors);
    for (const listener of LISTENERS) {
      const [old, now] = [before[listener], descriptors[listener]];
      if (old === now) continue;
      const acceptor = this.#deps.acceptors[listener]!;
      if (now !== undefined) acceptor.addChild(now);
      if (old !== undefined) acceptor.removeChild(old);
    }
  }

  /** Accepted connections must not go to a thread that is ending. */
  #end(life: Life): void {
    if (this.#descriptors.has(life)) this.#handTo(life, {});
    this.#descriptors.delete(life);
    post(life, { kind: ToEdge.Close });
  }
}

function post({ port }: Life, message: ToEdgeCommand): void {
  port.postMessage(message);
}
