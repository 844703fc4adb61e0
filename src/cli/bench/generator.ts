/** A generator process, as the one that controls the run sees it. */
import { fork } from 'node:child_process';
import type { Load } from './load.ts';
import type { FromGenerator, GeneratorOrder, Progress, ToGenerator, Window } from './messages.ts';

/** Longer than any load takes to connect or to run. */
const SILENCE_MS = 120_000;

/** @param Report what the part reports */
export class Generator<Report> {
  readonly #part: string;
  readonly #process;
  /** Said and not asked for yet: a report may come before somebody waits for it. */
  readonly #said: FromGenerator[] = [];
  #ended = false;
  #happened = (): void => {};

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
      else {
        this.#said.push(message);
        this.#happened();
      }
    });
    const ended = (): void => {
      this.#ended = true;
      this.#happened();
    };
    // An error: there is no process, or none any more that could be told something.
    this.#process.on('exit', ended).on('error', ended);
  }

  /** @throws when it cannot connect */
  async open<AnyLoad extends Load>(order: GeneratorOrder<AnyLoad>): Promise<void> {
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

  /** Waits until the process has ended: by then its connections are closed. */
  async ended(): Promise<void> {
    while (!this.#ended) await this.#something(SILENCE_MS);
  }

  #say(message: ToGenerator): void {
    this.#process.send(message);
  }

  /** @throws when the process failed or ended instead, or says nothing for too long */
  async #hear<Kind extends FromGenerator['kind']>(
    kind: Kind,
  ): Promise<Extract<FromGenerator, { kind: Kind }>> {
    const endMs = performance.now() + SILENCE_MS;
    for (;;) {
      for (const message of this.#said.splice(0)) {
        if (message.kind === 'failed') throw new Error(message.message);
        if (message.kind === kind) return message as Extract<FromGenerator, { kind: Kind }>;
      }
      if (this.#ended) throw new Error(`the ${this.#part} process ended`);
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) throw new Error(`the ${this.#part} has not ${kind} within ${SILENCE_MS / 1e3} s`);
      await this.#something(leftMs);
    }
  }

  /** Waits for a message, for the end of the process, or for so long. */
  #something(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#happened = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
