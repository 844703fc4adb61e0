/** How the process's limit of open files is shared out. Main, at start. */
import { readFileSync } from 'node:fs';

/** Files that are not connections: listeners, event loops, the reserve, the admin API's own connections, the log. */
const OTHER_FILES_MIN = 160;
const OTHER_FILES_SHARE = 0.1;
/** An event loop of its own, and the connection that it holds to itself. */
const FILES_PER_THREAD = 12;

/** Connections that wait to be answered: an eighth, so that a storm of reconnects is not cut short; more is memory. */
const WAITING_SHARE = 1 / 8;
const WAITING_MIN = 16;
const WAITING_MAX = 4096;

export interface FileBudget {
  /** Connections that may be open; 0: the limit of files says nothing. */
  readonly connections: number;
  /** Connections that may wait to be admitted or refused, beside them. */
  readonly waiting: number;
}

/**
 * Where the limit cannot be read (it is Linux that tells), or there is none, only the waiting are bounded.
 * @param threads that hold connections, beside main
 */
export function fileBudget(
  threads: number,
  readLimits = () => readFileSync('/proc/self/limits', 'utf8'),
): FileBudget {
  const files = openFilesMax(readLimits);
  if (files === 0) return { connections: 0, waiting: WAITING_MAX };
  const waiting = Math.min(WAITING_MAX, Math.max(WAITING_MIN, Math.floor(files * WAITING_SHARE)));
  const others = Math.max(OTHER_FILES_MIN + threads * FILES_PER_THREAD, files * OTHER_FILES_SHARE);
  return { connections: Math.max(1, Math.floor(files - others - waiting)), waiting };
}

function openFilesMax(readLimits: () => string): number {
  let limits: string;
  try {
    limits = readLimits();
  } catch {
    return 0;
  }
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
}
