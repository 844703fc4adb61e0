/** How much CPU time a thread has used. On Linux a file says so for each thread; elsewhere nothing does. */
import { openSync, readSync } from 'node:fs';

/** Nanoseconds on a core, nanoseconds waited for one, time slices. */
const FILE = '/proc/thread-self/schedstat';
/** Three numbers of 20 digits at most. */
const text = Buffer.alloc(64);
/** Stays open: opening the file costs more than everything else that an idle thread does. */
let file = -1;

function readFile(): string {
  if (file < 0) file = openSync(FILE, 'r');
  return text.toString('latin1', 0, readSync(file, text, 0, text.length, 0));
}

/** @returns seconds of this thread since it started; undefined where that cannot be read, or not now */
export function threadCpuSeconds(read = readFile): number | undefined {
  try {
    const seconds = Number(read().split(' ', 1)[0]) / 1e9;
    return Number.isFinite(seconds) ? seconds : undefined;
  } catch {
    return undefined; // no such file, or no descriptor left
  }
}
