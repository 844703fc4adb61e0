/** Starting and ending the servers that are compared. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bindServer } from '../../src/transport/node-listen.ts';
import { removeAtEnd } from './leave-nothing.ts';

const STOP_MS = 10_000;
/** On a host that is busy; one that ends meanwhile is noticed at once. */
const START_MS = 60_000;

export interface Spawned {
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** A server ends with this process. What `DAT_…` variables say is not for it: a hub has its defaults, and `env`. */
export function start(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Spawned {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DAT_'));
  const child = spawn(command, args, {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = removeAtEnd(() => killWhole(child));
  child.once('exit', kill).on('error', () => {}); // whoever waits for it is told
  return {
    child,
    async stop() {
      if (hasEnded(child)) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => killWhole(child), STOP_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Ends a process at once, with those that it has started: workers outlive a master that is killed. */
export function killWhole(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined || hasEnded(child)) return;
  const workers = childrenOf(pid);
  child.kill('SIGKILL');
  for (const worker of workers) {
    try {
      process.kill(worker, 'SIGKILL');
    } catch {
      // It has ended since.
    }
  }
}

/** @returns none where the process has ended */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

const hasEnded = ({ pid, exitCode, signalCode }: ChildProcess): boolean =>
  pid === undefined || exitCode !== null || signalCode !== null;

/**
 * The first JSON line on either output that has this message.
 * @throws with the output when there is none; the process has been stopped then
 */
export async function jsonLine<Line>(spawned: Spawned, msg: string, withinMs = START_MS): Promise<Line> {
  const { child } = spawned;
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      let output = '';
      let isFound = false;
      const fail = (why: string): void => reject(new Error(`${why}:\n${output}`));
      for (const stream of [child.stdout!, child.stderr!]) {
        // What comes later is read, too, or the pipe would be full one day.
        createInterface({ input: stream }).on('line', (line) => {
          if (isFound) return;
          output += `${line}\n`;
          const parsed = parseObject(line);
          if (parsed?.['msg'] !== msg) return;
          isFound = true;
          resolve(parsed as Line);
        });
      }
      child.once('error', reject);
      child.once('exit', () => fail('it ended at start'));
      timer = setTimeout(() => fail(`it did not say "${msg}" within ${withinMs / 1000} s`), withinMs);
    });
  } catch (error) {
    await spawned.stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** @returns undefined for a line that is something else */
function parseObject(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined; // a program may print anything
  }
}

/** Waits until something listens. @throws with the output when nothing does; the process has been stopped then */
export async function listening(port: number, spawned: Spawned, withinMs = START_MS): Promise<void> {
  const { child } = spawned;
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (output += text));
  for (const endMs = performance.now() + withinMs; performance.now() < endMs; ) {
    if (hasEnded(child)) throw new Error(`it ended at start:\n${output}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await spawned.stop();
  throw new Error(`nothing listens on port ${port}:\n${output}`);
}

/** A folder of a server's own, gone at the end at the latest. */
export function temporaryFolder(name: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `bench-${name}-`));
  return { path, remove: removeAtEnd(() => rmSync(path, { recursive: true, force: true })) };
}

/**
 * Servers that belong together start together, or not at all.
 * @param startAll adds what stops each that has started
 * @throws what the first one threw that did not start; the others have been stopped then
 */
export async function allOrNone<Started>(
  startAll: (stops: (() => void | Promise<void>)[]) => Promise<Started>,
): Promise<Started> {
  const stops: (() => void | Promise<void>)[] = [];
  try {
    return await startAll(stops);
  } catch (error) {
    for (const stop of stops.reverse()) await stop();
    throw error;
  }
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
