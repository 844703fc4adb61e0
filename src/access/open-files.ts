/** Divides the process's limit of open files. Main, at start. */
import { readFileSync } from 'node:fs';
import { LIVE_STREAMS_MAX } from '../limits.ts';

/** Of main and the owner: event loops, listeners, the log. With four more threads a hub had 43 to 47 open in all. */
const OWN_FILES = 32;
/**
 * What a thread takes beside its own for a moment as it starts, because Node loads the files of its code beside each
 * other. An edge takes the most (seen: 85).
 */
const FILES_TO_START = 96;
/** The same of the thread that writes a snapshot, which may start beside another (seen: 12). */
const FILES_TO_START_SNAPSHOT = 32;
/** Kept back, so that both can start when connections have taken all others. */
export const RESERVED_FILES = FILES_TO_START + FILES_TO_START_SNAPSHOT;
/** Connections to the admin API: its live streams, and as many others. */
const ADMIN_FILES = 2 * LIVE_STREAMS_MAX;
const OTHER_FILES_MIN = OWN_FILES + RESERVED_FILES + ADMIN_FILES;
const OTHER_FILES_SHARE = 0.1;
/** An event loop of its own, and the connection that it holds to itself. */
const FILES_PER_THREAD = 12;

/** Connections that wait to be answered have an eighth for themselves, and what admitted connections leave. */
const WAITING_SHARE = 1 / 8;
const WAITING_MIN = 16;
const WAITING_MAX = 4096;
/** Whatever is left: each may hold a head of 32 KiB. */
const WAITING_AT_ONCE_MAX = 65_536;

export interface FileBudget {
  /** Connections that may be open; 0: the limit of files says nothing. */
  readonly connections: number;
  /** Connections that may wait to be admitted or refused, beside them. */
  readonly waiting: number;
  /** Threads in which connections wait. */
  readonly places: number;
}

/** How many connections may wait now, in all threads. @param open admitted connections */
export function waitingMax({ connections, waiting }: FileBudget, open: number): number {
  const left = connections === 0 ? WAITING_AT_ONCE_MAX : connections - open;
  return Math.min(WAITING_AT_ONCE_MAX, waiting + Math.max(0, left));
}

export interface WaitingLimits {
  /** Connections that may wait in one thread now. */
  total(): number;
  /** Of these, from one network. */
  readonly perNetwork: number;
}

/** Each thread lets its part of the process's connections wait. @param admitted how many are open */
export function waitingLimits(budget: FileBudget, admitted: { readonly open: number }): WaitingLimits {
  const { waiting, places } = budget;
  return {
    total: () => Math.ceil(waitingMax(budget, admitted.open) / places),
    perNetwork: Math.ceil(waiting / places / 2),
  };
}

export interface FileNeeds {
  /** That hold connections, beside main. */
  readonly threads: number;
  /** Descriptors of one connection. */
  readonly perConnection: number;
  /** Threads in which connections wait. */
  readonly places: number;
}

/**
 * Where the limit cannot be read (it is Linux that tells), or there is none, only the waiting are bounded.
 */
export function fileBudget(
  { threads, perConnection, places }: FileNeeds,
  readLimits = () => readFileSync('/proc/self/limits', 'utf8'),
): FileBudget {
  const files = openFilesMax(readLimits);
  if (files === 0) return { connections: 0, waiting: WAITING_MAX, places };
  const share = Math.floor((files * WAITING_SHARE) / perConnection);
  const waiting = Math.min(WAITING_MAX, Math.max(WAITING_MIN, share));
  const others = Math.max(OTHER_FILES_MIN + threads * FILES_PER_THREAD, files * OTHER_FILES_SHARE);
  const connections = Math.max(1, Math.floor((files - others) / perConnection - waiting));
  return { connections, waiting, places };
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
