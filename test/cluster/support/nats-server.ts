/** Debian's nats-server with JetStream in a folder of the test's own; it ends with the test process at the latest. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-ports.ts';
import { freeze } from '../../support/freeze.ts';
import { programPath } from '../../support/programs.ts';

export const natsServerPath = programPath('nats-server');

/** @param port of a NATS server on this host, or of a proxy before it */
export const natsUrl = (port: number): string => `nats://127.0.0.1:${port}`;

export class NatsServer {
  readonly port: number;
  readonly #folder: string;
  readonly #config: string;
  #child: ChildProcess | undefined;
  #guard: ChildProcess | undefined;
  #ended = Promise.resolve();
  output = '';

  private constructor(port: number, folder: string, config: string) {
    this.port = port;
    this.#folder = folder;
    this.#config = config;
  }

  /** @param config more lines for its configuration file; `JetStream` is on unless it says otherwise */
  static async start(folder: string, config = '', port?: number): Promise<NatsServer> {
    const server = new NatsServer(port ?? (await freePort()), folder, config);
    await server.start();
    return server;
  }

  get url(): string {
    return natsUrl(this.port);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const file = join(this.#folder, `nats-${this.port}.conf`);
    const store = join(this.#folder, `jetstream-${this.port}`);
    const jetstream = this.#config.includes('jetstream') ? '' : `jetstream { store_dir: "${store}" }\n`;
    writeFileSync(file, `listen: "127.0.0.1:${this.port}"\n${jetstream}${this.#config}\n`);
    const child = spawn(natsServerPath ?? 'nats-server', ['-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.#child = child;
    const guard = spawn('sh', ['-c', `read -r _; kill -9 ${child.pid}`], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#guard = guard;
    this.#ended = new Promise<void>((resolve) =>
      child.once('exit', () => {
        guard.kill('SIGKILL'); // the pid may soon be another's
        resolve();
      }),
    );
    await eventually('nats-server listens', () => {
      if (child.exitCode !== null) throw new Error(`nats-server has ended:\n${this.output}`);
      return listens(this.port);
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Stops it with SIGSTOP, and waits until it does nothing any more. */
  freeze(): Promise<void> {
    return freeze(this.#child!.pid!);
  }

  /** SIGKILL: as a power cut, but for what the kernel has. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    this.#guard?.kill('SIGKILL'); // first of all, as above
    child.kill('SIGKILL');
    await this.#ended; // it may have ended by itself before
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => {}); // 'close' follows, as where it is closed without a word
    socket.once('close', () => resolve(false));
  });
}
