/** What a session of runs gave, by load and peer: medians over the runs, latencies over all of them. */
import { merged, type Packed } from '../../src/cli/bench/histogram.ts';
import type { Percentiles } from '../../src/cli/bench/outcome.ts';
import type { Run, RunWindow } from './measure.ts';
import type { Shape } from './shapes.ts';

export interface Session {
  readonly at: string;
  readonly machine: string;
  readonly node: string;
  readonly command: string;
  readonly results: readonly Result[];
  /** Peers that did not play a load, and why. */
  readonly missing: readonly Missing[];
}

export interface Missing {
  readonly shape: string;
  readonly peer: string;
  readonly why: string;
  /** It was to play, and did not get through. */
  readonly failed?: true;
}

export interface Result {
  readonly shape: string;
  readonly peer: string;
  readonly runs: number;
  /** Microseconds of server CPU per delivery, event or connection and second: as the load has it. */
  readonly per: Shape['per'];
  readonly cpuUs: number;
  /** The same of each run. */
  readonly cpuUsOfRuns: readonly number[];
  readonly cpuUsByThread: Readonly<Record<string, number>>;
  /** Cores that the server took. */
  readonly cores: number;
  readonly eventsPerSecond: number;
  readonly deliveriesPerSecond: number;
  /** Below 1 the server fell behind: the share of what was due that came within the window, median of the runs. */
  readonly keptUp?: number;
  readonly latencyMs: Percentiles;
  /** Of the second window, where the load has one; `cpuUs` and the like are of the first. */
  readonly disturbedLatencyMs?: Percentiles;
  /** Second window's p99 over the first's, median of the runs: both of one run, so that the host's mood cancels out. */
  readonly disturbedP99Ratio?: number;
  /** Microseconds of CPU that the second window took beyond the first, for each event that replays brought. */
  readonly replayedCpuUs?: number;
  /** From the subscription to a filter to the last page of its answer. */
  readonly filterMs?: number;
  readonly vipLatencyMs?: Percentiles;
  /** The vips' p99 over the others', median of the runs. */
  readonly vipP99Ratio?: number;
  readonly rssBytesPerConnection: number;
  readonly lost: number;
  /** Of the lost ones, those that the server told in gaps. */
  readonly told: number;
  /** Events that the server refused, or a hub did not read; absent in results of older versions. */
  readonly refused?: number;
  readonly duplicated: number;
  readonly disordered: number;
  readonly connectionsLost: number;
  /** What of a disturbance was done, per second of its window, median of the runs. */
  readonly followsPerSecond?: number;
  readonly reconnectsPerSecond?: number;
  /** Runs in which the generator was the limit, and how. */
  readonly generatorLimits: readonly string[];
}

export function summarise(shape: Shape, peer: string, runs: readonly Run[]): Result {
  const first = runs.map(({ windows }) => windows[0]!);
  const second = runs.flatMap(({ windows }) => windows[1] ?? []);
  const divisor = (window: RunWindow): number => {
    if (shape.per === 'delivery') return window.received;
    if (shape.per === 'event') return handledOf(shape, window);
    return (shape.subscribers * window.ms) / 1e3;
  };
  const perSecond = (count: (run: Run) => number): number =>
    median(runs.map((run) => (count(run) * 1e3) / run.windows[1]!.ms));
  const cpuUsOfRuns = first.map((window) => window.cpuUs / divisor(window));
  const names = Object.keys(first[0]!.cpuUsByThread);
  const sum = (count: (run: Run) => number): number => runs.reduce((total, run) => total + count(run), 0);
  const vips = first.some(({ vipLatency }) => merged([vipLatency]).count > 0);
  return {
    shape: shape.name,
    peer,
    runs: runs.length,
    per: shape.per,
    cpuUs: median(cpuUsOfRuns),
    cpuUsOfRuns,
    cpuUsByThread: Object.fromEntries(
      names.map((name) => [
        name,
        median(first.map((window) => (window.cpuUsByThread[name] ?? 0) / divisor(window))),
      ]),
    ),
    cores: median(first.map(({ cpuUs, ms }) => cpuUs / ms / 1e3)),
    eventsPerSecond: median(first.map(({ sent, ms }) => (sent * 1e3) / ms)),
    deliveriesPerSecond: median(first.map(({ received, ms }) => (received * 1e3) / ms)),
    keptUp: median(first.map((window) => keptUp(shape, window))),
    latencyMs: percentilesOf(first.map(({ latency }) => latency)),
    ...(second.length === 0
      ? {}
      : {
          disturbedLatencyMs: percentilesOf(second.map(({ latency }) => latency)),
          disturbedP99Ratio: median(
            second.map((window, run) => p99(window.latency) / p99(first[run]!.latency)),
          ),
        }),
    ...(runs.some(({ replayed }) => replayed > 0) && {
      replayedCpuUs: median(
        runs.map(({ windows, replayed }) => (windows[1]!.cpuUs - windows[0]!.cpuUs) / replayed),
      ),
    }),
    ...(runs.every(({ filterMs }) => filterMs !== undefined) && {
      filterMs: median(runs.map(({ filterMs }) => filterMs!)),
    }),
    ...(vips
      ? {
          vipLatencyMs: percentilesOf(first.map(({ vipLatency }) => vipLatency)),
          vipP99Ratio: median(first.map(({ vipLatency, latency }) => p99(vipLatency) / p99(latency))),
        }
      : {}),
    rssBytesPerConnection: median(runs.map(({ rssBytesPerConnection }) => rssBytesPerConnection)),
    lost: sum(({ lost }) => lost),
    told: sum(({ told }) => told),
    refused: sum(({ refused }) => refused),
    duplicated: sum(({ duplicated }) => duplicated),
    disordered: sum(({ disordered }) => disordered),
    connectionsLost: sum(({ connectionsLost }) => connectionsLost),
    ...(runs.some(({ follows }) => follows > 0) && { followsPerSecond: perSecond(({ follows }) => follows) }),
    ...(runs.some(({ reconnects }) => reconnects > 0) && {
      reconnectsPerSecond: perSecond(({ reconnects }) => reconnects),
    }),
    generatorLimits: runs.flatMap(({ generatorLimit }) => generatorLimit ?? []),
  };
}

/** From here on a server keeps up: what is on its way at both ends of a window differs a little. */
const KEPT_UP = 0.98;

/** The share of a window's deliveries that came within it; 1 where nobody listens, or not every event is to come. */
export function keptUp(shape: Shape, { sent, received }: Pick<RunWindow, 'sent' | 'received'>): number {
  const expected = (sent * shape.subscribers * shape.following) / shape.devices;
  const share = expected === 0 || shape.conflates ? 1 : received / expected;
  return share >= KEPT_UP ? 1 : share;
}

/** Events that a server has dealt with: what it is behind with has not cost it anything yet. */
const handledOf = (shape: Shape, window: RunWindow): number => window.sent * keptUp(shape, window);

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function p99(latency: Packed): number {
  return merged([latency]).percentile(99);
}

function percentilesOf(latencies: readonly Packed[]): Percentiles {
  const all = merged(latencies);
  const at = (percent: number): number => all.percentile(percent) / 1e3;
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: all.max / 1e3 };
}
