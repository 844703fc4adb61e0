/** How many connections the process's limit of open files leaves room for. Main, at start. */
import { readFileSync } from 'node:fs';

/** Files that are not connections: listeners, event loops, the admin API's own connections, the log. */
const OTHER_FILES_MIN = 64;
const OTHER_FILES_SHARE = 0.1;

/** @returns 0 where the limit cannot be read (it is Linux that tells) or there is none */
export function connectionsForOpenFiles(
  readLimits = () => readFileSync('/proc/self/limits', 'utf8'),
): number {
  let limits: string;
  try {
    limits = readLimits();
  } catch {
    return 0;
  }
  const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
  if (files === 0) return 0;
  return Math.max(1, Math.floor(files - Math.max(OTHER_FILES_MIN, files * OTHER_FILES_SHARE)));
}
