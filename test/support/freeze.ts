/** Stops a process where it stands. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';
import { eventually } from './eventually.ts';

/** Sends SIGSTOP and waits until no thread runs: on a busy host some go on for a while. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const folder = `/proc/${pid}/task`;
  await eventually(`all threads of ${pid} stand still`, () =>
    readdirSync(folder).every((thread) =>
      /^.*\) T /s.test(readFileSync(`${folder}/${thread}/stat`, 'latin1')),
    ),
  );
}
