/** Runs the built hub as a process and connects peers to it. Holds no assertions. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';

const entry = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

export type Env = Readonly<Record<string, string>>;

export interface RunningHub {
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly adminPort: number;
  readonly process: ChildProcess;
  /** What it wrote to stderr so far. */
  log(): string;
  /** Sends SIGTERM. @returns the exit code */
  stop(): Promise<number | null>;
}

/** The environment of a hub: nothing of the caller's settings leaks in. */
export function cleanEnv(env: Env): Env {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DAT_'));
  return { ...(Object.fromEntries(inherited) as Env), ...env };
}

/** Runs the hub's entry until it ends by itself. */
export async function runToEnd(env: Env, args: readonly string[] = []) {
  const child = spawn(process.execPath, [entry, ...args], { env: cleanEnv(env) });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

export async function startHub(env: Env): Promise<RunningHub> {
  const ports = { DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '0', DAT_ADMIN_PORT: '0' };
  const child = spawn(process.execPath, [entry], { env: cleanEnv({ ...ports, ...env }) });
  let log = '';
  child.stdout.resume();
  const listening = new Promise<Record<string, number>>((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      log += chunk;
      const line = log.split('\n').find((text) => text.includes('"msg":"listening"'));
      if (line !== undefined) resolve(JSON.parse(line));
    });
    child.once('exit', (code) => reject(new Error(`the hub ended with ${code}: ${log}`)));
  });
  const { devicePort = 0, subscriberPort = 0, adminPort = 0 } = await listening;
  return {
    devicePort,
    subscriberPort,
    adminPort,
    process: child,
    log: () => log,
    async stop() {
      if (child.exitCode !== null) return child.exitCode;
      const exit = once(child, 'exit') as Promise<[number | null]>;
      child.kill('SIGTERM');
      return (await exit)[0];
    },
  };
}

/** A frame the hub sent: its JSON, or its bytes. */
// biome-ignore lint/suspicious/noExplicitAny: frames are looked into freely by the tests
export type Frame = any;

const WAIT_MS = 15_000;

/** A WebSocket peer that keeps what it got, in order. */
export class Peer {
  readonly frames: Frame[] = [];
  readonly ws: WebSocket;
  closed: { code: number; reason: string } | undefined;
  #seen = 0;
  #changed: (() => void)[] = [];

  constructor(url: string, protocols: string[] = [], options: WebSocket.ClientOptions = {}) {
    this.ws = new WebSocket(url, protocols, options);
    this.ws.on('message', (data: Buffer, binary) => this.#note(binary ? data : JSON.parse(data.toString())));
    this.ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.#wake();
    });
    this.ws.on('error', () => {});
  }

  #note(frame: Frame): void {
    this.frames.push(frame);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#changed.splice(0)) wake();
  }

  async #until<T>(find: () => T | undefined, what: string): Promise<T> {
    const end = Date.now() + WAIT_MS;
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (Date.now() > end) throw new Error(`no ${what}; got ${JSON.stringify(this.frames.slice(-8))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        this.#changed.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** The next frame, after those already taken, that passes. */
  next(passes: (frame: Frame) => boolean, what = passes.toString()): Promise<Frame> {
    return this.#until(() => {
      for (; this.#seen < this.frames.length; this.#seen++) {
        if (passes(this.frames[this.#seen])) return this.frames[this.#seen++];
      }
      return undefined;
    }, what);
  }

  op(op: string): Promise<Frame> {
    return this.next((frame) => frame.op === op, `op ${op}`);
  }

  event(type?: string): Promise<Frame> {
    return this.next(
      (frame) => frame.op === 'event' && (type === undefined || frame.type === type),
      `event ${type}`,
    );
  }

  send(frame: unknown): void {
    this.ws.send(Buffer.isBuffer(frame) || typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** Sends an op and waits for its answer. */
  async ask(frame: { op: string; [field: string]: unknown }): Promise<Frame> {
    const id = `q${Math.random()}`;
    this.send({ ...frame, id });
    return this.next((answer) => answer.id === id, `answer to ${JSON.stringify(frame)}`);
  }

  closing(): Promise<{ code: number; reason: string }> {
    return this.#until(() => this.closed, 'close');
  }

  events(): Frame[] {
    return this.frames.filter((frame) => frame.op === 'event');
  }
}

let unique = 0;
/** An id that no other test uses. */
export const freshId = (name: string): string => `${name}-${++unique}`;

export function connectTo(hub: RunningHub) {
  return {
    async device(id: string): Promise<Peer> {
      const peer = new Peer(`ws://127.0.0.1:${hub.devicePort}/v1/device?id=${id}`);
      await peer.op('welcome');
      return peer;
    },
    async subscriber(id: string, devices: string[] = [], protocols: string[] = []): Promise<Peer> {
      const wanted = devices.length > 0 ? `&devices=${devices.join(',')}` : '';
      const peer = new Peer(`ws://127.0.0.1:${hub.subscriberPort}/v1/subscribe?id=${id}${wanted}`, protocols);
      await peer.op('welcome');
      if (devices.length > 0) await peer.op('subscribed');
      return peer;
    },
    async admin(method: string, path: string, body?: unknown, headers: Env = {}) {
      const response = await fetch(`http://127.0.0.1:${hub.adminPort}${path}`, {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') ?? false;
      return { status: response.status, body: isJson ? JSON.parse(text) : text };
    },
  };
}

/** The status line and headers that a raw HTTP request is answered with. */
export async function rawRequest(
  port: number,
  lines: readonly string[],
): Promise<{ head: string; socket: Socket }> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  let head = '';
  while (!head.includes('\r\n\r\n')) {
    const [chunk] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [Buffer | boolean];
    if (!Buffer.isBuffer(chunk)) break;
    head += chunk.toString('latin1');
  }
  return { head, socket };
}

export const upgradeLines = (path: string, headers: readonly string[] = [], version = 13): string[] => [
  `GET ${path} HTTP/1.1`,
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  `Sec-WebSocket-Version: ${version}`,
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ...headers,
];
