/** The NATS server of a demo with several hubs: the host's own, on loopback, in a folder that goes with it. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliFailure, Exit } from '../failure.ts';

const PROGRAM = 'nats-server';
/** Where packages put servers that an ordinary user's PATH may leave out. */
const MORE_FOLDERS: readonly string[] = ['/usr/sbin', '/usr/local/sbin'];
const START_MS = 10_000;
const LOOK_MS = 20;

export interface DemoNats {
  readonly url: string;
  /** Everything that it writes is in here. */
  readonly folder: string;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

/** @throws CliFailure that says how to get the server, where there is none in `path` nor where packages put it */
export function natsServerPath(path = '', more: readonly string[] = MORE_FOLDERS): string {
  const folders = [...path.split(delimiter).filter((folder) => folder !== ''), ...more];
  const found = folders.map((folder) => join(folder, PROGRAM)).find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new CliFailure(
    Exit.unavailable,
    `several hubs need ${PROGRAM}, which is not in PATH, ${more.join(' or ')}; install it with ` +
      '"apt install nats-server" (Debian, Ubuntu) or "brew install nats-server" (macOS), or get it from ' +
      'https://github.com/nats-io/nats-server/releases',
  );
}

/** @throws CliFailure when it does not listen in time, with what it said */
export async function startDemoNats(program: string): Promise<DemoNats> {
  const folder = mkdtempSync(join(tmpdir(), 'dat-demo-'));
  const places = ['--store_dir', join(folder, 'store'), '--ports_file_dir', folder];
  // Any free port; and a group of its own: Ctrl-C ends the fleet first, then the hubs, and then this.
  const server = spawn(program, ['--addr', '127.0.0.1', '--port', '-1', '--jetstream', ...places], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  process.once('exit', () => {
    server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (url === undefined) said += text;
  });
  let isOver = false;
  const ended = new Promise<void>((resolve) => {
    const over = (): void => {
      isOver = true;
      resolve();
    };
    server.once('exit', over).once('error', (error) => {
      said += error.message;
      over();
    });
  });
  const untilMs = performance.now() + START_MS;
  let url = urlIn(folder);
  while (url === undefined && !isOver && performance.now() < untilMs) {
    await sleep(LOOK_MS);
    url = urlIn(folder);
  }
  const stop = async (): Promise<void> => {
    server.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  if (url !== undefined) return { url, folder, stop };
  await stop();
  throw new CliFailure(Exit.unavailable, `${program} did not start: ${said.trim() || 'it does not listen'}`);
}

/** Where the server says that it listens; undefined while it has not. */
function urlIn(folder: string): string | undefined {
  const file = readdirSync(folder).find((name) => name.endsWith('.ports'));
  if (file === undefined) return undefined;
  try {
    return (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { nats: string[] }).nats[0];
  } catch {
    return undefined; // it is being written
  }
}
