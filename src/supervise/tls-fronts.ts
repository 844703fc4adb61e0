/**
 * The threads that end TLS, one in front of each listener on uWebSockets.js: `tls-0` for devices, `tls-1` for
 * subscribers. A thread that dies is restarted on the same port. Main.
 */
import type { AdmissionMemory } from '../access/admission-state.ts';
import type { FileBudget } from '../access/open-files.ts';
import { Counters, createCounters } from '../memory/counters.ts';
import { createHeartbeat } from '../memory/heartbeat.ts';
import { FromFront, type FromFrontCommand, ToFront, type ToFrontCommand } from '../records/commands.ts';
import type { Front, FrontPlace } from '../transport/tls-end.ts';
import type { Certificate } from '../transport/tls-front.ts';
import { ListenError } from '../transport/transport.ts';
import type { CrashLimit } from './crash-limit.ts';
import type { WatchedThread } from './health.ts';
import { Thread } from './thread.ts';
import type { ThreadFigures } from './threads.ts';

export interface TlsFrontsDeps {
  /** Shown until `useTls`. */
  readonly tls: Certificate;
  /** How the process's open files are shared out. */
  readonly files: FileBudget;
  /** How many there will be. */
  readonly count: number;
  readonly admission: AdmissionMemory;
  readonly crashes: CrashLimit;
  /** A thread died, with its connections, and another is being started. */
  restarting(name: string, failure: Error): void;
  /** The threads died once too often. Called once. */
  failed(failure: Error): void;
}

/** What a thread shares with main, from its first run to its last. */
interface FrontMemory extends WatchedThread {
  readonly counters: SharedArrayBuffer;
}

export class TlsFronts {
  #deps: TlsFrontsDeps | undefined;
  readonly #threads: FrontThread[] = [];
  #memories: readonly FrontMemory[] = [];

  /** Once, before the first listens. */
  prepare(deps: TlsFrontsDeps): void {
    this.#deps = deps;
    this.#memories = Array.from({ length: deps.count }, (_, index) => ({
      thread: `tls-${index}`,
      heartbeat: createHeartbeat(),
      counters: createCounters(),
    }));
  }

  /** TLS ends in such threads. */
  get isPrepared(): boolean {
    return this.#deps !== undefined;
  }

  /** Those that there will be. */
  get watched(): readonly WatchedThread[] {
    return this.#memories;
  }

  /** What each counts: connections that it dropped, how late it runs and what CPU it takes. */
  get figures(): readonly ThreadFigures[] {
    return this.#memories.map(({ thread, counters }) => ({ thread, counters: new Counters(counters) }));
  }

  /** How often a thread died and another took its place. */
  get restarts(): number {
    return this.#threads.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  /** For tests. @param index from 0 */
  fault(index: number): void {
    this.#threads[index]?.fault();
  }

  /** Puts a thread in front of a listener. @throws ListenError when the address cannot be bound */
  readonly start = async (place: FrontPlace): Promise<Front> => {
    const self = this.#memories[this.#threads.length];
    if (this.#deps === undefined || self === undefined) throw new Error('no TLS front is prepared');
    const front = new FrontThread(this.#deps, self, place);
    this.#threads.push(front);
    await front.start();
    return front;
  };
}

class FrontThread implements Front {
  readonly #thread: Thread<FromFrontCommand>;
  #place: FrontPlace;
  #certificate: Certificate;
  #refusal: ListenError | undefined;
  #isAccepting = true;
  /** Calls of `useTls` that wait, oldest first. */
  readonly #certifying: (() => void)[] = [];

  constructor(deps: TlsFrontsDeps, { thread: name, heartbeat, counters }: FrontMemory, place: FrontPlace) {
    const { tls, files, admission, crashes } = deps;
    this.#place = place;
    this.#certificate = tls;
    this.#thread = new Thread({
      code: 'tls',
      name,
      crashes,
      task: () => ({
        data: {
          place: this.#place,
          certificate: this.#certificate,
          files,
          admission,
          heartbeat,
          counters,
        },
        transfer: [],
      }),
      isReady: ({ kind }) => kind === FromFront.Ready,
      received: (message) => this.#received(message),
      ended: () => {
        for (const certified of this.#certifying.splice(0)) certified();
      },
      restarting: (failure) => deps.restarting(name, failure),
      failed: (failure) => deps.failed(failure),
    });
  }

  /** @throws ListenError when the address cannot be bound */
  async start(): Promise<void> {
    try {
      await this.#thread.start();
    } catch (failure) {
      throw this.#refusal ?? failure;
    }
  }

  get port(): number {
    return this.#place.port;
  }

  get restarts(): number {
    return this.#thread.restarts;
  }

  async useTls({ cert, key }: Certificate): Promise<void> {
    this.#certificate = { cert, key };
    if (this.#thread.life === undefined) return; // the next has it from its start
    const certified = new Promise<void>((resolve) => this.#certifying.push(resolve));
    this.#post({ kind: ToFront.Certificate, certificate: this.#certificate });
    await certified;
  }

  stopAccepting(): void {
    this.#isAccepting = false;
    this.#post({ kind: ToFront.StopAccepting });
  }

  fault(): void {
    void this.#thread.life?.worker.terminate();
  }

  close(): Promise<void> {
    return this.#thread.stop(() => this.#post({ kind: ToFront.Close }), true);
  }

  #received(message: FromFrontCommand): void {
    switch (message.kind) {
      case FromFront.Ready:
        this.#place = { ...this.#place, port: message.port };
        if (!this.#isAccepting) this.stopAccepting();
        break;
      case FromFront.Refused:
        this.#refusal = new ListenError(message.message);
        break;
      case FromFront.Certified:
        this.#certifying.shift()?.();
        break;
      default:
        throw new Error(`unknown message ${JSON.stringify(message satisfies never)}`);
    }
  }

  #post(command: ToFrontCommand): void {
    this.#thread.life?.port.postMessage(command);
  }
}
