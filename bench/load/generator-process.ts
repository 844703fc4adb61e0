/** A generator process, as the one that controls the run sees it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FromGenerator, GeneratorKind, ToGenerator } from './messages.ts';

/** Longer than any load takes to connect or to run. */
const SILENCE_MS = 120_000;

const generatorFile = fileURLToPath(new URL('./generator.js', import.meta.url));

export class Generator {
  readonly #kind: GeneratorKind;
  readonly #process;
  /** Said and not asked for yet: a report may come before somebody waits for it. */
  readonly #said: FromGenerator[] = [];
  #ended = false;

  constructor(kind: GeneratorKind) {
    this.#kind = kind;
    this.#process = fork(generatorFile, [kind], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#process.on('message', (message: FromGenerator) => this.#said.push(message));
    this.#process.on('exit', () => {
      this.#ended = true;
    });
  }

  say(message: ToGenerator): void {
    this.#process.send(message);
  }

  /** @throws when the process failed or ended instead, or says nothing for too long */
  async hear<Kind extends FromGenerator['kind']>(
    kind: Kind,
  ): Promise<Extract<FromGenerator, { kind: Kind }>> {
    const timeout = AbortSignal.timeout(SILENCE_MS);
    for (;;) {
      for (const message of this.#said.splice(0)) {
        if (message.kind === 'failed') throw new Error(`${this.#kind}: ${message.message}`);
        if (message.kind === kind) return message as Extract<FromGenerator, { kind: Kind }>;
      }
      if (this.#ended) throw new Error(`the ${this.#kind} process ended`);
      if (timeout.aborted) throw new Error(`the ${this.#kind} has not ${kind} within ${SILENCE_MS / 1e3} s`);
      await Promise.race([
        once(this.#process, 'message'),
        once(this.#process, 'exit'),
        once(timeout, 'abort'),
      ]);
    }
  }

  end(): void {
    if (this.#process.connected) this.say({ kind: 'end' });
  }
}
