/**
 * Starts, watches and stops the fan-out workers: endless piscina tasks, one a thread. One that fails closes its sockets
 * and ends; the owner is told, and another takes its place. Runs on main.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { TokenConfig } from '../access/keys.ts';
import type { Acceptor, ChildDescriptor } from '../transport/transport.ts';
import type { Bells } from './bells.ts';
import {
  FromFanout,
  type FromFanoutCommand,
  type SlowSubscriber,
  ToFanout,
  type ToFanoutCommand,
} from './commands.ts';
import type { CrashLimit } from './crash-limit.ts';
import type { HubMemory } from './memory.ts';
import type { OwnerThread } from './owner-thread.ts';
import type { FanoutTask, ThreadSettings } from './tasks.ts';
import { workerUrl } from './worker-url.ts';

export interface FanoutPoolDeps {
  /** Workers to start. */
  readonly workers: number;
  readonly memory: HubMemory;
  readonly settings: ThreadSettings;
  /** undefined: no token is needed. */
  readonly tokens: TokenConfig | undefined;
  readonly acceptor: Acceptor;
  readonly owner: Pick<OwnerThread, 'setBell' | 'workerGone'>;
  readonly bells: Bells;
  readonly crashes: CrashLimit;
  /** A worker ended without being told to, and another is being started. */
  restarting(worker: number, failure: Error): void;
  /** The workers died once too often. Called once. */
  failed(failure: Error): void;
  /** A frame met a bug; nothing ended. */
  frameFailed(failure: Error): void;
  /** Who lags at a worker now. */
  slow(worker: number, subscribers: readonly SlowSubscriber[]): void;
}

interface Running {
  readonly port: MessagePort;
  readonly descriptor: ChildDescriptor;
  readonly run: Promise<unknown>;
}

export class FanoutPool {
  readonly #deps: FanoutPoolDeps;
  readonly #pool: Piscina;
  /** By worker; one that is being started is not there. */
  readonly #running = new Map<number, Running>();
  #stopping = false;
  #restarts = 0;

  private constructor(deps: FanoutPoolDeps) {
    this.#deps = deps;
    this.#pool = new Piscina({
      filename: workerUrl('fanout').href,
      minThreads: deps.workers,
      maxThreads: deps.workers,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      idleTimeout: Number.POSITIVE_INFINITY,
      resourceLimits: { maxYoungGenerationSizeMb: 6 },
    });
  }

  static async start(deps: FanoutPoolDeps): Promise<FanoutPool> {
    const pool = new FanoutPool(deps);
    await Promise.all(Array.from({ length: deps.workers }, (_, worker) => pool.#launch(worker)));
    return pool;
  }

  /** How often a worker died and another took its place. */
  get restarts(): number {
    return this.#restarts;
  }

  async drain(closesPerSecondOf: (worker: number) => number, timeoutMs: number): Promise<void> {
    await Promise.all(
      [...this.#running].map(([worker, { port, run }]) => {
        const drained = new Promise<void>((resolve) => {
          port.on('message', (message: FromFanoutCommand) => {
            if (message.kind === FromFanout.Drained) resolve();
          });
        });
        post(port, { kind: ToFanout.Drain, closesPerSecond: closesPerSecondOf(worker), timeoutMs });
        return Promise.race([drained, run.catch(() => {})]);
      }),
    );
  }

  /** For tests. */
  fault(worker: number): void {
    const running = this.#running.get(worker);
    if (running !== undefined) post(running.port, { kind: ToFanout.Fault });
  }

  /** Takes the workers out of the acceptor, then ends them. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const running = [...this.#running.values()];
    for (const one of running) this.#end(one);
    await Promise.allSettled(running.map(({ run }) => run));
    await this.#pool.close();
  }

  async #launch(worker: number): Promise<void> {
    const { memory, settings, tokens, acceptor, owner, bells, frameFailed, slow } = this.#deps;
    const { port1: port, port2 } = new MessageChannel();
    const bell = bells.forWorker(
      worker,
      (end) => owner.setBell(worker, end),
      (end) => port.postMessage({ kind: ToFanout.Bell, bell: end }, [end]),
    );
    const task: FanoutTask = {
      presence: memory.presence,
      ownerDoorbell: memory.ownerDoorbell,
      door: memory.door,
      memory: memory.fanout[worker]!,
      worker,
      settings,
      tokens,
      fanoutThreads: this.#deps.workers,
      port: port2,
      bell,
    };
    const run = this.#pool.run(task, { transferList: [port2, bell] });
    const descriptor = await ready(port, run);
    const running = { port, descriptor, run };
    this.#running.set(worker, running);
    acceptor.addChild(descriptor);
    port.on('message', (message: FromFanoutCommand) => {
      if (message.kind === FromFanout.FrameFailed) frameFailed(message.failure);
      else if (message.kind === FromFanout.Failed) this.#end(running);
      else if (message.kind === FromFanout.Slow) slow(worker, message.subscribers);
    });
    run.catch((failure: Error) => void this.#died(worker, failure));
  }

  /** Accepted sockets must not go to a thread that is ending. */
  #end({ port, descriptor }: Running): void {
    this.#deps.acceptor.removeChild(descriptor);
    post(port, { kind: ToFanout.Close });
  }

  async #died(worker: number, failure: Error, hadStarted = true): Promise<void> {
    const { owner, bells, crashes, restarting, failed } = this.#deps;
    this.#running.delete(worker);
    if (this.#stopping) return;
    const thread = `fanout-${worker}`;
    const delayMs = crashes.note(thread, failure, hadStarted);
    if (delayMs === undefined) {
      this.#stopping = true;
      failed(failure);
      return;
    }
    this.#restarts += 1;
    restarting(worker, failure);
    bells.workerGone(worker);
    try {
      await owner.workerGone(worker);
    } catch (error) {
      if (!this.#stopping) failed(error as Error);
      return;
    }
    await sleep(delayMs);
    if (this.#stopping) return;
    try {
      await this.#launch(worker);
      crashes.started(thread);
    } catch (error) {
      void this.#died(worker, error as Error, false);
    }
  }
}

function post(port: MessagePort, message: ToFanoutCommand): void {
  port.postMessage(message);
}

function ready(port: MessagePort, run: Promise<unknown>): Promise<ChildDescriptor> {
  return new Promise((resolve, reject) => {
    run.catch(reject);
    port.on('message', (message: FromFanoutCommand) => {
      if (message.kind === FromFanout.Ready) resolve(message.descriptor);
    });
  });
}
