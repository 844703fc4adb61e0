/** An example of the docs, run as its reader would. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Debian's has Debian's packages, whatever other Python comes first. */
const pythons = ['python3', '/usr/bin/python3'];

export interface RunningExample {
  readonly child: ChildProcess;
  /** stdout and stderr so far. */
  readonly said: () => string;
}

/** @returns a Python that has the module; undefined: none does */
export function pythonWith(module: string): string | undefined {
  return pythons.find((command) => spawnSync(command, ['-c', `import ${module}`]).status === 0);
}

/** Starts one that ends with the test: in a process group of its own, since a shell's programs outlive it. */
export function runExample(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): RunningExample {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  onTestFinished(() => {
    if (child.pid !== undefined) endGroup(child.pid);
  });
  return { child, said: () => said };
}

function endGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // it has ended
  }
}
