/** The loads. One declaration; the processes of a run derive from it who follows whom and when who sends. */
import type { Load } from '../../src/cli/bench/load.ts';

export interface Shape extends Load {
  readonly name: string;
  /** What it stands for, one line. */
  readonly about: string;
  /** Beside the steady load, in a second window of the same run. */
  readonly disturbance?: Disturbance;
  /** Says something only of a peer that knows vips. */
  readonly needsVips?: true;
  /** What the CPU time is divided by. */
  readonly per: 'delivery' | 'event' | 'connection';
  readonly warmupMs?: number;
  /** From the start of a disturbance until it counts. */
  readonly settleMs?: number;
  readonly windowMs?: number;
}

export interface Disturbance {
  /** Subscribes and unsubscribes per second, alternating, of connections beside the subscribers. */
  readonly followsPerSecond?: number;
  /** Connections per second that are dropped and come back with the same id and subscription. */
  readonly reconnectsPerSecond?: number;
  /** Subscribers beside the others that follow as they do and take a quarter of what comes. */
  readonly slowReaders?: number;
}

/** Some eight to ten seconds after its start V8 tidies up what the start left: of a light load a good part. */
const TIDY_MS = 12_000;
const board = { devices: 2000, rate: 20, subscribers: 100, following: 200 } as const;
const pairs = { devices: 1000, rate: 20, subscribers: 200, following: 10 } as const;

export const shapes: readonly Shape[] = [
  { name: 'board', about: 'dashboards that follow many devices', ...board, per: 'delivery' },
  { name: 'pairs', about: 'few readers for each device', ...pairs, per: 'event' },
  {
    name: 'hot',
    about: 'one device, a thousand readers',
    ...{ devices: 1, rate: 100, subscribers: 1000, following: 1 },
    per: 'delivery',
    warmupMs: TIDY_MS,
  },
  {
    name: 'hot-10k',
    about: 'one device, ten thousand readers: more than the host can send',
    ...{ devices: 1, rate: 100, subscribers: 10_000, following: 1 },
    per: 'delivery',
  },
  {
    name: 'unwatched',
    about: 'nobody listens',
    ...{ devices: 1000, rate: 30, subscribers: 0, following: 0 },
    per: 'event',
    warmupMs: TIDY_MS,
  },
  {
    name: 'thin',
    about: 'an idle hub: what one event takes',
    ...{ devices: 50, rate: 1, subscribers: 50, following: 1 },
    per: 'event',
    warmupMs: TIDY_MS,
    windowMs: 10_000,
  },
  {
    name: 'churn',
    about: 'pairs, then pairs beside subscribing, leaving and reconnecting',
    ...pairs,
    disturbance: { followsPerSecond: 2000, reconnectsPerSecond: 200 },
    per: 'event',
  },
  {
    name: 'idle',
    about: 'connected readers and no events: memory, and what the pings cost',
    ...{ devices: 1000, rate: 0, subscribers: 15_000, following: 1 },
    per: 'connection',
    warmupMs: 1000,
    windowMs: 25_000,
  },
  {
    name: 'mixed',
    about: 'board, then board beside slow readers; one reader in a hundred is vip',
    ...board,
    disturbance: { slowReaders: 5 },
    vips: 1,
    per: 'delivery',
  },
  {
    name: 'vip',
    about: 'more than the host can send, half of the readers vip',
    ...{ devices: 10, rate: 40, subscribers: 1000, following: 10 },
    vips: 500,
    needsVips: true,
    per: 'delivery',
  },
];

/** Small forms of the loads for a check of results, not of times. */
export const smokeShapes: readonly Shape[] = [
  {
    name: 'board-small',
    about: 'board, a tenth',
    ...{ devices: 200, rate: 20, subscribers: 40, following: 50 },
    per: 'delivery',
    warmupMs: 500,
    windowMs: 2000,
  },
  {
    name: 'hot-small',
    about: 'one device, six hundred readers: more than one shard',
    ...{ devices: 1, rate: 50, subscribers: 600, following: 1 },
    per: 'delivery',
    warmupMs: 500,
    windowMs: 2000,
  },
  {
    name: 'churn-small',
    about: 'pairs beside subscribing, leaving and reconnecting, a tenth',
    ...{ devices: 100, rate: 20, subscribers: 40, following: 5 },
    disturbance: { followsPerSecond: 400, reconnectsPerSecond: 40 },
    per: 'event',
    warmupMs: 500,
    windowMs: 2000,
    settleMs: 1000,
  },
];
