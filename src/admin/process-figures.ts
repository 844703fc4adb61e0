/** What Prometheus expects to hear of any process, and what is not kept in counters. Main. */
import { readFileSync, statSync } from 'node:fs';
import { stderrLines } from '../logging.ts';
import { residentBytes } from '../supervise/resident-bytes.ts';

export interface ProcessFigures {
  readonly nodeVersion: string;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** Unix time, seconds. */
  readonly startTimeSeconds: number;
  /** undefined where the system does not tell: it is Linux that does, since 6.2. */
  readonly openDescriptors: number | undefined;
  /** undefined where the system does not tell, or there is no limit. */
  readonly descriptorsMax: number | undefined;
  readonly lostLogLines: number;
}

/** @param startedAtMs wall clock */
export function processFigures(startedAtMs: number): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return {
    nodeVersion: process.version,
    residentBytes: residentBytes(),
    cpuSeconds: (user + system) / 1e6,
    startTimeSeconds: startedAtMs / 1e3,
    openDescriptors: openDescriptors(),
    descriptorsMax: descriptorsMax(),
    lostLogLines: stderrLines.droppedLines,
  };
}

/** The folder's size is their number: to list it would take a descriptor, and long where there are many. */
function openDescriptors(): number | undefined {
  const stats = statSync('/proc/self/fd', { throwIfNoEntry: false });
  return stats !== undefined && stats.size > 0 ? stats.size : undefined;
}

let limit: number | undefined;

/** May be changed from outside while the process runs; without a descriptor to read it, the last one stands. */
function descriptorsMax(): number | undefined {
  try {
    const text = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    limit = text === undefined ? undefined : Number(text);
  } catch {
    // no such file, or no descriptor left
  }
  return limit;
}
