/**
 * The cluster link, as seen by main: a thread that is restarted when it dies, its reports about the cluster, and main's
 * questions to it. Runs on main.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import type { AccessRule } from '../access/rules.ts';
import type {
  FromLinkCommand,
  LinkAnswers,
  LinkFigures,
  LinkPhase,
  LinkQuestion,
  ToLinkCommand,
} from '../cluster/commands.ts';
import { createLinkCounts } from '../cluster/figures.ts';
import type { CallAnswer } from '../cluster/host.ts';
import type { ClusterTask } from '../cluster/run.ts';
import type { Bells } from './bells.ts';
import type { CrashLimit } from './crash-limit.ts';
import type { OwnerThread } from './owner-thread.ts';
import { Thread } from './thread.ts';

export interface ClusterThreadDeps {
  readonly task: Omit<ClusterTask, 'port' | 'bell' | 'snapshot' | 'wasIn' | 'counts'>;
  /** What operators have set, as this hub knows it. */
  setByOperators(): ClusterTask['snapshot'];
  readonly owner: Pick<OwnerThread, 'setBell' | 'edgeGone'>;
  readonly bells: Bells;
  readonly crashes: CrashLimit;
  /** Runs a route of this hub for another node. */
  call(name: string, body: Uint8Array): Promise<CallAnswer>;
  /** The bucket has these access rules. */
  rulesChanged(rules: readonly AccessRule[]): void;
  log(level: 'info' | 'warn' | 'error', message: string, fields: object): void;
  restarting(failure: Error): void;
  /** It died once too often. Called once. */
  failed(failure: Error): void;
}

/** The hub cannot join the cluster, and restarting would not help. */
export class ClusterRefused extends Error {
  override readonly name = 'ClusterRefused';
}

/** The link cannot answer now. */
export class ClusterAway extends Error {
  override readonly name = 'ClusterAway';
}

/** Of the other nodes, where there is no link to them. */
const ALONE = { nodes: 1, roundTripMs: 0 } as const satisfies Partial<LinkFigures>;
/** Without a body, because the failure is none of another node's business. */
const FAILED: CallAnswer = { status: 500, body: new Uint8Array(0) };
/** How long a scrape waits for the link's counts. */
const FIGURES_MS = 500;

interface Waiting {
  resolve(answer: LinkAnswers[keyof LinkAnswers]): void;
  reject(failure: Error): void;
}

interface Joining {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(failure: ClusterRefused): void;
}

/** Settled by whichever comes first; a refusal may come before anybody waits for it. */
function joining(): Joining {
  let resolve: Joining['resolve'] = () => {};
  let reject: Joining['reject'] = () => {};
  const promise = new Promise<void>((fulfil, refuse) => {
    [resolve, reject] = [fulfil, refuse];
  });
  promise.catch(() => {}); // whoever waits hears of it
  return { promise, resolve, reject };
}

export class ClusterThread {
  readonly #deps: ClusterThreadDeps;
  readonly #thread: Thread<FromLinkCommand>;
  readonly #waiting = new Map<number, Waiting>();
  #nextRequest = 1;
  #phase: LinkPhase = 'joining';
  #isConnected = true;
  readonly #joined = joining();
  #wasIn = false;
  #figures: LinkFigures = { counts: createLinkCounts(), ...ALONE };

  private constructor(deps: ClusterThreadDeps) {
    this.#deps = deps;
    const { edge } = deps.task;
    this.#thread = new Thread({
      code: 'cluster',
      name: 'cluster',
      crashes: deps.crashes,
      task: (port) => this.#task(port),
      isReady: ({ kind }) => kind === 'ready',
      received: (message, { port }) => this.#received(message, port),
      ended: () => this.#ended(),
      restarting: async (failure) => {
        deps.restarting(failure);
        deps.bells.edgeGone(edge);
        await deps.owner.edgeGone(edge);
      },
      failed: (failure) => deps.failed(failure),
    });
  }

  /** Starts the thread; it may not be in the cluster yet. */
  static async start(deps: ClusterThreadDeps): Promise<ClusterThread> {
    const cluster = new ClusterThread(deps);
    await cluster.#thread.start();
    return cluster;
  }

  /**
   * Waits until the node is in the cluster and obeys what operators have set. @throws ClusterRefused if that can never
   * happen
   */
  joined(): Promise<void> {
    return this.#joined.promise;
  }

  get node(): string {
    return this.#deps.task.node;
  }

  get restarts(): number {
    return this.#thread.restarts;
  }

  /** Whether this node and the others can hear each other, as far as it knows. */
  get state(): 'connected' | 'disconnected' {
    return this.#isConnected && this.#phase === 'in' && this.#thread.life !== undefined
      ? 'connected'
      : 'disconnected';
  }

  /** Why nothing can be changed now; undefined: it can. */
  get refusal(): string | undefined {
    if (this.state === 'connected') return undefined;
    return this.#isConnected && this.#thread.life !== undefined
      ? 'this node is not part of the cluster yet: ask again'
      : 'the cluster is disconnected: nothing can be changed';
  }

  /**
   * The current counts of this hub's links; if the link does not answer soon, the last known ones. Without a link there
   * are no other nodes.
   */
  async figures(): Promise<LinkFigures> {
    const asked = this.ask<'figures'>({ ask: 'figures' }).then(
      (figures) => {
        this.#figures = figures;
      },
      () => {
        this.#figures = { ...this.#figures, ...ALONE };
      },
    );
    await Promise.race([asked, sleep(FIGURES_MS)]);
    return this.#figures;
  }

  /** @throws ClusterAway when the link has no answer */
  ask<Ask extends LinkQuestion['ask']>(
    question: Extract<LinkQuestion, { ask: Ask }>,
  ): Promise<LinkAnswers[Ask]> {
    return new Promise((resolve, reject) => {
      if (this.#thread.life === undefined) {
        reject(new ClusterAway('the cluster link is being restarted'));
        return;
      }
      const request = this.#nextRequest++;
      this.#waiting.set(request, { resolve: resolve as Waiting['resolve'], reject });
      this.#post({ kind: 'question', request, question });
    });
  }

  /** Tells other nodes that this node drains. */
  drain(): void {
    this.#post({ kind: 'drain' });
  }

  /** For tests. */
  fault(): void {
    this.#post({ kind: 'fault' });
  }

  async stop(): Promise<void> {
    await this.#thread.stop(({ port }) => port.postMessage({ kind: 'close' } satisfies ToLinkCommand), true);
  }

  #task(port: MessagePort): { data: Omit<ClusterTask, 'port'>; transfer: MessagePort[] } {
    const { task, bells, owner, setByOperators } = this.#deps;
    const bell = bells.forEdge(
      task.edge,
      (end) => owner.setBell(task.edge, end),
      (end) => port.postMessage({ kind: 'bell', bell: end } satisfies ToLinkCommand, [end]),
    );
    const { counts } = this.#figures;
    const data = { ...task, snapshot: setByOperators(), wasIn: this.#wasIn, counts, bell };
    return { data, transfer: [bell] };
  }

  /** @param port to the run of the thread that says it */
  #received(message: FromLinkCommand, port: MessagePort): void {
    switch (message.kind) {
      case 'ready':
        break;
      case 'phase':
        this.#entered(message.phase);
        break;
      case 'connected':
        this.#isConnected = message.connected;
        break;
      case 'refused':
        this.#joined.reject(new ClusterRefused(message.message));
        if (this.#wasIn) this.#deps.log('error', message.message, {});
        break;
      case 'log':
        this.#deps.log(message.level, message.message, message.fields);
        break;
      case 'answer':
        this.#take(message.request)?.resolve(message.answer);
        break;
      case 'failed':
        this.#take(message.request)?.reject(new ClusterAway(message.message));
        break;
      case 'rules':
        this.#deps.rulesChanged(message.rules);
        break;
      case 'call':
        void this.#call(port, message.request, message.name, message.body);
        break;
      default:
        throw new Error(`unknown message ${JSON.stringify(message satisfies never)}`);
    }
  }

  #entered(phase: LinkPhase): void {
    this.#phase = phase;
    this.#deps.log('info', 'cluster', { phase });
    if (phase !== 'in') return;
    this.#wasIn = true;
    this.#joined.resolve();
  }

  /** Answers the run that asked, which may have ended: another one has numbers of its own. */
  async #call(port: MessagePort, request: number, name: string, body: Uint8Array): Promise<void> {
    const answer = await this.#answerTo(name, body);
    port.postMessage({ kind: 'answer', request, answer } satisfies ToLinkCommand);
  }

  async #answerTo(name: string, body: Uint8Array): Promise<CallAnswer> {
    try {
      return await this.#deps.call(name, body);
    } catch (error) {
      this.#deps.log('error', 'a request from another node failed', { name, err: error });
      return FAILED;
    }
  }

  #ended(): void {
    this.#phase = 'joining';
    for (const { reject } of this.#waiting.values())
      reject(new ClusterAway('the cluster link ended meanwhile'));
    this.#waiting.clear();
  }

  #take(request: number): Waiting | undefined {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    return waiting;
  }

  #post(message: ToLinkCommand): void {
    this.#thread.life?.port.postMessage(message);
  }
}
