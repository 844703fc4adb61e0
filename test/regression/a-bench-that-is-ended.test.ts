import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';

const processes = fileURLToPath(new URL('../../dist/bench/peers/processes.js', import.meta.url));

/** Whether a process is there and has not ended. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

it('takes its servers and folders with it when a signal ends it', async () => {
  const script = `
    const { start, temporaryFolder } = await import(${JSON.stringify(pathToFileURL(processes).href)});
    const { path } = temporaryFolder('test');
    const { child } = start(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    console.log(JSON.stringify({ path, pid: child.pid }));`;
  const bench = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(bench.stdout, 'data')) as [Buffer];
  const { path, pid } = JSON.parse(said.toString()) as { path: string; pid: number };
  expect([isRunning(pid), existsSync(path)]).toEqual([true, true]);
  const ended = once(bench, 'exit');
  bench.kill('SIGTERM');
  expect(await ended).toEqual([143, null]);
  await eventually('the server has ended', () => !isRunning(pid));
  expect(existsSync(path)).toBe(false);
});
