/** One point: a fresh hub with so many threads, and the highest rate that it holds. */
import { setTimeout as sleep } from 'node:timers/promises';
import { findKnee, type Knee } from '../../src/cli/bench/knee.ts';
import { type Outcome, percentilesOf } from '../../src/cli/bench/outcome.ts';
import { LEAD_MS, LoadRun } from '../../src/cli/bench/run.ts';
import { missed } from '../../src/cli/bench/thresholds.ts';
import { cpuUse } from '../load/server-usage.ts';
import { dat } from '../peers/dat.ts';
import type { ScalingLoad } from './loads.ts';

/** What a hub with `threads` fan-out or ingest threads held. */
export interface Point {
  readonly load: string;
  readonly threads: number;
  readonly eventsPerSecond: number;
  readonly deliveriesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU seconds per second of the hub, all threads. */
  readonly cores: number;
  /** The same of its busiest thread: near 1 it is what kept the hub from more. */
  readonly busiest: number;
  /** What kept it from more. `generator`: the hub may well hold more. */
  readonly limit: Knee['limit'];
}

/** A rate is held when 99 of 100 events arrive within this time and none is lost. */
export const MAX_P99_MS = 50;
const WARMUP_MS = 1000;
const WINDOW_MS = 2500;
/** Not looked at, at the end: the load must not be over before the second look. */
const MARGIN_MS = 200;
const RATE_MAX = 1e6;
const PRECISION = 1.15;

/** @returns undefined when not even the rate held that the search starts with */
export async function measurePoint(
  scaling: ScalingLoad,
  threads: number,
  note: (line: string) => void,
): Promise<Point | undefined> {
  const server = await dat('dat', { env: scaling.env(threads), wire: scaling.wire }).start();
  try {
    const run = await LoadRun.open({
      target: server.target,
      load: { ...scaling.load, rate: 1 },
      processes: { devices: scaling.senders, subscribers: scaling.receivers },
      stop: new AbortController().signal,
      stage: () => {},
      tick: () => {},
    });
    try {
      const used = new Map<Outcome, Cores>();
      const knee = await findKnee({
        firstRate: (scaling.eventsPerThread * threads) / scaling.load.devices,
        highestRate: RATE_MAX,
        precision: PRECISION,
        async play(rate) {
          await run.restore();
          const playing = run.play(rate, WARMUP_MS, WINDOW_MS);
          const [outcome, cores] = await Promise.all([playing, coresOf(server.pids())]);
          used.set(outcome, cores);
          return outcome;
        },
        missed: (outcome) => missed(outcome, { maxP99: MAX_P99_MS, maxLost: 0 }),
        stepped: ({ outcome, missed: why }) =>
          note(
            `${scaling.name} × ${threads}: ${outcome.eventsPerSecond.toFixed(0)} events/s, ` +
              `${outcome.deliveriesPerSecond.toFixed(0)} deliveries/s: ${[...why, outcome.generatorLimit ?? ''].join('; ')}`,
          ),
      });
      return knee.held === undefined
        ? undefined
        : pointOf(scaling, threads, knee, used.get(knee.held.outcome)!);
    } finally {
      run.close();
    }
  } finally {
    await server.stop();
  }
}

type Cores = Pick<Point, 'cores' | 'busiest'>;

/** While a load is played, after its warm-up. */
async function coresOf(pids: readonly number[]): Promise<Cores> {
  await sleep(LEAD_MS + WARMUP_MS);
  const before = cpuUse(pids);
  const startMs = performance.now();
  await sleep(WINDOW_MS - MARGIN_MS);
  const after = cpuUse(pids);
  const us = (performance.now() - startMs) * 1e3;
  const threads = [...after.threads].map(([thread, used]) => used - (before.threads.get(thread) ?? 0));
  return { cores: (after.totalUs - before.totalUs) / us, busiest: Math.max(...threads) / us };
}

function pointOf({ name }: ScalingLoad, threads: number, { held, limit }: Knee, cores: Cores): Point {
  const { outcome } = held!;
  const latency = percentilesOf(outcome);
  return {
    load: name,
    threads,
    eventsPerSecond: outcome.eventsPerSecond,
    deliveriesPerSecond: outcome.deliveriesPerSecond,
    p50Ms: latency?.p50 ?? 0,
    p99Ms: latency?.p99 ?? 0,
    ...cores,
    limit,
  };
}
