/**
 * Starts, watches, restarts and stops one thread of the hub: the owner, or an edge. It is a plain Worker, because it
 * runs as long as the hub does: there is no job to queue and no pool to share. Also runs a thread for a single job. On
 * main.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, type MessagePort, type ResourceLimits, Worker } from 'node:worker_threads';
import { THREAD_STOP_MS_MAX } from '../limits.ts';
import type { CrashLimit } from './crash-limit.ts';
import { descriptorReserve } from './descriptor-reserve.ts';
import { type WorkerName, workerUrl } from './worker-url.ts';

/**
 * Short-lived objects are collected often and cheaply, and a burst of arrivals leaves no large heap behind (decision
 * 0007).
 */
export const SMALL_YOUNG_GENERATION = { maxYoungGenerationSizeMb: 6 } as const;

/** One run of the thread, from its start to its end. */
export interface Life {
  /** Commands to the thread and back. */
  readonly port: MessagePort;
  readonly worker: Worker;
  /** Settles with why it ended, and never rejects. */
  readonly ended: Promise<Error>;
}

export interface ThreadDeps<Message> {
  /** Its code. */
  readonly code: WorkerName;
  /** As it is named in metrics and logs. */
  readonly name: string;
  readonly resourceLimits?: ResourceLimits;
  readonly crashes: CrashLimit;
  /** @param port main's end @returns what the thread is given beside its own end, and what of it changes hands */
  task(port: MessagePort): { readonly data: object; readonly transfer: readonly MessagePort[] };
  /** Whether the thread says with this message that it is ready. */
  isReady(message: Message): boolean;
  /** A message from the thread, before its first `Ready` too. */
  received(message: Message, life: Life): void;
  /** A run has ended, as told or unexpectedly. Messages left in its port are lost after this. */
  ended(life: Life, failure: Error): void;
  /** It died, and is restarted once this has settled. */
  restarting(failure: Error): Promise<void> | void;
  /** It died once too often, or could not be restarted. Called once. */
  failed(failure: Error): void;
}

export class Thread<Message> {
  readonly #deps: ThreadDeps<Message>;
  #life: Life | undefined;
  #stopping = false;
  #restarts = 0;

  constructor(deps: ThreadDeps<Message>) {
    this.#deps = deps;
  }

  /** The run that is under way; undefined before the first and between two. */
  get life(): Life | undefined {
    return this.#life;
  }

  /** How often it died and was restarted. */
  get restarts(): number {
    return this.#restarts;
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  /** @returns its `Ready` @throws Error when it ends before it is ready */
  start(): Promise<Message> {
    const { code, name, resourceLimits, isReady, received, ended } = this.#deps;
    const { port1: port, port2 } = new MessageChannel();
    const { data, transfer } = this.#deps.task(port);
    const worker = new Worker(workerUrl(code), {
      workerData: { ...data, port: port2 },
      transferList: [port2, ...transfer],
      name,
      ...(resourceLimits && { resourceLimits }),
    });
    let failure: Error | undefined;
    worker.once('error', (error: Error) => {
      failure = error;
    });
    const end = new Promise<Error>((resolve) => {
      worker.once('exit', (exitCode) =>
        resolve(failure ?? new Error(`thread ${name} ended with code ${exitCode}`)),
      );
    });
    const started: Life = { port, worker, ended: end };
    this.#life = started;
    return new Promise((resolve, reject) => {
      let wasReady = false;
      void end.then((cause) => {
        if (this.#life === started) this.#life = undefined;
        ended(started, cause);
        port.close();
        reject(cause);
        if (wasReady && !this.#stopping) void this.#died(cause);
      });
      port.on('message', (message: Message) => {
        received(message, started);
        if (!isReady(message)) return;
        wasReady = true;
        resolve(message);
      });
    });
  }

  /**
   * Stops the thread; nothing is restarted from now on. @param tell tells the thread to end @param canBeCut whether a
   * thread that does not end in time may be terminated; one with open connections would take the process with it
   */
  async stop(tell: (life: Life) => void, canBeCut = false): Promise<void> {
    this.#stopping = true;
    const life = this.#life;
    if (life === undefined) return;
    tell(life);
    const stuck = canBeCut ? setTimeout(() => void life.worker.terminate(), THREAD_STOP_MS_MAX) : undefined;
    await life.ended;
    clearTimeout(stuck);
  }

  async #died(failure: Error): Promise<void> {
    const { name, crashes, restarting, failed } = this.#deps;
    const delayMs = crashes.note(name, failure);
    if (delayMs === undefined) {
      this.#stopping = true;
      failed(failure);
      return;
    }
    try {
      await restarting(failure);
      await sleep(delayMs);
      if (this.#stopping) return;
      await descriptorReserve.lend(() => this.start());
      this.#restarts += 1;
      crashes.started(name);
    } catch (error) {
      // One that died before it was ready counts as a crash too, unless it lacked what it needs to start.
      if (!this.#stopping) await this.#died(error as Error);
    }
  }
}

/**
 * Runs a thread for one job, until it says that it is done.
 * @param job given to the thread
 * @throws what ended the thread; Error when it takes longer
 */
export function runOnce(code: WorkerName, job: object, msMax: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(workerUrl(code), { workerData: job, name: code });
    const hangs = setTimeout(() => {
      reject(new Error(`thread ${code} takes longer than ${msMax / 1e3} s`));
      void worker.terminate();
    }, msMax);
    let failure: Error | undefined;
    worker.once('message', () => resolve());
    worker.once('error', (error: Error) => {
      failure = error;
    });
    // Not before it has ended: until then it holds descriptors, which main may need for what comes next.
    worker.once('exit', (exitCode) => {
      clearTimeout(hangs);
      reject(failure ?? new Error(`thread ${code} ended with code ${exitCode}`)); // unless it is settled already
    });
  });
}
