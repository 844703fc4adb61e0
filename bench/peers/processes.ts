/** Starting and ending the servers that are compared. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { bindServer } from '../../src/transport/node-listen.ts';

const STOP_MS = 10_000;
const START_MS = 20_000;

export interface Spawned {
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

export function start(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Spawned {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return {
    child,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(kill);
    },
  };
}

/** The first JSON line on either output that has this message. @throws with the output when the process ends first */
export function jsonLine<Line>({ child }: Spawned, msg: string): Promise<Line> {
  return new Promise((resolve, reject) => {
    let output = '';
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        output += `${line}\n`;
        if (!line.startsWith('{')) return;
        const parsed = JSON.parse(line) as { msg?: string };
        if (parsed.msg === msg) resolve(parsed as Line);
      });
    }
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`it ended at start:\n${output}`)));
  });
}

/** Waits until something listens. */
export async function listening(port: number, { child }: Spawned): Promise<void> {
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (output += text));
  for (const endMs = performance.now() + START_MS; performance.now() < endMs; ) {
    if (child.exitCode !== null) throw new Error(`it ended at start:\n${output}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}:\n${output}`);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await bindServer(server, '127.0.0.1', 0);
  server.close();
  await once(server, 'close');
  return port;
}

/** Where Debian puts servers, which an ordinary user's PATH may leave out. */
export function isInstalled(command: string): boolean {
  return spawnSync('sh', ['-c', `PATH="$PATH:/usr/sbin" command -v ${command}`]).status === 0;
}
