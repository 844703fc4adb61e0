/** The metrics page: Prometheus text format 0.0.4, a pure function of the figures. No id ever becomes a label. */
import { latencyBoundsSeconds } from '../memory/counters.ts';
import type { Figures } from './figures.ts';

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** What Prometheus expects to hear of any process. */
export interface ProcessFigures {
  readonly nodeVersion: string;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** Unix time, seconds. */
  readonly startTimeSeconds: number;
}

type MetricType = 'counter' | 'gauge' | 'histogram';
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number, suffix?: string];

export function renderMetrics(figures: Figures, process: ProcessFigures): string {
  return [
    ...hubFamilies(figures),
    ...trafficFamilies(figures),
    ...historyFamilies(figures),
    ...snapshotFamilies(figures),
    ...processFamilies(figures, process),
  ].join('');
}

function hubFamilies({
  connections,
  devices,
  subscriptions,
  threads,
  rings,
  capacity,
  ...rest
}: Figures): string[] {
  const used = Object.entries(capacity).map(([table, of]): Sample => [{ table }, of.used / of.capacity]);
  const lags = threads.map(({ thread, loopLagSeconds }): Sample => [{ thread }, loopLagSeconds]);
  const ringsUsed = rings.map(({ ring, usedRatio }): Sample => [{ ring }, usedRatio]);
  return [
    family('dat_connections', 'gauge', 'Open WebSocket connections.', labelled('role', connections)),
    family(
      'dat_devices',
      'gauge',
      'Devices known to the hub, by presence state.',
      labelled('state', devices),
    ),
    family('dat_subscriptions', 'gauge', 'Subscription rows, by status.', labelled('status', subscriptions)),
    family('dat_capacity_used_ratio', 'gauge', 'Used share of each part of the presence table.', used),
    family('dat_ring_used_ratio', 'gauge', 'Used share of each ring between two threads.', ringsUsed),
    family('dat_event_loop_lag_seconds', 'gauge', 'Longest event loop delay in the last second.', lags),
    family(
      'dat_worker_restarts_total',
      'counter',
      'Worker threads restarted after a failure.',
      labelled('role', rest.workerRestarts),
    ),
    family(
      'dat_disconnects_total',
      'counter',
      'Ended WebSocket connections, by close code.',
      Object.entries(rest.disconnects).flatMap(([role, closes]) =>
        closes.map(([code, count]): Sample => [{ role, code }, count]),
      ),
    ),
  ];
}

function trafficFamilies(figures: Figures): string[] {
  return [
    family(
      'dat_events_received_total',
      'counter',
      'Events from devices.',
      labelled('type', figures.received),
    ),
    family('dat_events_skipped_total', 'counter', 'Events that no active subscriber listened to.', [
      [{}, figures.skipped],
    ]),
    family('dat_frames_refused_total', 'counter', 'Frames from peers that were answered with an error.', [
      [{}, figures.refusedFrames],
    ]),
    family('dat_frames_failed_total', 'counter', 'Frames that hit a bug in the hub.', [
      [{}, figures.failedFrames],
    ]),
    family(
      'dat_upgrades_refused_total',
      'counter',
      'Upgrades refused, by reason.',
      labelled('reason', figures.refusedUpgrades),
    ),
    family('dat_deliveries_total', 'counter', 'Events sent, counted once per subscriber.', [
      [{}, figures.deliveries],
    ]),
    family(
      'dat_deliveries_dropped_total',
      'counter',
      'Events not delivered, by reason.',
      labelled('reason', figures.dropped),
    ),
    family('dat_lagging_subscribers', 'gauge', 'Slow subscribers: their send queue is over the limit.', [
      [{}, figures.lagging],
    ]),
    family('dat_send_queue_bytes', 'gauge', 'Bytes in all send queues, as of the last check.', [
      [{}, figures.queuedBytes],
    ]),
    family(
      'dat_slow_closes_total',
      'counter',
      'Slow subscribers closed with 4108, by the limit they hit: their queue, the time, all queues together.',
      labelled('reason', figures.slowCloses),
    ),
    family(
      'dat_fanout_latency_seconds',
      'histogram',
      'Time from receiving an event to sending it.',
      histogram(figures),
    ),
  ];
}

function historyFamilies({ history }: Figures): string[] {
  return [
    family('dat_history_bytes', 'gauge', 'Bytes of kept events.', [[{}, history.usedBytes]]),
    family('dat_history_events', 'gauge', 'Kept events.', [[{}, history.events]]),
    family(
      'dat_history_replayed_total',
      'counter',
      'Kept events that subscribers got, once per subscriber.',
      [[{}, history.replayed]],
    ),
    family(
      'dat_history_evicted_total',
      'counter',
      'Newest messages and statuses of devices that did not stay, as more was kept than half of the memory.',
      [[{}, history.evicted]],
    ),
  ];
}

/** Only where snapshots are written; the time only once there is one, so that no alert takes 0 for very old. */
function snapshotFamilies({ snapshots }: Figures): string[] {
  if (snapshots === undefined) return [];
  const { failures, writtenAtMs } = snapshots;
  const failed = family('dat_snapshot_failures_total', 'counter', 'Snapshots that could not be written.', [
    [{}, failures],
  ]);
  if (writtenAtMs === undefined) return [failed];
  const help = 'Unix time when the newest snapshot was started.';
  return [failed, family('dat_snapshot_written_timestamp_seconds', 'gauge', help, [[{}, writtenAtMs / 1e3]])];
}

function processFamilies({ version, transport }: Figures, process: ProcessFigures): string[] {
  return [
    family('dat_build_info', 'gauge', 'What is running; always 1.', [
      [{ version, node: process.nodeVersion, transport }, 1],
    ]),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory of the process.', [
      [{}, process.residentBytes],
    ]),
    family('process_cpu_seconds_total', 'counter', 'User and system CPU time of the process.', [
      [{}, process.cpuSeconds],
    ]),
    family('process_start_time_seconds', 'gauge', 'Start of the process, Unix time.', [
      [{}, process.startTimeSeconds],
    ]),
  ];
}

function labelled(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => [{ [label]: name }, value]);
}

function histogram({ latencyBuckets, latencySumSeconds }: Figures): Sample[] {
  let below = 0;
  const buckets = [...latencyBoundsSeconds, Number.POSITIVE_INFINITY].map((bound, index): Sample => {
    below += latencyBuckets[index] ?? 0;
    return [{ le: numberText(bound) }, below, '_bucket'];
  });
  return [...buckets, [{}, latencySumSeconds, '_sum'], [{}, below, '_count']];
}

function family(name: string, type: MetricType, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value, suffix = '']) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    return `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberText(value)}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
