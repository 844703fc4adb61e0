/** A generator process, as the one that controls the run sees it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Load } from './load.ts';
import type { FromGenerator, Order, Progress, ToGenerator, Window } from './messages.ts';

/** Longer than any load takes to connect or to run. */
const SILENCE_MS = 120_000;

/** @param Report what the part reports */
export class Generator<Report> {
  readonly #part: string;
  readonly #process;
  /** Said and not asked for yet: a report may come before somebody waits for it. */
  readonly #said: FromGenerator[] = [];
  #ended = false;

  /**
   * @param file the built module that serves the parts
   * @param part which of them
   * @param onProgress is told once a second
   */
  constructor(file: string, part: string, onProgress: (progress: Progress) => void = () => {}) {
    this.#part = part;
    this.#process = fork(file, [part], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#process.on('message', (message: FromGenerator) => {
      if (message.kind === 'progress') onProgress(message.progress);
      else this.#said.push(message);
    });
    this.#process.on('exit', () => {
      this.#ended = true;
    });
  }

  /** @throws when it cannot connect */
  async open<AnyLoad extends Load>(order: Order<AnyLoad>): Promise<void> {
    this.#say({ kind: 'open', ...order });
    await this.#hear('opened');
  }

  window(window: Window): void {
    this.#say({ kind: 'window', window });
  }

  run(span: Window, rate: number): void {
    this.#say({ kind: 'run', span, rate });
  }

  /** @throws when the process failed */
  async report(): Promise<Report> {
    this.#say({ kind: 'report' });
    const { report } = await this.#hear('reported');
    return report as Report;
  }

  end(): void {
    if (this.#process.connected) this.#say({ kind: 'end' });
  }

  #say(message: ToGenerator): void {
    this.#process.send(message);
  }

  /** @throws when the process failed or ended instead, or says nothing for too long */
  async #hear<Kind extends FromGenerator['kind']>(
    kind: Kind,
  ): Promise<Extract<FromGenerator, { kind: Kind }>> {
    const timeout = AbortSignal.timeout(SILENCE_MS);
    for (;;) {
      for (const message of this.#said.splice(0)) {
        if (message.kind === 'failed') throw new Error(message.message);
        if (message.kind === kind) return message as Extract<FromGenerator, { kind: Kind }>;
      }
      if (this.#ended) throw new Error(`the ${this.#part} process ended`);
      if (timeout.aborted) throw new Error(`the ${this.#part} has not ${kind} within ${SILENCE_MS / 1e3} s`);
      await Promise.race([
        once(this.#process, 'message'),
        once(this.#process, 'exit'),
        once(timeout, 'abort'),
      ]);
    }
  }
}
