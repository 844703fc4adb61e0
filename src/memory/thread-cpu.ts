/** How much CPU time a thread has used. Linux tells each thread by a file; elsewhere nobody does. */
import { readFileSync } from 'node:fs';

/** Nanoseconds on a core, nanoseconds waited for one, time slices. */
const FILE = '/proc/thread-self/schedstat';

/** @returns seconds of this thread since it started; undefined where that cannot be read, or not now */
export function threadCpuSeconds(read = () => readFileSync(FILE, 'latin1')): number | undefined {
  try {
    const seconds = Number(read().split(' ', 1)[0]) / 1e9;
    return Number.isFinite(seconds) ? seconds : undefined;
  } catch {
    return undefined; // no such file, or no descriptor left
  }
}
