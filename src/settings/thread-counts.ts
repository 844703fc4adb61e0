/** How many threads hold connections besides main: as set, or as suits the number of cores. Pure. */
import { FANOUT_WORKERS_MAX } from './rows/threads.ts';
import type { Settings } from './schema.ts';

export interface ThreadCounts {
  /** Threads that hold the devices' sockets; 0: main does. */
  readonly ingest: number;
  /** Threads that hold the subscribers' sockets; 0: main does. */
  readonly fanout: number;
}

/** With fewer cores, a thread for devices would take its core from those that send to subscribers. */
const INGEST_CORES_MIN = 5;
/** All events pass through one owner: more threads than this would wait for it (decision 0044). */
const INGEST_AUTO_MAX = 8;

/** @param cores how many the process may use */
export function resolveThreads(
  settings: Pick<Settings, 'ingestWorkers' | 'fanoutWorkers'>,
  cores: number,
): ThreadCounts {
  const { ingestWorkers } = settings;
  const ingest = ingestWorkers === 'auto' ? autoIngest(cores) : ingestWorkers;
  return { ingest, fanout: resolveFanoutWorkers(settings, cores, ingest) };
}

/**
 * @param cores how many the process may use
 * @param ingest threads that hold devices; 0: main does
 * @returns the number of fan-out workers, 0 to `FANOUT_WORKERS_MAX`. With `auto`, one core is left for the owner and
 *   one for each thread that holds devices, which may be main alone. Main without devices does next to nothing.
 */
export function resolveFanoutWorkers(
  { fanoutWorkers }: Pick<Settings, 'fanoutWorkers'>,
  cores: number,
  ingest = 0,
): number {
  if (fanoutWorkers !== 'auto') return fanoutWorkers;
  return Math.min(FANOUT_WORKERS_MAX, Math.max(1, cores - 1 - Math.max(1, ingest)));
}

/**
 * Half of the cores that the owner leaves. Which half runs short depends on the load: if you know it, set both numbers.
 */
function autoIngest(cores: number): number {
  if (cores < INGEST_CORES_MIN) return 0;
  return Math.min(INGEST_AUTO_MAX, Math.floor((cores - 1) / 2));
}
