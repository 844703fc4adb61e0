/** The threads that end TLS, one in front of each listener. One that dies is started anew on the same port. Runs on main. */
import type { AdmissionMemory } from '../access/admission-state.ts';
import type { FileBudget } from '../access/open-files.ts';
import { FromFront, type FromFrontCommand, ToFront, type ToFrontCommand } from '../records/commands.ts';
import type { Front, FrontPlace, StartFront } from '../transport/tls-end.ts';
import type { Certificate } from '../transport/tls-front.ts';
import { ListenError } from '../transport/transport.ts';
import type { CrashLimit } from './crash-limit.ts';
import { Thread } from './thread.ts';

export interface TlsFrontsDeps {
  readonly certificate: Certificate;
  /** How the process's open files are shared out. */
  readonly files: FileBudget;
  /** Parts of the process that let connections wait. */
  readonly parts: number;
  readonly admission: AdmissionMemory;
  readonly crashes: CrashLimit;
  /** Connections that were not answered: they waited too long, or there were too many. */
  dropped(why: 'timeout' | 'crowded', count: number): void;
  /** A thread died, with its connections, and another is being started. */
  restarting(name: string, failure: Error): void;
  /** The threads died once too often. Called once. */
  failed(failure: Error): void;
}

/** @returns what starts a thread in front of a listener; the first is `tls-0` */
export function tlsFronts(deps: TlsFrontsDeps): StartFront {
  let count = 0;
  return async (place) => {
    const front = new FrontThread(deps, place, `tls-${count++}`);
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

  constructor(deps: TlsFrontsDeps, place: FrontPlace, name: string) {
    const { files, parts, admission, crashes } = deps;
    this.#place = place;
    this.#certificate = deps.certificate;
    this.#thread = new Thread({
      code: 'tls',
      name,
      crashes,
      task: () => ({
        data: { place: this.#place, certificate: this.#certificate, files, parts, admission },
        transfer: [],
      }),
      isReady: ({ kind }) => kind === FromFront.Ready,
      received: (message) => this.#received(message, deps),
      ended: () => {},
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

  renew(certificate: Certificate): void {
    this.#certificate = certificate;
    this.#post({ kind: ToFront.Renew, certificate });
  }

  stopAccepting(): void {
    this.#isAccepting = false;
    this.#post({ kind: ToFront.StopAccepting });
  }

  close(): Promise<void> {
    return this.#thread.stop(() => this.#post({ kind: ToFront.Close }));
  }

  #received(message: FromFrontCommand, { dropped }: TlsFrontsDeps): void {
    switch (message.kind) {
      case FromFront.Ready:
        this.#place = { ...this.#place, port: message.port };
        if (!this.#isAccepting) this.stopAccepting();
        break;
      case FromFront.Refused: {
        const { host, port } = this.#place;
        const why = message.code === 'EADDRINUSE' ? 'the port is in use' : message.message;
        this.#refusal = new ListenError(`cannot listen on ${host}:${port}: ${why}`);
        break;
      }
      case FromFront.Dropped:
        dropped('timeout', message.timeout);
        dropped('crowded', message.crowded);
        break;
      default:
        throw new Error(`unknown message ${JSON.stringify(message satisfies never)}`);
    }
  }

  #post(command: ToFrontCommand): void {
    this.#thread.life?.port.postMessage(command);
  }
}
