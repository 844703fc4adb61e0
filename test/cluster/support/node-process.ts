/** Runs `node-main.ts`, built, as a process that the test may kill and stop. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../support/eventually.ts';
import { WAIT_MS } from '../../support/waits.ts';
import type { Got } from './fake-host.ts';
import type { NodeCommand, NodeSettings, NodeState } from './node-main.ts';

const MAIN = fileURLToPath(new URL('../../../dist/test/cluster/support/node-main.js', import.meta.url));

export class NodeProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #guard: ChildProcess;
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #request = 0;
  stderr = '';

  private constructor(settings: NodeSettings) {
    this.name = settings.node;
    this.#child = fork(MAIN, [JSON.stringify(settings)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#guard = spawn('sh', ['-c', `read -r _; kill -9 ${this.#child.pid}`], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#child.on('message', ({ request, answer }: { request: number; answer: unknown }) => {
      this.#waiting.get(request)?.(answer);
      this.#waiting.delete(request);
    });
  }

  /** Starts a node, and waits until it is connected, not until it has joined. @throws Error when it ends before */
  static async start(settings: NodeSettings): Promise<NodeProcess> {
    const started = new NodeProcess(settings);
    // Not with 'exit': what it said last may not have been read by then.
    const ended = once(started.#child, 'close').then(() => {
      throw new Error(`node ${settings.node} ended: ${started.stderr}`);
    });
    ended.catch(() => {}); // it may end later, when the test wants it to
    await Promise.race([started.#answer(0), ended]);
    return started;
  }

  async ask<Answer = null>(command: NodeCommand): Promise<Answer> {
    this.#request += 1;
    const answer = this.#answer(this.#request);
    this.#child.send({ request: this.#request, command });
    return (await answer) as Answer;
  }

  state(): Promise<NodeState> {
    return this.ask<NodeState>({ do: 'state' });
  }

  got(id: string): Promise<readonly Got[]> {
    return this.ask<readonly Got[]>({ do: 'got', id });
  }

  /** Waits until the node is `in` and hears so many others. */
  async joined(others: number): Promise<void> {
    await eventually(`${this.name} is in, with ${others} others`, async () => {
      const { phase, members } = await this.state();
      return phase === 2 && members.length === others;
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#guard.kill('SIGKILL'); // first of all: the pid may soon be another's
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  #answer(request: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.name} does not answer: ${this.stderr}`)),
        WAIT_MS,
      );
      this.#waiting.set(request, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }
}
