/**
 * Runs the built hub as a process of its own, as an operator would: `dist/src/main.js` with `DAT_…` variables. Every
 * process started here ends with the test process at the latest.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { threadStates } from './thread-states.ts';
import { WAIT_MS } from './waits.ts';

/** `undefined` takes a variable away. */
export type Env = Readonly<Record<string, string | undefined>>;

/** One NDJSON line of stderr. */
export interface LogLine {
  readonly msg?: string;
  readonly level?: number;
  readonly devicePort?: number;
  readonly subscriberPort?: number;
  readonly adminPort?: number;
  readonly mqttPort?: number;
}

export interface Ended {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HubProcess {
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly adminPort: number;
  /** Of MQTT over TCP; 0 while that is off. */
  readonly mqttPort: number;
  readonly pid: number;
  /** What stderr said so far, line by line, where a line is JSON. */
  readonly logs: readonly LogLine[];
  /** All of stderr so far. */
  stderr(): string;
  /** Settles when the process has ended. */
  readonly ended: Promise<Ended>;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, then waits for the end. @returns the exit code, null when it had to be killed */
  stop(withinMs?: number): Promise<number | null>;
  /** SIGKILL, then waits for the end. */
  kill(): Promise<void>;
}

export interface StartOptions {
  readonly args?: readonly string[];
  /** Open files that it may have, hard limit; as many as this process unless given. */
  readonly files?: number;
  /** How long the hub may take to listen. */
  readonly withinMs?: number;
}

/** This file runs from `test` under vitest and from `dist/test` in the tools that are run by hand. */
const ROOT = fileURLToPath(
  ['../../', '../../../']
    .map((up) => new URL(up, import.meta.url))
    .find((root) => existsSync(new URL('package.json', root))) ?? new URL('../../', import.meta.url),
);
const MAIN = `${ROOT}dist/src/main.js`;
const DEFAULTS: Env = {
  DAT_DEVICE_PORT: '0',
  DAT_SUBSCRIBER_PORT: '0',
  DAT_ADMIN_PORT: '0',
  // On a busy host threads come late, which is not what a test is about: it would be refused with 503.
  DAT_OVERLOAD_LAG_MS: '0',
};

/**
 * A process that kills `child` when this one ends, in whatever way: its stdin is then at its end. A test runner kills
 * its workers without their exit handlers, so nothing in here could do it.
 */
function guard({ pid }: ChildProcess): ChildProcess {
  return spawn('sh', ['-c', `read -r _; kill -9 ${pid}`], { stdio: ['pipe', 'ignore', 'ignore'] });
}

/**
 * Starts a hub on free ports, which is never overloaded, with no other `DAT_…` variable than those given.
 * @throws Error with all of stderr when it ends, or does not listen in time
 */
export async function startHub(env: Env = {}, options: StartOptions = {}): Promise<HubProcess> {
  const { child, output, ended } = launch(env, options.args ?? [], options.files);
  const listening = new Promise<LogLine>((resolve) => {
    output.onLine = () => {
      const line = output.logs.find(({ msg }) => msg === 'listening');
      if (line !== undefined) resolve(line);
    };
  });
  const withinMs = options.withinMs ?? WAIT_MS;
  const first = await Promise.race([listening, ended, after(withinMs)]);
  if (first === undefined || 'stderr' in first) {
    child.kill('SIGKILL');
    const { code, signal, stderr } = await ended;
    const how = first === undefined ? `did not listen within ${withinMs} ms` : `ended with ${code ?? signal}`;
    throw new Error(`the hub ${how}; stderr:\n${stderr}`);
  }
  const { devicePort = 0, subscriberPort = 0, adminPort = 0, mqttPort = 0 } = first;
  return {
    devicePort,
    subscriberPort,
    adminPort,
    mqttPort,
    pid: child.pid ?? 0,
    logs: output.logs,
    stderr: () => output.stderr,
    ended,
    signal: (name) => void child.kill(name),
    async stop(withinMs = WAIT_MS) {
      child.kill('SIGTERM');
      if ((await Promise.race([ended, after(withinMs)])) === undefined) {
        output.stderr += `it did not end within ${withinMs} ms:\n${threadStates(child.pid ?? 0)}\n`;
        child.kill('SIGKILL');
      }
      return (await ended).code;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Runs a hub that is expected to refuse to start. @returns how it ended; killed when it runs on */
export async function runHub(env: Env = {}, args: readonly string[] = []): Promise<Ended> {
  const { child, ended } = launch(env, args);
  const timer = setTimeout(() => child.kill('SIGKILL'), WAIT_MS);
  const result = await ended;
  clearTimeout(timer);
  return result;
}

interface Output {
  stdout: string;
  stderr: string;
  readonly logs: LogLine[];
  onLine: () => void;
}

function launch(
  env: Env,
  args: readonly string[],
  files?: number,
): { child: ChildProcess; output: Output; ended: Promise<Ended> } {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DAT_'));
  const given = Object.entries({ ...DEFAULTS, ...env }).filter(([, value]) => value !== undefined);
  const limit = files === undefined ? [] : ['prlimit', `--nofile=${files}:${files}`];
  const [program = '', ...words] = [...limit, process.execPath, MAIN, ...args];
  const child = spawn(program, words, {
    cwd: ROOT,
    env: Object.fromEntries([...inherited, ...given]),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const guardian = guard(child);
  const output: Output = { stdout: '', stderr: '', logs: [], onLine: () => {} };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  let rest = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) readLine(line, output.logs);
    output.onLine();
  });
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => {
    guardian.kill('SIGKILL'); // first of all: the pid may soon be another's
    const { stdout, stderr } = output;
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, stdout, stderr };
  });
  return { child, output, ended };
}

/** A line that is no JSON object stays in `stderr` only. */
function readLine(line: string, logs: LogLine[]): void {
  if (!line.startsWith('{')) return;
  try {
    logs.push(JSON.parse(line) as LogLine);
  } catch {
    // stderr() has it as it came
  }
}

function after(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined).unref());
}
