/**
 * The edges that are threads of their own: each takes its share of the connections that an acceptor hands out. One that
 * fails closes its connections and ends; the owner is told, and another takes its place. Runs on main.
 */
import type { MessagePort } from 'node:worker_threads';
import type { TokenConfig } from '../access/keys.ts';
import type { FileBudget } from '../access/open-files.ts';
import type { JournalEntry } from '../edge/journal.ts';
import {
  type ConnectionInfo,
  type EdgeReload,
  FromEdge,
  type FromEdgeCommand,
  type SlowSubscriber,
  ToEdge,
  type ToEdgeCommand,
} from '../records/commands.ts';
import type { Acceptor, ChildDescriptor } from '../transport/transport.ts';
import type { Bells } from './bells.ts';
import type { CrashLimit } from './crash-limit.ts';
import type { HubMemory } from './memory.ts';
import type { OwnerThread } from './owner-thread.ts';
import type { EdgeTask, ThreadSettings } from './tasks.ts';
import { type Life, Thread } from './thread.ts';

export interface EdgeThreadsDeps {
  /** Numbers of the edges to start. */
  readonly edges: readonly number[];
  readonly memory: HubMemory;
  readonly settings: ThreadSettings;
  /** undefined: no token is needed. */
  tokens(): TokenConfig | undefined;
  readonly files: FileBudget;
  readonly acceptor: Acceptor;
  readonly owner: Pick<OwnerThread, 'setBell' | 'edgeGone'>;
  readonly bells: Bells;
  readonly crashes: CrashLimit;
  /** As the thread is named in metrics and logs. */
  nameOf(edge: number): string;
  /** A thread ended without being told to, and another is being started. */
  restarting(edge: number, failure: Error): void;
  /** The threads died once too often. Called once. */
  failed(failure: Error): void;
  /** A frame met a bug; nothing ended. */
  frameFailed(failure: Error): void;
  /** What an edge tells of its peers. */
  journal(edge: number, entries: readonly JournalEntry[]): void;
  /** Who is slow at an edge now. */
  slow(edge: number, subscribers: readonly SlowSubscriber[]): void;
}

/** A page of a listing does not wait longer for a thread. */
const DESCRIBE_MS_MAX = 1000;

/** What a reload changed. */
export interface EdgeChanges extends Pick<EdgeReload, 'settings' | 'tokens'> {
  /** Absent: the certificate is as it was. */
  readonly tls: object | undefined;
}

/** Small, so that what dies young is tidied up often and cheaply (decision 0007). */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 6 } as const;

export class EdgeThreads {
  readonly #deps: EdgeThreadsDeps;
  /** By edge. */
  readonly #threads: ReadonlyMap<number, Thread<FromEdgeCommand>>;
  readonly #descriptors = new Map<Life, ChildDescriptor>();
  readonly #drained = new Map<Life, () => void>();
  /** By request. */
  readonly #describing = new Map<number, (connections: readonly ConnectionInfo[]) => void>();
  #nextRequest = 1;
  readonly #reloading = new Map<Life, (failure: Error | undefined) => void>();

  private constructor(deps: EdgeThreadsDeps) {
    this.#deps = deps;
    this.#threads = new Map(deps.edges.map((edge) => [edge, this.#thread(edge)]));
  }

  static async start(deps: EdgeThreadsDeps): Promise<EdgeThreads> {
    const threads = new EdgeThreads(deps);
    await Promise.all([...threads.#threads.values()].map((thread) => thread.start()));
    return threads;
  }

  /** How often a thread died and another took its place. */
  get restarts(): number {
    return [...this.#threads.values()].reduce((sum, { restarts }) => sum + restarts, 0);
  }

  async drain(closesPerSecondOf: (edge: number) => number, timeoutMs: number): Promise<void> {
    await Promise.all(
      [...this.#threads].map(([edge, { life }]) => {
        if (life === undefined) return undefined;
        const drained = new Promise<void>((resolve) => this.#drained.set(life, resolve));
        post(life, { kind: ToEdge.Drain, closesPerSecond: closesPerSecondOf(edge), timeoutMs });
        return Promise.race([drained, life.ended]);
      }),
    );
  }

  /**
   * Has every thread take over what a reload changed; one that is being started has it from its start.
   * @throws Error when one cannot show the new certificate
   */
  async reload({ settings, tokens, tls }: EdgeChanges): Promise<void> {
    const failures = await Promise.all(
      [...this.#threads.values()].map(({ life }) => {
        if (life === undefined) return undefined;
        const reloaded = new Promise<Error | undefined>((resolve) => this.#reloading.set(life, resolve));
        post(life, { kind: ToEdge.Reload, settings, tokens, isOtherCertificate: tls !== undefined });
        return Promise.race([reloaded, life.ended.then(() => undefined)]);
      }),
    );
    for (const failure of failures) if (failure !== undefined) throw failure;
  }

  /** What the edge knows of these subscribers' connections; nothing where its thread does not say in time. */
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

  #thread(edge: number): Thread<FromEdgeCommand> {
    const { crashes, failed, restarting, owner, bells } = this.#deps;
    return new Thread({
      code: 'edge',
      name: this.#deps.nameOf(edge),
      resourceLimits: RESOURCE_LIMITS,
      crashes,
      task: (port) => this.#task(edge, port),
      isReady: ({ kind }) => kind === FromEdge.Ready,
      received: (message, life) => this.#received(edge, message, life),
      ended: (life) => {
        this.#descriptors.delete(life);
        this.#drained.delete(life);
        this.#reloading.delete(life);
      },
      restarting: async (failure) => {
        restarting(edge, failure);
        bells.edgeGone(edge);
        await owner.edgeGone(edge);
      },
      failed,
    });
  }

  #task(edge: number, port: MessagePort): { data: Omit<EdgeTask, 'port'>; transfer: MessagePort[] } {
    const { memory, settings, tokens, owner, bells, edges, files } = this.#deps;
    const bell = bells.forEdge(
      edge,
      (end) => owner.setBell(edge, end),
      (end) => port.postMessage({ kind: ToEdge.Bell, bell: end }, [end]),
    );
    const { presence, history, ownerDoorbell, ownerAway, admission, allowances } = memory;
    const shared = { presence, history, ownerDoorbell, ownerAway, admission, allowances };
    const own = memory.edges[edge]!;
    return {
      data: {
        shared,
        memory: own,
        edge,
        settings,
        tokens: tokens(),
        deliveringEdges: edges.length,
        files,
        bell,
      },
      transfer: [bell],
    };
  }

  #received(edge: number, message: FromEdgeCommand, life: Life): void {
    const { frameFailed, slow, journal } = this.#deps;
    switch (message.kind) {
      case FromEdge.Ready:
        this.#handTo(life, message.descriptor);
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
        journal(edge, message.entries);
        break;
      case FromEdge.Slow:
        slow(edge, message.subscribers);
        break;
      case FromEdge.Reloaded:
        if (this.#descriptors.has(life)) this.#handTo(life, message.descriptor); // else it is about to end
        this.#reloading.get(life)?.(message.failure);
        break;
      case FromEdge.Drained:
        this.#drained.get(life)?.();
        break;
      default:
        throw new Error(`unknown message ${JSON.stringify(message satisfies never)}`);
    }
  }

  /** Accepted connections go there from now on, and no more to where they went. */
  #handTo(life: Life, descriptor: ChildDescriptor): void {
    const { acceptor } = this.#deps;
    const before = this.#descriptors.get(life);
    this.#descriptors.set(life, descriptor);
    if (before !== descriptor) acceptor.addChild(descriptor);
    if (before !== undefined && before !== descriptor) acceptor.removeChild(before);
  }

  /** Accepted connections must not go to a thread that is ending. */
  #end(life: Life): void {
    const descriptor = this.#descriptors.get(life);
    if (descriptor !== undefined) this.#deps.acceptor.removeChild(descriptor);
    this.#descriptors.delete(life);
    post(life, { kind: ToEdge.Close });
  }
}

function post({ port }: Life, message: ToEdgeCommand): void {
  port.postMessage(message);
}
