/** Settings of the group Threads. */
import { wordOrNumber } from '../kinds.ts';
import { row } from '../row.ts';

/** Including main, every edge needs a number that fits into a session number (`records/sessions.ts`). */
export const FANOUT_WORKERS_MAX = 32;
export const INGEST_WORKERS_MAX = 16;

export const threadsRows = {
  fanoutWorkers: row({
    kind: wordOrNumber('auto', 0, FANOUT_WORKERS_MAX),
    default: 'auto',
    group: 'Threads',
    meaning:
      'Number of fan-out worker threads. `auto` is the number of cores minus 2, at least 1 and at most ' +
      `${FANOUT_WORKERS_MAX}; with ingest threads, what they and the owner leave. 0 keeps the subscribers' sockets on ` +
      'the main thread.',
  }),
  ingestWorkers: row({
    kind: wordOrNumber('auto', 0, INGEST_WORKERS_MAX),
    default: 0,
    group: 'Threads',
    meaning:
      "Number of threads that hold the devices' sockets, for fleets that send more than one core can receive. `auto` " +
      'gives them half of the cores that the owner leaves, from 5 cores on, and at most 8. 0 keeps the sockets of ' +
      'devices on the main thread. Needs the `uws` transport; on `ws` the main thread has all sockets.',
  }),
} as const;
