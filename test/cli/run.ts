/** Runs `dat` as its users do: the built command, in a process of its own, without the settings of this one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestHub } from '../conformance/harness.ts';

export const DAT = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

/** Whoever runs the tests may have contexts. */
const NO_CONTEXTS = '/nonexistent';

export type Env = Readonly<Record<string, string>>;

export interface Running {
  readonly child: ChildProcess;
  readonly out: { stdout: string; stderr: string };
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** Starts `dat`. @param input what it reads from stdin; null leaves stdin open */
export function start(args: readonly string[], env: Env = {}, input: string | null = ''): Running {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DAT_'));
  const child = spawn(process.execPath, [DAT, ...args], {
    env: { ...Object.fromEntries(inherited), XDG_CONFIG_HOME: NO_CONTEXTS, ...env },
  });
  child.stdin.on('error', () => {}); // it may end before it has read all
  if (input !== null) child.stdin.end(input);
  const out = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    out.stderr += text;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, ...out }));
  });
  return { child, out, ended };
}

/** Runs `dat` to its end. */
export const dat = (args: readonly string[], env: Env = {}, input = '') => start(args, env, input).ended;

/** The settings with which a command finds this hub. */
export function portsOf(hub: TestHub): Record<string, string> {
  const { devicePort, subscriberPort, adminPort } = hub.process;
  return {
    DAT_DEVICE_PORT: String(devicePort),
    DAT_SUBSCRIBER_PORT: String(subscriberPort),
    DAT_ADMIN_PORT: String(adminPort),
  };
}

/** Members that several commands print. */
export interface JsonLine {
  readonly op?: string;
  readonly seq?: number;
  readonly name?: string;
  readonly state?: string;
  readonly fix?: string;
  readonly reasons?: readonly string[];
  readonly [name: string]: unknown;
}

/** The JSON values that a command printed, one per line. */
export function jsonLines(stdout: string): JsonLine[] {
  return stdout
    .trim()
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as JsonLine);
}
