/** What a server's process takes, as the operating system counts it: all threads, user and kernel time. */
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time of a process, microseconds: in all, and of the first thread and the others by how they are numbered. */
export interface CpuUse {
  readonly totalUs: number;
  readonly threads: ReadonlyMap<string, number>;
}

/**
 * @param pids of the server: one, or a master and its workers
 * @throws when one of them has ended
 */
export function cpuUse(pids: readonly number[]): CpuUse {
  const threads = new Map<string, number>();
  let totalUs = 0;
  for (const [place, pid] of pids.entries()) {
    // Threads of Node have no names of their own, and the numbers of the system are shared with all other processes:
    // they are numbered in the order in which they were started.
    for (const [order, task] of tasksOf(pid).entries()) {
      const us = cpuUsOf(pid, task);
      if (us === undefined) continue;
      const name = order === 0 ? 'main' : `+${order}`;
      threads.set(place === 0 ? name : `${place + 1}:${name}`, us);
      totalUs += us;
    }
  }
  return { totalUs, threads };
}

function tasksOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .map(Number)
      .sort((one, other) => one - other);
  } catch {
    throw new Error(`process ${pid} of the server has ended`);
  }
}

/** @returns undefined for a thread that has just ended */
function cpuUsOf(pid: number, task: number): number | undefined {
  try {
    // Nanoseconds on a CPU: finer than the clock ticks of `stat`.
    return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ', 1)[0]) / 1e3;
  } catch {
    return undefined;
  }
}

/** @throws when one of them has ended */
export function residentBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const kib = /^VmRSS:\s+(\d+)/m.exec(statusOf(pid))?.[1];
    if (kib === undefined) throw new Error(`process ${pid} of the server has ended`); // and is not waited for yet
    return sum + Number(kib) * 1024;
  }, 0);
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return '';
  }
}
