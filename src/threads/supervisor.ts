/**
 * Starts, watches and stops the hub's threads. Runs on main. The owner is a plain Worker that blocks; the fan-out
 * workers are endless piscina tasks, one a thread.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { TokenConfig } from '../access/keys.ts';
import type { Ringer } from '../memory/doorbell.ts';
import { SnapshotRefused } from '../snapshot/files.ts';
import type { Restored } from '../snapshot/restore.ts';
import type { Acceptor, ChildDescriptor } from '../transport/transport.ts';
import {
  FromFanout,
  type FromFanoutCommand,
  FromOwner,
  type FromOwnerCommand,
  type OperatorCommand,
  type OperatorResult,
  type SlowSubscriber,
  ToFanout,
  ToOwner,
} from './commands.ts';
import type { HubMemory } from './memory.ts';
import type { FanoutTask, OwnerStart, OwnerTask, ThreadSettings } from './tasks.ts';

/** From `dist/src/threads/` to `dist/workers/`. */
export function workerUrl(name: 'owner' | 'fanout' | 'snapshot'): URL {
  return new URL(`../../workers/${name}.js`, import.meta.url);
}

export interface OwnerHandle {
  /** What it restored, where it was told to. */
  readonly restored: Restored | undefined;
  operate(command: OperatorCommand): Promise<OperatorResult>;
  stop(): Promise<void>;
}

/**
 * @param failed called once when the thread ends without being told to
 * @throws SnapshotRefused when the snapshot is in the way of a start
 */
export async function startOwner(
  memory: HubMemory,
  settings: ThreadSettings,
  bells: { readonly main: MessagePort; readonly fanout: readonly MessagePort[] },
  ringer: Ringer,
  start: OwnerStart,
  failed: (failure: Error) => void,
): Promise<OwnerHandle> {
  const { port1: port, port2 } = new MessageChannel();
  const task: OwnerTask = {
    memory,
    settings,
    port: port2,
    mainBell: bells.main,
    fanoutBells: bells.fanout,
    ...start,
  };
  const worker = new Worker(workerUrl('owner'), {
    workerData: task,
    transferList: [port2, bells.main, ...bells.fanout],
    name: 'dat-owner',
  });
  const waiting = new Map<number, { resolve(result: OperatorResult): void; reject(failure: Error): void }>();
  let nextRequest = 1;
  let stopping = false;
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const gone = (failure: Error): void => {
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
    if (!stopping) failed(failure);
    stopping = true;
  };
  worker.once('error', gone);
  worker.once('exit', (code) => gone(new Error(`the owner thread ended with code ${code}`)));
  const restored = await new Promise<Restored | undefined>((resolve, reject) => {
    worker.once('error', reject);
    port.on('message', (message: FromOwnerCommand) => {
      if (message.kind === FromOwner.Ready) resolve(message.restored);
      else if (message.kind === FromOwner.Refused) {
        stopping = true;
        port.postMessage({ kind: ToOwner.Stop });
        reject(new SnapshotRefused(message.message));
      } else if (message.kind === FromOwner.Reply) {
        waiting.get(message.request)?.resolve(message.result);
        waiting.delete(message.request);
      }
    });
  });
  return {
    restored,
    operate: (command) =>
      new Promise((resolve, reject) => {
        if (stopping) {
          reject(new Error('the owner thread is gone'));
          return;
        }
        const request = nextRequest++;
        waiting.set(request, { resolve, reject });
        port.postMessage({ request, command });
        ringer.ring();
      }),
    async stop() {
      stopping = true;
      port.postMessage({ kind: ToOwner.Stop });
      ringer.ring();
      await ended;
      port.close();
    },
  };
}

export interface FanoutPool {
  drain(closesPerSecondOf: (worker: number) => number, timeoutMs: number): Promise<void>;
  /** Takes the workers out of the acceptor, then ends them. */
  stop(): Promise<void>;
}

/** What the hub is told of its workers' troubles. */
export interface Alarms {
  /** A worker ended without being told to. */
  failed(failure: Error): void;
  /** A frame met a bug; nothing ended. */
  frameFailed(failure: Error): void;
  /** Those of the worker's subscribers that lag now. */
  slow(worker: number, subscribers: readonly SlowSubscriber[]): void;
}

/** @param bells where the owner rings each worker; as many workers are started */
export async function startFanoutPool(
  memory: HubMemory,
  settings: ThreadSettings,
  tokens: TokenConfig | undefined,
  bells: readonly MessagePort[],
  acceptor: Acceptor,
  { failed, frameFailed, slow }: Alarms,
): Promise<FanoutPool> {
  const pool = new Piscina({
    filename: workerUrl('fanout').href,
    minThreads: bells.length,
    maxThreads: bells.length,
    concurrentTasksPerWorker: 1,
    atomics: 'disabled',
    idleTimeout: Number.POSITIVE_INFINITY,
    resourceLimits: { maxYoungGenerationSizeMb: 6 },
  });
  let stopping = false;
  const workers = await Promise.all(
    bells.map(async (bell, index) => {
      const { port1: port, port2 } = new MessageChannel();
      const task: FanoutTask = {
        presence: memory.presence,
        ownerDoorbell: memory.ownerDoorbell,
        door: memory.door,
        memory: memory.fanout[index]!,
        worker: index,
        settings,
        tokens,
        fanoutThreads: bells.length,
        port: port2,
        bell,
      };
      const run = pool.run(task, { transferList: [port2, bell] });
      const descriptor = await ready(port, run);
      acceptor.addChild(descriptor);
      port.on('message', (message: FromFanoutCommand) => {
        // Accepted sockets must not go to a thread that is ending.
        if (message.kind === FromFanout.Failed) acceptor.removeChild(descriptor);
        else if (message.kind === FromFanout.FrameFailed) frameFailed(message.failure);
        else if (message.kind === FromFanout.Slow) slow(index, message.subscribers);
      });
      run.catch((failure: Error) => {
        if (!stopping) failed(failure);
      });
      return { port, descriptor, run };
    }),
  );
  return {
    async drain(closesPerSecondOf, timeoutMs) {
      await Promise.all(
        workers.map(({ port, run }, index) => {
          const drained = new Promise<void>((resolve) => {
            port.on('message', (message: FromFanoutCommand) => {
              if (message.kind === FromFanout.Drained) resolve();
            });
          });
          port.postMessage({ kind: ToFanout.Drain, closesPerSecond: closesPerSecondOf(index), timeoutMs });
          return Promise.race([drained, run.catch(() => {})]);
        }),
      );
    },
    async stop() {
      stopping = true;
      for (const { port, descriptor } of workers) {
        acceptor.removeChild(descriptor);
        port.postMessage({ kind: ToFanout.Close });
      }
      await Promise.allSettled(workers.map(({ run }) => run));
      await pool.close();
    },
  };
}

function ready(port: MessagePort, run: Promise<unknown>): Promise<ChildDescriptor> {
  return new Promise((resolve, reject) => {
    run.catch(reject);
    port.on('message', (message: FromFanoutCommand) => {
      if (message.kind === FromFanout.Ready) resolve(message.descriptor);
    });
  });
}
