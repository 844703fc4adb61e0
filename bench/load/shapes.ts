/** The loads. One declaration; the processes of a run derive from it who follows whom and when who sends. */
import type { Load } from '../../src/cli/bench/load.ts';
import type { WireName } from './wires/index.ts';

export interface Shape extends Load {
  readonly name: string;
  /** What it stands for, one line. */
  readonly about: string;
  /** Beside the steady load, in a second window of the same run. */
  readonly disturbance?: Disturbance;
  /** Says something only of the hub: other servers have no such feature. */
  readonly hubOnly?: true;
  /** Not every event is meant to arrive: newer ones replace those that wait. */
  readonly conflates?: true;
  /** Where it is not the peer's usual one. */
  readonly wire?: WireName;
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
  /** Subscribers that ask for the newest kept events of some devices each, evenly over the window. */
  readonly replays?: { readonly subscribers: number; readonly devices: number; readonly events: number };
  /** So many more devices, behind gateways; at the start one subscriber follows all devices with `*`. */
  readonly filterOver?: number;
}

/** Some eight to sixteen seconds after its start V8 tidies up what the start left: of a light load a good part. */
const TIDY_MS = 20_000;
const board = { devices: 2000, rate: 20, subscribers: 100, following: 200 } as const;
const wall = {
  devices: 15_000,
  rate: 1,
  subscribers: 50,
  following: 15_000,
  filter: '*',
  wire: 'websocket-batch',
} as const;
/** A sender of 15,000 connections is at its work sooner than V8 is tidied up. */
const WALL_TIMES = { warmupMs: TIDY_MS, windowMs: 10_000 } as const;
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
    name: 'sparse',
    about: 'one device in a hundred has a reader',
    ...{ devices: 2000, rate: 20, subscribers: 20, following: 1 },
    hubOnly: true,
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
    name: 'idle-10k',
    about: 'nine thousand connected readers and no events: memory',
    ...{ devices: 1000, rate: 0, subscribers: 9000, following: 1 },
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
    hubOnly: true,
    per: 'delivery',
  },
  {
    name: 'wall',
    about: 'wallboards of a whole fleet that take the newest once per second',
    ...wall,
    query: 'every=1000',
    conflates: true,
    hubOnly: true,
    per: 'event',
    ...WALL_TIMES,
  },
  {
    name: 'wall-live',
    about: 'the same wallboards, which take every event',
    ...wall,
    hubOnly: true,
    per: 'event',
    ...WALL_TIMES,
  },
  {
    name: 'replay',
    about: 'pairs, then pairs beside a thousand readers that recover what they missed',
    ...pairs,
    disturbance: { replays: { subscribers: 1000, devices: 10, events: 100 } },
    hubOnly: true,
    per: 'event',
    warmupMs: TIDY_MS,
  },
  {
    name: 'filter',
    about: 'pairs, then pairs beside one reader that subscribes to a hundred thousand devices at once',
    ...pairs,
    disturbance: { filterOver: 99_000 },
    hubOnly: true,
    per: 'event',
    warmupMs: TIDY_MS,
    settleMs: 0,
  },
];

/** The same load, with the events of each millisecond all due at its start: as of devices that share a clock. */
function inBursts(shape: Shape): Shape {
  return { ...shape, name: `${shape.name}-bursts`, about: `${shape.about}; in bursts`, burstMs: 1 };
}

/** Each load, and each that has events in bursts too. */
export const playable: readonly Shape[] = [
  ...shapes,
  ...shapes.filter(({ rate }) => rate > 0).map((shape) => inBursts(shape)),
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
