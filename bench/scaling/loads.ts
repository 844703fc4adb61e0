/** What is played while threads are added, and with which threads. */
import type { Load } from '../../src/cli/bench/load.ts';
import type { WebSocketWireName } from '../../src/cli/bench/wires/websocket.ts';

export interface ScalingLoad {
  readonly name: string;
  /** What it stands for, one line. */
  readonly about: string;
  /** Of threads of this kind there are more and more. */
  readonly threads: 'fan-out' | 'ingest';
  readonly load: Omit<Load, 'rate'>;
  readonly wire: WebSocketWireName;
  /** Events per second of all devices that one such thread should hold: where the search starts. */
  readonly eventsPerThread: number;
  /** Settings of the hub with so many threads of that kind. */
  env(threads: number): Readonly<Record<string, string>>;
  /** Processes of the generator. */
  readonly senders: number;
  readonly receivers: number;
}

export const THREADS = [1, 2, 4, 8] as const;

/** No limits of single devices, which would end the search early, and no history. */
const unlimited = { DAT_DEVICE_RATE: '0', DAT_DEVICE_BURST: '0', DAT_HISTORY_BYTES: '0' };

export const scalingLoads: readonly ScalingLoad[] = [
  {
    name: 'hot',
    about: 'ten devices that a thousand readers follow',
    threads: 'fan-out',
    load: { devices: 10, subscribers: 1000, following: 10 },
    wire: 'websocket',
    eventsPerThread: 100,
    env: (threads) => ({ ...unlimited, DAT_FANOUT_WORKERS: `${threads}`, DAT_INGEST_WORKERS: '0' }),
    senders: 1,
    receivers: 6,
  },
  {
    name: 'pairs',
    about: 'few readers for each device: a write for every two or three events',
    threads: 'fan-out',
    load: { devices: 2000, subscribers: 4000, following: 10 },
    wire: 'websocket',
    eventsPerThread: 20_000,
    env: (threads) => ({ ...unlimited, DAT_FANOUT_WORKERS: `${threads}`, DAT_INGEST_WORKERS: '0' }),
    senders: 3,
    receivers: 6,
  },
  {
    name: 'board',
    about: 'dashboards that follow many devices; half as many ingest threads as workers, from two workers on',
    threads: 'fan-out',
    load: { devices: 2000, subscribers: 400, following: 200 },
    wire: 'websocket-batch',
    eventsPerThread: 10_000,
    env: (threads) => ({
      ...unlimited,
      DAT_FANOUT_WORKERS: `${threads}`,
      DAT_INGEST_WORKERS: `${threads < 2 ? 0 : threads / 2}`,
    }),
    senders: 3,
    receivers: 6,
  },
  {
    name: 'ingest',
    about: 'devices of which one in fifty is followed: receiving and numbering',
    threads: 'ingest',
    load: { devices: 4000, subscribers: 8, following: 10 },
    wire: 'websocket',
    eventsPerThread: 60_000,
    env: (threads) => ({ ...unlimited, DAT_FANOUT_WORKERS: '1', DAT_INGEST_WORKERS: `${threads}` }),
    senders: 6,
    receivers: 1,
  },
];
