/** What the threads of a process that does not end are doing, for the message of a test. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** @returns a line for each thread: its name, its state, where in the kernel it waits, its CPU time */
export function threadStates(pid: number): string {
  const folder = `/proc/${pid}/task`;
  const read = (thread: string, file: string): string => {
    try {
      return readFileSync(`${folder}/${thread}/${file}`, 'utf8').trim();
    } catch {
      return '?'; // it has just ended
    }
  };
  try {
    return readdirSync(folder)
      .map((thread) => {
        const state = /\) (\S)/.exec(read(thread, 'stat'))?.[1] ?? '?';
        const cpuMs = Number(read(thread, 'schedstat').split(' ', 1)[0]) / 1e6;
        return `${read(thread, 'comm')}: ${state}, ${read(thread, 'wchan')}, ${cpuMs.toFixed(0)} ms of CPU`;
      })
      .join('\n');
  } catch {
    return 'unknown';
  }
}
