import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { residentBytes } from '../../bench/load/server-usage.ts';
import {
  allOrNone,
  jsonLine,
  killWhole,
  listening,
  type Spawned,
  start,
  temporaryFolder,
} from '../../bench/peers/processes.ts';
import { eventually } from '../support/eventually.ts';

const node = (script: string, env: Readonly<Record<string, string>> = {}): Spawned =>
  start(process.execPath, ['-e', script], env);
const isGone = ({ child }: Spawned): boolean => child.exitCode !== null || child.signalCode !== null;
const isAlive = (pid: number): boolean => {
  try {
    return residentBytes([pid]) > 0;
  } catch {
    return false;
  }
};
afterEach(() => void vi.unstubAllEnvs());

const STAYS = 'setInterval(() => {}, 1000);';

describe('a server that is compared', () => {
  it('is stopped when it does not say that it listens', async () => {
    const silent = node(STAYS);
    await expect(jsonLine(silent, 'listening', 0)).rejects.toThrow('it did not say "listening"');
    expect(isGone(silent)).toBe(true);
  });

  it('is stopped when nothing listens', async () => {
    const deaf = node(STAYS);
    await expect(listening(1, deaf, 0)).rejects.toThrow('nothing listens on port 1');
    expect(isGone(deaf)).toBe(true);
  });

  it('may print what looks like JSON and is none', async () => {
    const chatty = node(`console.log('{ code: 1 }'); console.log('{"msg":"listening","port":7}'); ${STAYS}`);
    expect(await jsonLine(chatty, 'listening')).toMatchObject({ port: 7 });
    await chatty.stop();
  });

  it('cannot be started when its program is not there', async () => {
    const none = start('/none/such', []);
    await expect(jsonLine(none, 'listening')).rejects.toThrow('ENOENT');
    await expect(listening(1, start('/none/such', []))).rejects.toThrow('it ended at start');
    await none.stop();
  });

  it('has the settings that it is given, and none of whoever starts the bench', async () => {
    vi.stubEnv('DAT_FANOUT_WORKERS', '0');
    const script = `const own = Object.entries(process.env).filter(([name]) => name.startsWith('DAT_'));
      console.log(JSON.stringify({ msg: 'settings', own }));`;
    const asked = node(script, { DAT_DEVICE_PORT: '0' });
    expect(await jsonLine(asked, 'settings')).toMatchObject({ own: [['DAT_DEVICE_PORT', '0']] });
    await asked.stop();
  });
});

it('ends a server that must go at once with its workers, such as those of nginx', async () => {
  const script = `const { spawn } = require('node:child_process');
    const { pid } = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    console.log(JSON.stringify({ msg: 'worker', pid })); ${STAYS}`;
  const master = node(script);
  const { pid } = await jsonLine<{ pid: number }>(master, 'worker');
  killWhole(master.child);
  await master.stop();
  await eventually('the worker is gone', () => !isAlive(pid));
  killWhole(master.child); // there is nothing to end
});

it('stops the servers that have started when one of several does not', async () => {
  const first = node(STAYS);
  const folder = temporaryFolder('test');
  const all = allOrNone(async (stops) => {
    stops.push(folder.remove, () => first.stop());
    await jsonLine(node(''), 'listening');
  });
  await expect(all).rejects.toThrow('it ended at start');
  expect(isGone(first)).toBe(true);
  expect(existsSync(folder.path)).toBe(false);
});
