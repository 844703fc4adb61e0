/** A hub ended with 70 when nobody read its greeting, and with a stack when the disk of its log was full. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

type Stdio = 'ignore' | 'pipe' | number;

async function startHub(stdout: Stdio, stderr: Stdio): Promise<{ hub: ChildProcess; adminPort: string }> {
  const ports = await freePorts();
  const { DAT_ADMIN_PORT: adminPort = '' } = ports;
  const hub = spawn(process.execPath, [MAIN], {
    env: { ...process.env, ...ports },
    stdio: ['ignore', stdout, stderr],
  });
  onTestFinished(() => void hub.kill('SIGKILL'));
  for (const stream of [hub.stdout, hub.stderr]) stream?.destroy();
  return { hub, adminPort };
}

const isLive = (port: string): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/livez`).then(
    ({ ok }) => ok,
    () => false,
  );

describe.runIf(existsSync('/dev/full'))('a hub', () => {
  const full = (): number => openSync('/dev/full', 'w');
  it.each([
    ['whose greeting nobody reads', 'pipe', 'ignore'],
    ['whose greeting finds a full disk', full(), 'ignore'],
    ['whose log nobody reads', 'ignore', 'pipe'],
    ['whose log finds a full disk', 'ignore', full()],
  ] as const)('%s runs and drains', async (_how, stdout, stderr) => {
    const { hub, adminPort } = await startHub(stdout, stderr);
    await eventually('it listens', () => isLive(adminPort));
    hub.kill('SIGTERM');
    expect(await once(hub, 'exit')).toEqual([0, null]);
  });
});
