/** The hub of a demo: a separate process on loopback, without authentication, that leaves nothing behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { packageFile } from '../../package-root.ts';
import { CliFailure, Exit } from '../failure.ts';
import { note } from '../output.ts';

const MAIN = fileURLToPath(packageFile('dist/src/main.js'));

/** Settings of the environment that the demo obeys, beside the ports. */
const OBEYED: readonly string[] = ['DAT_FANOUT_WORKERS', 'DAT_TRANSPORT'];

export interface DemoHub {
  readonly pid: number;
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly adminPort: number;
  /** Drains the hub. */
  stop(): Promise<void>;
}

/** @param settings its ports, and what makes it a node of a cluster @throws CliFailure when the hub does not start; it has said why */
export async function startDemoHub(settings: Readonly<Record<string, string>>): Promise<DemoHub> {
  const env = { ...inheritedEnv(), ...settings, DAT_DEVICE_RATE: '0', DAT_LOG_LEVEL: 'warn' };
  // A group of its own: Ctrl-C ends the fleet first, and then the hub is told to.
  const hub = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  leaveNoneBehind(hub);
  const ended = new Promise<number | null>((resolve) => hub.once('exit', resolve));
  const listening = new Promise<Pick<DemoHub, 'devicePort' | 'subscriberPort' | 'adminPort'>>((resolve) => {
    createInterface(hub.stderr).on('line', (text) => {
      if (text.includes('"listening"')) resolve(JSON.parse(text));
      else note(text);
    });
  });
  const failed = ended.then((code) => {
    throw new CliFailure(Exit.unavailable, `the hub of the demo did not start (exit code ${code})`);
  });
  const bound = await Promise.race([listening, failed]);
  failed.catch(() => {});
  return {
    pid: hub.pid!,
    ...bound,
    async stop() {
      hub.kill('SIGTERM');
      await ended;
    },
  };
}

const running = new Set<ChildProcess>();

/** However this process ends, the hub ends with it. */
function leaveNoneBehind(hub: ChildProcess): void {
  running.add(hub);
  hub.once('exit', () => running.delete(hub));
  process.off('exit', killAll).once('exit', killAll);
}

function killAll(): void {
  for (const hub of running) hub.kill('SIGKILL');
}

function inheritedEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('DAT_') || OBEYED.includes(name)),
  );
}
