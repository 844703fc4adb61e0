/** The metrics page: a pure function of the figures. No id ever becomes a label. */
import type { LinkCountName } from '../cluster/figures.ts';
import { latencyBoundsSeconds } from '../memory/counters.ts';
import type { Figures } from './figures.ts';
import type { ProcessFigures } from './process-figures.ts';
import { counter, gauge, histogram, labelled, type Sample } from './prometheus-text.ts';

/** The answer of `/metrics`, in Prometheus text format. */
export function renderMetrics(figures: Figures, process: ProcessFigures): string {
  return [
    ...connectionFamilies(figures),
    ...tableFamilies(figures),
    ...threadFamilies(figures),
    ...frameFamilies(figures),
    ...deliveryFamilies(figures),
    ...historyFamilies(figures),
    ...snapshotFamilies(figures),
    ...clusterFamilies(figures),
    ...webhookFamilies(figures),
    ...processFamilies(figures, process),
  ].join('');
}

function connectionFamilies(figures: Figures): string[] {
  const { notReady, connections, connectionsUsedRatio, gatewayDevices, mqtt } = figures;
  const { opened, refusedUpgrades, disconnects } = figures;
  const closes = Object.entries(disconnects).flatMap(([role, codes]) =>
    codes.map(([code, count]): Sample => [{ role, code }, count]),
  );
  return [
    gauge('dat_ready', '1 while the hub admits new peers, as /readyz says.', notReady === undefined ? 1 : 0),
    gauge(
      'dat_connections',
      'Peers connected, by role. An MQTT client may have both roles, or none yet.',
      labelled('role', connections),
    ),
    gauge(
      'dat_connections_used_ratio',
      'Used share of the connections that the hub may have, DAT_MAX_CONNECTIONS; 0 without a limit.',
      connectionsUsedRatio,
    ),
    gauge('dat_gateway_devices', 'Devices that gateways speak for.', gatewayDevices),
    gauge('dat_mqtt_connections', 'Open MQTT connections.', mqtt.connections),
    counter('dat_connections_opened_total', 'Peers that connected, by role.', labelled('role', opened)),
    counter(
      'dat_mqtt_refused_total',
      'CONNECT packets refused for what they ask, packets that ended their connection as malformed, PUBLISH packets to ' +
        'foreign topics, and events refused without an answer.',
      labelled('reason', mqtt.refused),
    ),
    counter(
      'dat_upgrades_refused_total',
      'Upgrades and MQTT CONNECTs refused, by reason.',
      labelled('reason', refusedUpgrades),
    ),
    counter('dat_disconnects_total', 'Ended connections, by close code.', closes),
  ];
}

function tableFamilies({ devices, subscriptions, capacity }: Figures): string[] {
  const used = Object.entries(capacity).map(([table, of]): Sample => [{ table }, of.used / of.capacity]);
  return [
    gauge('dat_devices', 'Devices known to the hub, by presence state.', labelled('state', devices)),
    gauge('dat_subscriptions', 'Subscription rows, by status.', labelled('status', subscriptions)),
    gauge('dat_capacity_used_ratio', 'Used share of each part of the presence table.', used),
  ];
}

function threadFamilies({ threads, rings, workerRestarts }: Figures): string[] {
  const ringsUsed = rings.map(({ ring, usedRatio }): Sample => [{ ring }, usedRatio]);
  const lags = threads.map(({ thread, loopLagSeconds }): Sample => [{ thread }, loopLagSeconds]);
  // Only where the system tells.
  const cpu = threads
    .filter(({ counters }) => counters.cpuSeconds > 0)
    .map(({ thread, counters }): Sample => [{ thread }, counters.cpuSeconds]);
  return [
    gauge('dat_ring_used_ratio', 'Used share of each ring between two threads.', ringsUsed),
    gauge('dat_event_loop_lag_seconds', 'Longest event loop delay in the last second.', lags),
    ...(cpu.length > 0 ? [counter('dat_thread_cpu_seconds_total', 'CPU time of each thread.', cpu)] : []),
    counter(
      'dat_worker_restarts_total',
      'Worker threads restarted after a failure.',
      labelled('role', workerRestarts),
    ),
  ];
}

function frameFamilies({ received, skipped, bytes, refusals, failedFrames }: Figures): string[] {
  return [
    counter('dat_events_received_total', 'Events from devices.', labelled('type', received)),
    counter('dat_events_skipped_total', 'Events that no active subscriber listened to.', skipped),
    counter('dat_received_bytes_total', 'Bytes of frames from peers, without framing.', bytes.received),
    counter('dat_sent_bytes_total', 'Bytes of frames to peers, without framing.', bytes.sent),
    counter(
      'dat_frames_refused_total',
      'Frames from peers that were answered with an error, by code.',
      labelled('code', refusals),
    ),
    counter(
      'dat_frames_failed_total',
      'Frames, opened connections and closed connections whose handling hit a bug in the hub.',
      failedFrames,
    ),
  ];
}

function deliveryFamilies(figures: Figures): string[] {
  const { latencyBuckets, latencySumSeconds } = figures;
  return [
    counter('dat_deliveries_total', 'Events sent, counted once per subscriber.', figures.deliveries),
    counter(
      'dat_deliveries_conflated_total',
      'Events that a newer one replaced for a subscriber at a pace, counted once per subscriber.',
      figures.conflated,
    ),
    counter(
      'dat_deliveries_dropped_total',
      'Events not delivered, by reason: lagging and slow once per subscriber, fanout_full once per thread. ' +
        'subscriber_rate are frames of subscribers over their rate.',
      labelled('reason', figures.dropped),
    ),
    gauge(
      'dat_lagging_subscribers',
      'Slow subscribers: their send queue is over the limit.',
      figures.lagging,
    ),
    gauge('dat_send_queue_bytes', 'Bytes in all send queues, as of the last check.', figures.queuedBytes),
    counter(
      'dat_slow_closes_total',
      'Slow subscribers closed with 4108, by the limit they hit: their queue, the time, all queues together.',
      labelled('reason', figures.slowCloses),
    ),
    histogram(
      'dat_fanout_latency_seconds',
      'Time from receiving an event to sending it.',
      latencyBoundsSeconds,
      latencyBuckets,
      latencySumSeconds,
    ),
  ];
}

function historyFamilies({ history }: Figures): string[] {
  return [
    gauge('dat_history_bytes', 'Bytes of kept events.', history.usedBytes),
    gauge('dat_history_events', 'Kept events.', history.events),
    counter(
      'dat_history_replayed_total',
      'Kept events that subscribers got, once per subscriber.',
      history.replayed,
    ),
    counter(
      'dat_history_evicted_total',
      'Newest messages and statuses of devices that were dropped, because they filled more than half of the memory.',
      history.evicted,
    ),
  ];
}

/** Only where snapshots are written; the time only once there is one, so that no alert takes 0 for very old. */
function snapshotFamilies({ snapshots }: Figures): string[] {
  if (snapshots === undefined) return [];
  const { failures, writtenAtMs, intervalMs } = snapshots;
  const all = [
    counter('dat_snapshot_failures_total', 'Snapshots that could not be written.', failures),
    gauge(
      'dat_snapshot_interval_seconds',
      'Time from the start of one snapshot to the start of the next; 0: only the one at the end of a drain.',
      intervalMs / 1e3,
    ),
  ];
  if (writtenAtMs === undefined) return all;
  const help = 'Unix time when the newest snapshot was started.';
  return [...all, gauge('dat_snapshot_written_timestamp_seconds', help, writtenAtMs / 1e3)];
}

/** Counters of the cluster link: name of the metric and what it says. */
const linkCounters = {
  eventsSent: ['events_sent', 'Events sent to other nodes, once per node.'],
  eventsReceived: ['events_received', 'Events received from other nodes.'],
  eventsShed: [
    'events_shed',
    'Events not sent to a node that takes them too slowly; its subscribers get a gap.',
  ],
  eventsRefused: [
    'events_refused',
    'Events from other nodes refused because the ring to the owner was full; subscribers get a gap.',
  ],
  eventsRepeated: ['events_repeated', 'Events from other nodes that were here already, and dropped.'],
  gaps: ['gaps', 'Gaps in the events of devices of other nodes, as reported to subscribers.'],
  batchesSent: ['batches_sent', 'Batches sent to other nodes.'],
  batchesReceived: ['batches_received', 'Batches received from other nodes.'],
  bytesSent: ['bytes_sent', 'Bytes sent to other nodes.'],
  bytesReceived: ['bytes_received', 'Bytes received from other nodes.'],
  resent: ['batches_resent', 'Batches sent again.'],
  streamGaps: ['stream_gaps', 'Batches that NATS lost and that were asked for again.'],
  resyncs: ['resyncs', 'Sessions with other nodes that ended.'],
  undecodable: [
    'undecodable',
    'Messages and records of other nodes that could not be decoded, and were dropped.',
  ],
  stray: [
    'stray',
    'Messages dropped because their node is not known here, and events because their device is no longer followed.',
  ],
  eventsHeld: ['events_held', "Events of devices that moved, held until the old home's last event arrived."],
  claims: ['claims', 'Devices and subscribers claimed for a connection.'],
  takeovers: ['takeovers', 'Devices and subscribers that moved from node to node.'],
  conflicts: ['conflicts', 'Ids connected on two nodes at once, found after a split.'],
  lookups: ['lookups', 'Devices looked up on all nodes.'],
  nodesLost: ['nodes_lost', 'Nodes that were called lost.'],
  fences: ['fences', 'Times that this node was cut off from the cluster.'],
} as const satisfies Record<LinkCountName, readonly [name: string, help: string]>;

function clusterFamilies({ cluster }: Figures): string[] {
  if (cluster === undefined) return [];
  const { counts, nodes, roundTripMs, connected } = cluster;
  const counters = Object.entries(linkCounters).map(([key, [name, help]]) =>
    counter(`dat_cluster_${name}_total`, help, [[{}, counts[key as LinkCountName]]]),
  );
  const one = (name: string, help: string, value: number): string =>
    gauge(`dat_cluster_${name}`, help, [[{}, value]]);
  return [
    one('nodes', 'Nodes of the cluster that are alive, this one included.', nodes),
    one('connected', '1 while this node and the others can hear each other.', connected ? 1 : 0),
    one('round_trip_seconds', 'Round trip to the farthest node.', roundTripMs / 1e3),
    ...counters,
  ];
}

/** Only where there is a receiver. */
function webhookFamilies({ webhooks }: Figures): string[] {
  if (webhooks === undefined) return [];
  const { sent, failed, changes, dropped, lagSeconds } = webhooks;
  return [
    counter(
      'dat_webhook_requests_total',
      'Requests to the webhook receiver, by result.',
      labelled('result', { sent, failed }),
    ),
    counter('dat_webhook_changes_total', 'Changes of devices that the webhook receiver has.', changes),
    counter(
      'dat_webhook_dropped_total',
      'Changes in requests that were given up; those that still hold are sent later, with resync.',
      dropped,
    ),
    gauge(
      'dat_webhook_lag_seconds',
      'For how long the webhook receiver has not had all changes.',
      lagSeconds,
    ),
  ];
}

function processFamilies(figures: Figures, process: ProcessFigures): string[] {
  const { version, transport, certificateExpiresAtMs } = figures;
  const { openDescriptors, descriptorsMax } = process;
  const build = { version, node: process.nodeVersion, transport };
  return [
    gauge('dat_build_info', 'What is running; always 1.', [[build, 1]]),
    ...known(certificateExpiresAtMs, (ms) =>
      gauge(
        'dat_tls_certificate_expires_timestamp_seconds',
        'Unix time when the certificate of the listeners expires.',
        ms / 1e3,
      ),
    ),
    counter('dat_log_lines_lost_total', 'Log lines that could not be written.', process.lostLogLines),
    gauge('process_resident_memory_bytes', 'Resident memory of the process.', process.residentBytes),
    counter('process_cpu_seconds_total', 'User and system CPU time of the process.', process.cpuSeconds),
    gauge(
      'process_start_time_seconds',
      'Start of the process, Unix time in seconds.',
      process.startTimeSeconds,
    ),
    ...known(openDescriptors, (count) => gauge('process_open_fds', 'Open file descriptors.', count)),
    ...known(descriptorsMax, (count) => gauge('process_max_fds', 'Limit of open file descriptors.', count)),
  ];
}

/** A figure that not every system, or hub, tells. */
function known(value: number | undefined, render: (value: number) => string): string[] {
  return value === undefined ? [] : [render(value)];
}
