/**
 * Starts, watches and stops the owner: a plain Worker that blocks. One that dies is started anew on the same table;
 * what operators ask meanwhile waits. Runs on main.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { AccessRule } from '../access/rules.ts';
import { THREAD_STOP_MS_MAX } from '../limits.ts';
import type { Ringer } from '../memory/doorbell.ts';
import { SnapshotRefused } from '../snapshot/files.ts';
import type { Restored, SnapshotSource } from '../snapshot/restore.ts';
import type { Bells } from './bells.ts';
import {
  FromOwner,
  type FromOwnerCommand,
  type OperatorCommand,
  type OperatorResult,
  ToOwner,
  type ToOwnerCommand,
} from './commands.ts';
import type { CrashLimit } from './crash-limit.ts';
import type { HubMemory } from './memory.ts';
import type { OwnerStart, OwnerTask, ThreadSettings } from './tasks.ts';
import { workerUrl } from './worker-url.ts';

export interface OwnerThreadDeps {
  readonly memory: HubMemory;
  readonly settings: ThreadSettings;
  readonly bells: Bells;
  readonly ringer: Ringer;
  readonly crashes: CrashLimit;
  /** In force now, for an owner that takes over. */
  rules(): readonly AccessRule[];
  /** It died, and another is being started. */
  away(failure: Error): void;
  /** The other has heard from every thread and serves everyone. */
  back(): void;
  /** It died once too often. Called once. */
  failed(failure: Error): void;
}

/** What was asked may have been done or not: the owner died before it could say so. */
export class OwnerDied extends Error {
  constructor(failure: Error) {
    super('the owner thread died meanwhile; ask again', { cause: failure });
  }
}

interface Waiting {
  resolve(result: OperatorResult): void;
  reject(failure: Error): void;
}

/** One life of the thread. */
interface Life {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly ended: Promise<void>;
  readonly waiting: Map<number, Waiting>;
}

export class OwnerThread {
  readonly #deps: OwnerThreadDeps;
  #life: Life | undefined;
  /** Settles when the owner serves everyone; rejects when there will be none any more. */
  #whole: Promise<unknown> = Promise.resolve();
  /** Settles when there is a thread to talk to: one that ended may be started anew only after a pause. */
  #there: Promise<unknown> = Promise.resolve();
  #nextRequest = 1;
  #started = false;
  #stopping = false;
  #restarts = 0;

  private constructor(deps: OwnerThreadDeps) {
    this.#deps = deps;
  }

  /**
   * @returns the thread, and what it restored where it was told to
   * @throws SnapshotRefused when the snapshot is in the way of a start
   */
  static async start(
    deps: OwnerThreadDeps,
    snapshot: SnapshotSource | undefined,
  ): Promise<{ owner: OwnerThread; restored: Restored | undefined }> {
    const owner = new OwnerThread(deps);
    const restored = await owner.#launch({ rules: [], snapshot, takesOver: false });
    owner.#started = true;
    return { owner, restored };
  }

  /** How often it died and was started anew. */
  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Waits for an owner that is being started.
   * @throws OwnerDied when nobody knows whether it was carried out; Error when the owner is gone for good
   */
  async operate(command: OperatorCommand): Promise<OperatorResult> {
    await this.#untilWhole();
    return this.#ask((request) => ({ request, command }));
  }

  /** Resolves once no row says that somebody is connected to the worker, which has ended. */
  async workerGone(worker: number): Promise<void> {
    for (;;) {
      await this.#there;
      try {
        await this.#ask((request) => ({ kind: ToOwner.WorkerGone, worker, request }));
        return;
      } catch (failure) {
        if (!(failure instanceof OwnerDied)) throw failure;
      }
    }
  }

  /** From now on the worker is rung here. */
  setBell(worker: number, bell: MessagePort): void {
    this.#life?.port.postMessage({ kind: ToOwner.Bell, worker, bell }, [bell]);
    this.#deps.ringer.ring();
  }

  /** For tests. */
  fault(how: 'throw' | 'terminate' | 'stall', stallMs = 0): void {
    if (how === 'terminate') void this.#life?.worker.terminate();
    else this.#post({ kind: ToOwner.Fault, stallMs: how === 'stall' ? stallMs : 0 });
  }

  /** One that is stuck is ended where it stands. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const life = this.#life;
    if (life === undefined) return;
    this.#post({ kind: ToOwner.Stop });
    const stuck = setTimeout(() => void life.worker.terminate(), THREAD_STOP_MS_MAX);
    await life.ended;
    clearTimeout(stuck);
    life.port.close();
  }

  async #untilWhole(): Promise<void> {
    for (;;) {
      const whole = this.#whole;
      try {
        await whole;
        return;
      } catch (failure) {
        if (this.#whole === whole) throw failure;
      }
    }
  }

  #post(message: ToOwnerCommand): void {
    this.#life?.port.postMessage(message);
    this.#deps.ringer.ring();
  }

  #ask(message: (request: number) => ToOwnerCommand): Promise<OperatorResult> {
    return new Promise((resolve, reject) => {
      const life = this.#life;
      if (life === undefined || this.#stopping) {
        reject(new Error('the owner thread is gone'));
        return;
      }
      const request = this.#nextRequest++;
      life.waiting.set(request, { resolve, reject });
      this.#post(message(request));
    });
  }

  /** @returns what it restored, once it serves everyone */
  #launch(start: OwnerStart): Promise<Restored | undefined> {
    const { memory, settings, bells } = this.#deps;
    const { port1: port, port2 } = new MessageChannel();
    const { main: mainBell, fanout: fanoutBells } = bells.forOwner();
    const task: OwnerTask = { memory, settings, port: port2, mainBell, fanoutBells, ...start };
    const worker = new Worker(workerUrl('owner'), {
      workerData: task,
      transferList: [port2, mainBell, ...fanoutBells],
      name: 'dat-owner',
    });
    let failure: Error | undefined;
    worker.once('error', (error: Error) => {
      failure = error;
    });
    const waiting = new Map<number, Waiting>();
    let setEnded = (): void => {};
    const ended = new Promise<void>((resolve) => {
      setEnded = resolve;
    });
    this.#life = { worker, port, ended, waiting };
    return new Promise((resolve, reject) => {
      worker.once('exit', (code) => {
        const cause = failure ?? new Error(`the owner thread ended with code ${code}`);
        for (const asked of waiting.values()) asked.reject(new OwnerDied(cause));
        reject(cause);
        setEnded();
        port.close();
        if (this.#started && !this.#stopping) this.#died(cause);
      });
      port.on('message', (message: FromOwnerCommand) => {
        if (message.kind === FromOwner.Ready) resolve(message.restored);
        else if (message.kind === FromOwner.Refused) {
          reject(new SnapshotRefused(message.message));
          void this.stop();
        } else {
          waiting.get(message.request)?.resolve(message.result);
          waiting.delete(message.request);
        }
      });
    });
  }

  #died(failure: Error): void {
    const { crashes, rules, away, back, failed } = this.#deps;
    away(failure);
    const delayMs = crashes.note('owner', failure);
    if (delayMs === undefined) {
      this.#stopping = true;
      this.#whole = Promise.reject(new Error('the owner thread is gone'));
      this.#whole.catch(() => {}); // whoever asks is told
      failed(failure);
      return;
    }
    this.#restarts += 1;
    const launched = sleep(delayMs).then(() => {
      if (this.#stopping) throw new Error('the owner thread is gone');
      // In a list, so that who waits for a thread to talk to does not wait until it serves.
      return [this.#launch({ rules: rules(), snapshot: undefined, takesOver: true })];
    });
    this.#there = launched.catch(() => {});
    const whole = launched
      .then(([serves]) => serves)
      .then(() => {
        crashes.started('owner');
        back();
      });
    whole.catch(() => {}); // died again: `#whole` is another by then
    this.#whole = whole;
  }
}
