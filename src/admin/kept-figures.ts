/**
 * The hub's figures of the last hour, a row per second, so that a page that was just opened can plot what came before it.
 * One ring of columns, made once: 400 KB whatever happens. Main.
 */
import { FIGURES_KEPT_SECONDS } from '../limits.ts';
import { residentBytes } from '../supervise/resident-bytes.ts';
import type { AdminDeps } from './deps.ts';
import { longestLoopLag } from './figures.ts';
import { LOOKS_APART_MS, type Look, perSecond, RecentLatency, ratesBetween } from './looks.ts';
import { turn } from './pages.ts';

/** Rows that may be overwritten while an answer is being written. */
const SPARE_ROWS = 60;
const ROWS = FIGURES_KEPT_SECONDS + SPARE_ROWS;

/** What is kept, with its meaning for openapi.json. Rates are means over the second before. */
export const keptSeries = {
  receivedMessage: 'Messages from devices, per second',
  receivedStatus: 'Statuses from devices, per second',
  receivedPong: 'Pongs from devices, per second',
  skipped: 'Events that nobody listened to, per second',
  deliveries: 'Events sent, counted once per subscriber, per second',
  dropped: 'Events not delivered, whatever the reason, per second',
  refusedFrames: 'Frames answered with an error, per second',
  bytesReceived: 'Bytes of frames from peers, per second',
  bytesSent: 'Bytes of frames to peers, per second',
  p50Seconds: 'Receive to send over the last five seconds; null without deliveries',
  p90Seconds: 'As p50Seconds',
  p99Seconds: 'As p50Seconds',
  loopLagSeconds: 'Longest event loop delay of any thread',
  deviceConnections: 'Open connections of devices',
  subscriberConnections: 'Open connections of subscribers',
  devicesOnline: 'Devices that are online',
  devicesStale: 'Devices that are stale',
  devicesOffline: 'Devices that are offline',
  subscriptionsActive: 'Active subscriptions',
  sendQueueBytes: 'Bytes that wait for subscribers',
  laggingSubscribers: 'Slow subscribers',
  residentBytes: 'Resident memory of the process',
  cpuRatio: 'CPU seconds per second, all threads together',
} as const;
export type KeptSeries = keyof typeof keptSeries;
const names = Object.keys(keptSeries) as KeptSeries[];

export class KeptFigures {
  readonly #deps: AdminDeps;
  /** Wall-clock ms by row. */
  readonly #at = new Float64Array(ROWS);
  /** By row. NaN: nothing to tell. */
  readonly #columns = new Map(names.map((name) => [name, new Float32Array(ROWS)]));
  readonly #latency = new RecentLatency();
  /** Rows written so far; row n is at n modulo `ROWS`. */
  #count = 0;
  #last: Look | undefined;

  constructor(deps: AdminDeps) {
    this.#deps = deps;
  }

  /** Keeps what there was since the last look. Of the first there is nothing to tell. */
  add(look: Look): void {
    const last = this.#last;
    this.#last = look;
    if (last === undefined) this.#latency.add(look.figures.latencyBuckets);
    else this.#keep(this.#between(last, look));
  }

  #keep(values: Readonly<Record<KeptSeries, number | null>>): void {
    const row = this.#count % ROWS;
    for (const [name, column] of this.#columns) column[row] = values[name] ?? Number.NaN;
    this.#at[row] = this.#deps.clock.wallNow();
    this.#count += 1;
  }

  /**
   * The figures of the last seconds, in JSON. Lets the thread turn to its connections after each column.
   * @param seconds 1 to `FIGURES_KEPT_SECONDS`
   */
  async json(seconds: number): Promise<string> {
    const end = this.#count;
    const rows = Math.min(end, seconds);
    const newest = (column: Float64Array | Float32Array): number[] =>
      Array.from({ length: rows }, (_, index) => column[(end - rows + index) % ROWS]!);
    const at = JSON.stringify(newest(this.#at));
    const series: string[] = [];
    for (const [name, column] of this.#columns) {
      await turn();
      series.push(`"${name}":${JSON.stringify(newest(column).map(rounded))}`);
    }
    return `{"intervalMs":${LOOKS_APART_MS},"at":${at},"series":{${series.join(',')}}}`;
  }

  #between(from: Look, to: Look): Readonly<Record<KeptSeries, number | null>> {
    const { figures } = to;
    const { received, skipped, deliveries, droppedEvents, refusedFrames } = ratesBetween(from, to);
    return {
      receivedMessage: received.message,
      receivedStatus: received.status,
      receivedPong: received.pong,
      skipped,
      deliveries,
      dropped: droppedEvents,
      refusedFrames,
      bytesReceived: perSecond(from, to, (look) => look.figures.bytes.received),
      bytesSent: perSecond(from, to, (look) => look.figures.bytes.sent),
      ...this.#latency.add(figures.latencyBuckets),
      loopLagSeconds: longestLoopLag(this.#deps),
      deviceConnections: figures.connections.device,
      subscriberConnections: figures.connections.subscriber,
      devicesOnline: figures.devices.online,
      devicesStale: figures.devices.stale,
      devicesOffline: figures.devices.offline,
      subscriptionsActive: figures.subscriptions.active,
      sendQueueBytes: figures.queuedBytes,
      laggingSubscribers: figures.lagging,
      residentBytes: residentBytes(),
      cpuRatio: perSecond(from, to, ({ cpuSeconds }) => cpuSeconds),
    };
  }
}

/** To microseconds: what a Float32 has beyond that is noise. */
function rounded(value: number): number | null {
  return Number.isNaN(value) ? null : Math.round(value * 1e6) / 1e6;
}
