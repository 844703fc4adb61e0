/** `dat bench` and `dat demo`: hand over to other programs of the project. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CliFailure, Exit } from '../failure.ts';
import { line, note } from '../output.ts';
import { simulate } from './simulate.ts';

/** From `dist/src/cli/commands/`. */
const LOAD_BENCH = fileURLToPath(new URL('../../../bench/load/run.js', import.meta.url));
const MAIN = fileURLToPath(new URL('../../main.js', import.meta.url));

/** @param args those of `npm run bench:load` */
export async function bench(args: readonly string[]): Promise<number> {
  if (!existsSync(LOAD_BENCH))
    throw new CliFailure(
      Exit.failed,
      'the bench is not in the package: clone the project, npm ci, npm run bench:load',
    );
  const child = spawn(process.execPath, [LOAD_BENCH, ...args], { stdio: 'inherit' });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? Exit.failed)));
}

export interface DemoOptions {
  readonly devices: number;
  readonly rate: number;
  readonly seconds: number;
}

/** Of the environment's settings, what a demo minds: it is open, on loopback, and leaves nothing behind. */
const DEMO_VARIABLES: readonly string[] = [
  'DAT_DEVICE_PORT',
  'DAT_SUBSCRIBER_PORT',
  'DAT_ADMIN_PORT',
  'DAT_FANOUT_WORKERS',
  'DAT_TRANSPORT',
];

/** A hub and a fleet on loopback, until it is ended. */
export async function demo({ devices, rate, seconds }: DemoOptions): Promise<void> {
  const own = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('DAT_') || DEMO_VARIABLES.includes(name),
  );
  const env = { ...Object.fromEntries(own), DAT_DEVICE_RATE: '0', DAT_LOG_LEVEL: 'warn' };
  const hub = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => hub.once('exit', (code) => resolve(code)));
  const ports = await new Promise<{ devicePort: number; subscriberPort: number; adminPort: number }>(
    (resolve, reject) => {
      createInterface(hub.stderr).on('line', (text) => {
        if (text.includes('"listening"')) resolve(JSON.parse(text));
        else note(text);
      });
      void ended.then((code) =>
        reject(
          new CliFailure(
            Exit.unavailable,
            `the hub ended with ${code}; other ports: ${DEMO_VARIABLES.slice(0, 3).join(', ')} (0: any)`,
          ),
        ),
      );
    },
  );
  line(`dashboard    http://127.0.0.1:${ports.adminPort}/`);
  line(`follow one   dat watch demo-001 --subscriber-url ws://127.0.0.1:${ports.subscriberPort}`);
  line('Ctrl-C ends it');
  try {
    const deviceUrl = `ws://127.0.0.1:${ports.devicePort}`;
    await simulate({ devices, rate, seconds, seed: 1, prefix: 'demo-', deviceUrl, token: '' });
  } finally {
    hub.kill('SIGTERM');
    await ended;
  }
}
