/** Watches a hub from outside while it is attacked: its memory, its health, and whether newcomers get in. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { WebSocket } from 'ws';
import { paced } from './pace.ts';

export interface WatchReport {
  readonly startMiB: number;
  /** Highest resident memory. */
  readonly peakMiB: number;
  /** Answers of `/livez` other than 200, none within five seconds included. */
  readonly notAlive: number;
  /** The slowest answer of `/livez`. */
  readonly livezMs: number;
  /** New devices that tried to get in during the attack. */
  readonly newcomers: number;
  /** Of them, those that were welcomed. */
  readonly welcomed: number;
}

export interface WatchOptions {
  readonly pid: number;
  readonly adminPort: number;
  readonly devicePort: number;
  readonly token?: ((id: string) => Promise<string>) | undefined;
  /** How long the hub may take to let a new device in. */
  readonly newcomerMs: number;
}

const MEMORY_PER_SECOND = 10;
const HEALTH_PER_SECOND = 4;
const NEWCOMERS_PER_SECOND = 2;
/** Of `/livez`. */
const ANSWER_MS = 5000;
/** As long as an id may be: there must be room for these too. */
const ID_CHARACTERS = 128;

export class Watch {
  readonly #options: WatchOptions;
  readonly #over = new AbortController();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #startMiB: number;
  #peakMiB = 0;
  #notAlive = 0;
  #livezMs = 0;
  #newcomers = 0;
  #welcomed = 0;
  readonly #loops: Promise<unknown>;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#startMiB = residentMiB(options.pid);
    const { signal } = this.#over;
    this.#loops = Promise.all([
      paced(MEMORY_PER_SECOND, signal, () => {
        this.#peakMiB = Math.max(this.#peakMiB, residentMiB(options.pid));
      }),
      paced(HEALTH_PER_SECOND, signal, () => this.#askHealth()),
      paced(NEWCOMERS_PER_SECOND, signal, (n) => this.#come(n)),
    ]);
  }

  async stop(): Promise<WatchReport> {
    this.#over.abort();
    await this.#loops;
    this.#agent.destroy();
    return {
      startMiB: this.#startMiB,
      peakMiB: this.#peakMiB,
      notAlive: this.#notAlive,
      livezMs: this.#livezMs,
      newcomers: this.#newcomers,
      welcomed: this.#welcomed,
    };
  }

  /** On one connection, as a probe does that keeps it. */
  async #askHealth(): Promise<void> {
    const fromMs = performance.now();
    const status = await new Promise<number>((resolve) => {
      const options = {
        port: this.#options.adminPort,
        path: '/livez',
        agent: this.#agent,
        timeout: ANSWER_MS,
      };
      const asked = request(options, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
      });
      asked.once('error', () => resolve(0));
      asked.once('timeout', () => asked.destroy());
      asked.end();
    });
    if (status !== 200) this.#notAlive += 1;
    this.#livezMs = Math.max(this.#livezMs, performance.now() - fromMs);
  }

  async #come(n: number): Promise<void> {
    const id = `newcomer-${n}-`.padEnd(ID_CHARACTERS, 'n');
    const token = await this.#options.token?.(id);
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const url = `ws://127.0.0.1:${this.#options.devicePort}/v1/device?id=${id}`;
    const handshakeTimeout = this.#options.newcomerMs;
    const socket = new WebSocket(url, { headers, handshakeTimeout, perMessageDeflate: false });
    const isWelcome = await new Promise<boolean>((resolve) => {
      socket.once('message', (bytes: Buffer) => resolve(bytes.includes('"welcome"')));
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
    });
    this.#newcomers += 1;
    if (isWelcome) this.#welcomed += 1;
    socket.close(1000);
  }
}

function residentMiB(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // it has ended, which is told elsewhere
  }
}
