/** What a server's process takes, as the operating system counts it: all threads, user and kernel time. */
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time of a process, microseconds: in all, and of the first thread and the others by how they are numbered. */
export interface CpuUse {
  readonly totalUs: number;
  readonly threads: ReadonlyMap<string, number>;
}

/** @param pids of the server: one, or a master and its workers */
export function cpuUse(pids: readonly number[]): CpuUse {
  const threads = new Map<string, number>();
  let totalUs = 0;
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      // Nanoseconds on a CPU: finer than the clock ticks of `stat`.
      const us = Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ', 1)[0]) / 1e3;
      // Threads of Node have no names of their own; their numbers follow the order in which they were started.
      const name = Number(task) === pids[0] ? 'main' : `+${Number(task) - pids[0]!}`;
      threads.set(name, us);
      totalUs += us;
    }
  }
  return { totalUs, threads };
}

export function residentBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return sum + Number(kib ?? 0) * 1024;
  }, 0);
}
