/**
 * The owner, as seen by main. An owner that dies is replaced on the same table; operators' requests wait meanwhile.
 * Runs on main.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { AccessRule } from '../access/rules.ts';
import type { Ringer } from '../memory/doorbell.ts';
import {
  FromOwner,
  type FromOwnerCommand,
  type OperatorCommand,
  type OperatorResult,
  ToOwner,
  type ToOwnerCommand,
} from '../records/commands.ts';
import { applyToEstate, createEstate } from '../records/estate.ts';
import { SnapshotRefused } from '../snapshot/files.ts';
import type { Restored, SnapshotSource } from '../snapshot/restore.ts';
import type { Bells } from './bells.ts';
import type { CrashLimit } from './crash-limit.ts';
import type { HubMemory } from './memory.ts';
import type { OwnerStart, OwnerTask, ThreadSettings } from './tasks.ts';
import { SMALL_YOUNG_GENERATION, Thread } from './thread.ts';

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
  /** The new owner has heard from every edge and serves everyone. */
  back(): void;
  /** It died once too often. Called once. */
  failed(failure: Error): void;
}

/** The request may or may not have been carried out: the owner died before it answered. */
export class OwnerDied extends Error {
  constructor(failure: Error) {
    super('the owner thread died meanwhile; ask again', { cause: failure });
  }
}

interface Waiting {
  resolve(result: OperatorResult): void;
  reject(failure: Error): void;
}

export class OwnerThread {
  readonly #deps: OwnerThreadDeps;
  readonly #thread: Thread<FromOwnerCommand>;
  /** What the next owner starts with. */
  #next: OwnerStart;
  readonly #estate = createEstate();
  /** Requests to the current owner. */
  #waiting = new Map<number, Waiting>();
  /** Requests made while no owner served everyone. */
  readonly #patient = new Set<Waiting>();
  #isWhole = false;
  #isGone = false;
  #refusal: string | undefined;
  #nextRequest = 1;

  private constructor(deps: OwnerThreadDeps, snapshot: SnapshotSource | undefined) {
    this.#deps = deps;
    this.#next = { rules: [], snapshot, takesOver: false, estate: this.#estate };
    this.#thread = new Thread({
      code: 'owner',
      name: 'owner',
      resourceLimits: SMALL_YOUNG_GENERATION,
      crashes: deps.crashes,
      task: () => this.#task(),
      isReady: ({ kind }) => kind === FromOwner.Ready,
      received: (message) => this.#received(message),
      ended: ({ port }, failure) => this.#ended(port, failure),
      restarting: (failure) => {
        deps.away(failure);
        const { estate } = this.#next;
        this.#next = { rules: deps.rules(), snapshot: undefined, takesOver: true, estate };
      },
      failed: (failure) => {
        this.#isGone = true;
        this.#endPatience();
        deps.away(failure);
        deps.failed(failure);
      },
    });
  }

  /**
   * @returns the thread, and what it restored where it was told to
   * @throws SnapshotRefused when the snapshot is in the way of a start
   */
  static async start(
    deps: OwnerThreadDeps,
    snapshot: SnapshotSource | undefined,
  ): Promise<{ owner: OwnerThread; restored: Restored | undefined }> {
    const owner = new OwnerThread(deps, snapshot);
    try {
      const ready = await owner.#thread.start();
      return { owner, restored: ready.kind === FromOwner.Ready ? ready.restored : undefined };
    } catch (failure) {
      throw owner.#refusal === undefined ? failure : new SnapshotRefused(owner.#refusal);
    }
  }

  /** How often it died and was replaced. */
  get restarts(): number {
    return this.#thread.restarts;
  }

  /**
   * Waits for an owner that is being started. @throws OwnerDied if it is unknown whether the command was carried out;
   * Error if the owner is gone for good
   */
  async operate(command: OperatorCommand): Promise<OperatorResult> {
    while (!this.#isWhole) await this.#untilWhole();
    return this.#ask((request) => ({ request, command }));
  }

  /** Resolves once no row names a connection to the edge, whose thread has ended. */
  async edgeGone(edge: number): Promise<void> {
    for (;;) {
      try {
        await this.#ask((request) => ({ kind: ToOwner.EdgeGone, edge, request }));
        return;
      } catch (failure) {
        if (!(failure instanceof OwnerDied)) throw failure;
        await nextTurn(); // the next owner is started in this turn
      }
    }
  }

  /** From now on the edge is rung here; where there is no owner, the next one gets another bell. */
  setBell(edge: number, bell: MessagePort): void {
    this.#thread.life?.port.postMessage({ kind: ToOwner.Bell, edge, bell }, [bell]);
    this.#deps.ringer.hurry();
  }

  /** Of a cluster: what is kept here without a connection is left to other nodes. */
  leaveAll(): void {
    this.#post({ kind: ToOwner.LeaveAll });
  }

  /** For tests. */
  fault(how: 'throw' | 'terminate' | 'stall', stallMs = 0): void {
    if (how === 'terminate') void this.#thread.life?.worker.terminate();
    else this.#post({ kind: ToOwner.Fault, stallMs: how === 'stall' ? stallMs : 0 });
  }

  async stop(): Promise<void> {
    this.#isGone = true;
    this.#endPatience();
    await this.#thread.stop(() => this.#post({ kind: ToOwner.Stop }), true);
  }

  #task(): { data: Omit<OwnerTask, 'port'>; transfer: MessagePort[] } {
    const { memory, settings, bells } = this.#deps;
    const ends = bells.forOwner();
    const transfer = ends.filter((end) => end !== undefined);
    return { data: { memory, settings, bells: ends, ...this.#next }, transfer };
  }

  #received(message: FromOwnerCommand): void {
    if (message.kind === FromOwner.Ready) {
      this.#isWhole = true;
      if (this.#next.takesOver) this.#deps.back();
      this.#endPatience();
    } else if (message.kind === FromOwner.Refused) {
      this.#refusal = message.message;
      void this.stop();
    } else if (message.kind === FromOwner.Estate) {
      applyToEstate(this.#estate, message.changes);
    } else {
      this.#waiting.get(message.request)?.resolve(message.result);
      this.#waiting.delete(message.request);
    }
  }

  #ended(port: MessagePort, failure: Error): void {
    // The last that it said may have come to the port and not to its listener.
    for (let last = receiveMessageOnPort(port); last !== undefined; last = receiveMessageOnPort(port))
      this.#received(last.message as FromOwnerCommand);
    this.#isWhole = false;
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const asked of waiting.values()) asked.reject(new OwnerDied(failure));
  }

  #untilWhole(): Promise<unknown> {
    if (this.#isGone) return Promise.reject(new Error('the owner thread is gone'));
    return new Promise((resolve, reject) => {
      this.#patient.add({ resolve, reject });
    });
  }

  /** Makes waiting requests check again. */
  #endPatience(): void {
    const patient = [...this.#patient];
    this.#patient.clear();
    for (const { resolve } of patient) resolve({ ok: true });
  }

  #post(message: ToOwnerCommand): void {
    this.#thread.life?.port.postMessage(message);
    this.#deps.ringer.hurry();
  }

  #ask(message: (request: number) => ToOwnerCommand): Promise<OperatorResult> {
    return new Promise((resolve, reject) => {
      if (this.#isGone) {
        reject(new Error('the owner thread is gone'));
        return;
      }
      if (this.#thread.life === undefined) {
        reject(new OwnerDied(new Error('another owner is being started')));
        return;
      }
      const request = this.#nextRequest++;
      this.#waiting.set(request, { resolve, reject });
      this.#post(message(request));
    });
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
