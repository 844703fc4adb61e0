import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { cpuUse, residentBytes } from '../../bench/load/server-usage.ts';

it('numbers the threads of a process in the order of their start, whatever else the host starts', () => {
  const { threads, totalUs } = cpuUse([process.pid]);
  const names = ['main', ...Array.from({ length: threads.size - 1 }, (_, n) => `+${n + 1}`)];
  expect([...threads.keys()]).toEqual(names);
  expect([...threads.values()].reduce((sum, us) => sum + us)).toBeCloseTo(totalUs);
  const twice = [...cpuUse([process.pid, process.pid]).threads.keys()];
  expect(twice).toContain('2:main');
});

it('says that a server has ended', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  expect(() => cpuUse([child.pid!])).toThrow(`process ${child.pid} of the server has ended`);
  expect(() => residentBytes([child.pid!])).toThrow('of the server has ended');
});
