import { describe, expect, it } from 'vitest';
import { createLinkCounts, type LinkCountName, type LinkCounts } from '../../src/cluster/figures.ts';
import { errors } from '../../src/codes.ts';
import {
  Counter,
  type CounterName,
  countedCloseCodes,
  latencyBoundsSeconds,
} from '../../src/memory/counters.ts';
import { DeviceState, RowState } from '../../src/presence/lifecycle.ts';
import { type FakeHub, fakeHub } from './fake-hub.ts';
import { type Family, parsePrometheus } from './prometheus-text.ts';

async function scrape(hub: FakeHub): Promise<Map<string, Family>> {
  const { status, headers, body } = await hub.ask('GET', '/metrics');
  expect(status).toBe(200);
  expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return parsePrometheus(body);
}

/** Values of a family by the one label's text. */
function by(label: string, family: Family | undefined): Record<string, number> {
  return Object.fromEntries((family?.samples ?? []).map(({ labels, value }) => [labels[label] ?? '', value]));
}

function count(hub: FakeHub, name: CounterName, main: number, worker: number): void {
  hub.main.add(Counter[name], main);
  hub.worker.add(Counter[name], worker);
}

describe('the parser of these tests', () => {
  it.each([
    'dat_x 1\n',
    '# HELP dat_x X.\ndat_x 1\n',
    '# HELP dat_x X.\n# TYPE dat_x gauge\ndat_x 1',
    '# HELP dat_x X.\n# TYPE dat_x gauge\ndat_y 1\n',
    '# HELP dat_x X.\n# TYPE dat_x gauge\ndat_x one\n',
    '# HELP dat_x X.\n# TYPE dat_x gauge\ndat_x{a="1" } 1\n',
    '# HELP dat_x X.\n# TYPE dat_x gauge\ndat_x{a="1"} 1\ndat_x{a="1"} 2\n',
    '# HELP dat_x X.\n# TYPE dat_x counter\ndat_x 1\n',
    '# HELP dat_h X.\n# TYPE dat_h histogram\ndat_h_bucket{le="1"} 1\ndat_h_sum 1\ndat_h_count 1\n',
  ])('refuses %j', (text) => {
    expect(() => parsePrometheus(text)).toThrow();
  });
});

describe('GET /metrics', () => {
  it('counts MQTT connections, and what MQTT clients were not allowed, on all threads', async () => {
    const hub = await fakeHub();
    count(hub, 'mqttConnections', 1, 2);
    count(hub, 'mqttMalformed', 3, 4);
    count(hub, 'mqttForeignTopics', 0, 5);
    count(hub, 'mqttRefusedConnects', 6, 0);
    const families = await scrape(hub);
    expect(families.get('dat_mqtt_connections')?.samples).toMatchObject([{ value: 3 }]);
    expect(by('reason', families.get('dat_mqtt_refused_total'))).toEqual({
      connect: 6,
      malformed: 7,
      foreign_topic: 5,
      event: 0,
    });
  });

  it('has every metric of the contract with its type, on an idle hub too', async () => {
    const families = await scrape(await fakeHub());
    const types = Object.fromEntries([...families].map(([name, { type }]) => [name, type]));
    expect(types).toEqual({
      dat_build_info: 'gauge',
      dat_capacity_used_ratio: 'gauge',
      dat_connections: 'gauge',
      dat_connections_opened_total: 'counter',
      dat_connections_used_ratio: 'gauge',
      dat_deliveries_conflated_total: 'counter',
      dat_deliveries_dropped_total: 'counter',
      dat_deliveries_total: 'counter',
      dat_devices: 'gauge',
      dat_disconnects_total: 'counter',
      dat_event_loop_lag_seconds: 'gauge',
      dat_events_received_total: 'counter',
      dat_events_skipped_total: 'counter',
      dat_fanout_latency_seconds: 'histogram',
      dat_frames_failed_total: 'counter',
      dat_frames_refused_total: 'counter',
      dat_gateway_devices: 'gauge',
      dat_mqtt_connections: 'gauge',
      dat_mqtt_refused_total: 'counter',
      dat_history_bytes: 'gauge',
      dat_history_events: 'gauge',
      dat_history_evicted_total: 'counter',
      dat_history_replayed_total: 'counter',
      dat_lagging_subscribers: 'gauge',
      dat_log_lines_lost_total: 'counter',
      dat_ready: 'gauge',
      dat_received_bytes_total: 'counter',
      dat_ring_used_ratio: 'gauge',
      dat_send_queue_bytes: 'gauge',
      dat_sent_bytes_total: 'counter',
      dat_slow_closes_total: 'counter',
      dat_subscriptions: 'gauge',
      dat_upgrades_refused_total: 'counter',
      dat_worker_restarts_total: 'counter',
      process_cpu_seconds_total: 'counter',
      ...(process.platform === 'linux' ? { process_max_fds: 'gauge', process_open_fds: 'gauge' } : {}),
      process_resident_memory_bytes: 'gauge',
      process_start_time_seconds: 'gauge',
    });
  });

  it('sums the counters of all threads', async () => {
    const hub = await fakeHub();
    count(hub, 'receivedPong', 1, 10);
    count(hub, 'receivedMessage', 2, 20);
    count(hub, 'receivedStatus', 3, 30);
    count(hub, 'skipped', 4, 40);
    count(hub, 'deliveries', 5, 50);
    count(hub, 'conflated', 2, 40);
    count(hub, 'gatewayDevices', 7, 0);
    count(hub, 'droppedIngestFull', 6, 60);
    count(hub, 'droppedFanoutFull', 7, 70);
    count(hub, 'droppedSlow', 8, 80);
    count(hub, 'droppedRate', 9, 90);
    count(hub, 'droppedLagging', 10, 100);
    count(hub, 'droppedOwnerRestart', 12, 120);
    count(hub, 'droppedReplaced', 0, 13);
    count(hub, 'laggingSubscribers', 1, 2);
    count(hub, 'queuedBytes', 1000, 2000);
    count(hub, 'closedOverQueue', 1, 10);
    count(hub, 'closedLagging', 2, 20);
    count(hub, 'closedOverBudget', 3, 30);
    count(hub, 'deviceConnections', 100, 0);
    count(hub, 'subscriberConnections', 0, 200);
    count(hub, 'gatewayConnections', 3, 0);
    const families = await scrape(hub);
    expect(by('type', families.get('dat_events_received_total'))).toEqual({
      pong: 11,
      message: 22,
      status: 33,
    });
    expect(by('reason', families.get('dat_deliveries_dropped_total'))).toEqual({
      ingest_full: 66,
      fanout_full: 77,
      lagging: 110,
      slow: 88,
      rate: 99,
      subscriber_rate: 0,
      owner_restart: 132,
      replaced: 13,
    });
    expect(by('reason', families.get('dat_slow_closes_total'))).toEqual({ queue: 11, time: 22, budget: 33 });
    expect(families.get('dat_lagging_subscribers')?.samples[0]?.value).toBe(3);
    expect(families.get('dat_send_queue_bytes')?.samples[0]?.value).toBe(3000);
    expect(by('role', families.get('dat_connections'))).toEqual({
      device: 100,
      subscriber: 200,
      gateway: 3,
    });
    expect(families.get('dat_events_skipped_total')?.samples[0]?.value).toBe(44);
    expect(families.get('dat_deliveries_total')?.samples[0]?.value).toBe(55);
    expect(families.get('dat_deliveries_conflated_total')?.samples[0]?.value).toBe(42);
    expect(families.get('dat_gateway_devices')?.samples[0]?.value).toBe(7);
  });

  it('counts devices and subscriptions of the table', async () => {
    const hub = await fakeHub();
    hub.registry.setDeviceState(hub.device('a'), DeviceState.online);
    hub.registry.setDeviceState(hub.device('b'), DeviceState.stale);
    hub.subscribe('c', 's', RowState.deny);
    hub.subscribe('a', 's');
    hub.subscribe('b', 's', RowState.paused);
    const families = await scrape(hub);
    expect(by('state', families.get('dat_devices'))).toEqual({ online: 1, stale: 1, offline: 1 });
    expect(by('status', families.get('dat_subscriptions'))).toEqual({
      allow: 0,
      active: 1,
      inactive: 1,
      deny: 1,
    });
    const used = by('table', families.get('dat_capacity_used_ratio'));
    const { texts, ...rows } = used;
    expect(rows).toEqual({ devices: 3 / 64, subscribers: 1 / 64, subscriptions: 3 / 256 });
    // Four short ids of 32 bytes each; room for the longest ids, statuses, filters and ids of gateways.
    expect(texts).toBeCloseTo((4 * 32) / (64 * 480 + 64 * 160 + 320 + 1024 * 160 + 65 * 160), 9);
  });

  it('has the latencies of all threads in one cumulative histogram', async () => {
    const hub = await fakeHub();
    hub.main.latency(0.2); // ms
    hub.worker.latency(0.2);
    hub.worker.latency(30);
    hub.worker.latency(10_000);
    const { samples } = (await scrape(hub)).get('dat_fanout_latency_seconds')!;
    const buckets = samples.filter(({ name }) => name.endsWith('_bucket'));
    expect(buckets.map(({ labels: { le } }) => le)).toEqual([...latencyBoundsSeconds.map(String), '+Inf']);
    const below = Object.fromEntries(buckets.map(({ labels: { le = '' }, value }) => [le, value]));
    expect(below).toMatchObject({ '0.0001': 0, '0.00025': 2, '0.025': 2, '0.05': 3, '2.5': 3, '+Inf': 4 });
    expect(samples.find(({ name }) => name.endsWith('_sum'))?.value).toBeCloseTo(10.0304, 9);
  });

  it('counts disconnects by role and close code', async () => {
    const hub = await fakeHub();
    hub.main.disconnect('device', 1006);
    hub.worker.disconnect('subscriber', 4108);
    hub.worker.disconnect('subscriber', 4108);
    hub.worker.disconnect('subscriber', 3999);
    hub.main.disconnect('gateway', 4004);
    const { samples } = (await scrape(hub)).get('dat_disconnects_total')!;
    const met = samples.filter(({ value }) => value > 0).map(({ labels, value }) => ({ ...labels, value }));
    expect(met).toEqual([
      { role: 'device', code: '1006', value: 1 },
      { role: 'subscriber', code: '4108', value: 2 },
      { role: 'subscriber', code: 'other', value: 1 },
      { role: 'gateway', code: '4004', value: 1 },
    ]);
    expect(samples).toHaveLength(3 * (countedCloseCodes.length + 1));
  });

  it('counts refused frames by error code', async () => {
    const hub = await fakeHub();
    hub.main.refuse(errors.limit.code);
    hub.worker.refuse(errors.limit.code);
    hub.worker.refuse(errors.badRequest.code);
    hub.worker.refuse(999);
    const refused = by('code', (await scrape(hub)).get('dat_frames_refused_total'));
    expect(Object.entries(refused).filter(([, count]) => count > 0)).toEqual([
      ['106', 2],
      ['107', 1],
      ['other', 1],
    ]);
    expect(Object.keys(refused)).toEqual([...Object.values(errors).map(({ code }) => String(code)), 'other']);
    expect((await hub.ask('GET', '/v1/stats')).body).toMatchObject({ totals: { refusedFrames: 4 } });
  });

  it('counts bytes and opened connections of all threads', async () => {
    const hub = await fakeHub();
    count(hub, 'bytesReceived', 1, 10);
    count(hub, 'bytesSent', 2, 20);
    count(hub, 'openedDevices', 3, 30);
    count(hub, 'openedSubscribers', 4, 40);
    count(hub, 'openedGateways', 5, 50);
    const families = await scrape(hub);
    expect(families.get('dat_received_bytes_total')?.samples[0]?.value).toBe(11);
    expect(families.get('dat_sent_bytes_total')?.samples[0]?.value).toBe(22);
    expect(by('role', families.get('dat_connections_opened_total'))).toEqual({
      device: 33,
      subscriber: 44,
      gateway: 55,
    });
  });

  it('tells of the CPU time of those threads that know it', async () => {
    const hub = await fakeHub();
    expect((await scrape(hub)).has('dat_thread_cpu_seconds_total')).toBe(false);
    hub.worker.cells[Counter.cpuSeconds] = 1.5;
    expect(by('thread', (await scrape(hub)).get('dat_thread_cpu_seconds_total'))).toEqual({
      'fanout-0': 1.5,
    });
  });

  it('tells of rings, threads, restarts, the build and the process', async () => {
    const hub = await fakeHub();
    hub.worker.cells[Counter.loopLagSeconds] = 0.125;
    const families = await scrape(hub);
    expect(families.get('dat_connections_used_ratio')?.samples).toMatchObject([{ value: 0.25 }]);
    expect(by('ring', families.get('dat_ring_used_ratio'))).toEqual({ 'main-to-owner': 0.25 });
    expect(by('thread', families.get('dat_event_loop_lag_seconds'))).toEqual({ main: 0, 'fanout-0': 0.125 });
    expect(by('role', families.get('dat_worker_restarts_total'))).toEqual({ owner: 0, ingest: 0, fanout: 2 });
    expect(families.get('dat_build_info')?.samples).toEqual([
      {
        name: 'dat_build_info',
        labels: { version: '1.2.3', node: process.version, transport: 'ws' },
        value: 1,
      },
    ]);
    const value = (name: string) => families.get(name)?.samples[0]?.value;
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(value('process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(value('process_start_time_seconds')).toBeGreaterThan(1e9);
  });

  it('tells of snapshots where they are written, and when the newest was begun once there is one', async () => {
    const figures = { failures: 0, writtenAtMs: undefined as number | undefined, intervalMs: 60_000 };
    const hub = await fakeHub({ deps: { snapshots: { figures: () => figures } } });
    const before = await scrape(hub);
    expect(before.get('dat_snapshot_failures_total')?.samples).toMatchObject([{ value: 0 }]);
    expect(before.has('dat_snapshot_written_timestamp_seconds')).toBe(false);
    const interval = before.get('dat_snapshot_interval_seconds');
    expect(interval).toMatchObject({ type: 'gauge', samples: [{ value: 60 }] });
    Object.assign(figures, { failures: 3, writtenAtMs: 1_764_000_000_500 });
    const after = await scrape(hub);
    expect(after.get('dat_snapshot_failures_total')).toMatchObject({
      type: 'counter',
      samples: [{ value: 3 }],
    });
    const written = after.get('dat_snapshot_written_timestamp_seconds');
    expect(written).toMatchObject({ type: 'gauge', samples: [{ value: 1_764_000_000.5 }] });
  });

  it('tells when the certificate expires, where there is one', async () => {
    const name = 'dat_tls_certificate_expires_timestamp_seconds';
    expect((await scrape(await fakeHub())).has(name)).toBe(false);
    const hub = await fakeHub({ deps: { certificateExpiresAtMs: () => 1_764_000_000_500 } });
    expect((await scrape(hub)).get(name)).toMatchObject({
      type: 'gauge',
      samples: [{ value: 1_764_000_000.5 }],
    });
  });

  it('tells whether the hub admits new peers, as /readyz does', async () => {
    const hub = await fakeHub();
    const ready = async () => (await scrape(hub)).get('dat_ready')?.samples;
    expect(await ready()).toMatchObject([{ value: 1 }]);
    hub.draining = 'draining';
    expect(await ready()).toMatchObject([{ value: 0 }]);
  });

  it('has a counter for all that the cluster link counts, and says whether it hears the others', async () => {
    const names = Object.keys(createLinkCounts()) as LinkCountName[];
    const counts = Object.fromEntries(names.map((name, index) => [name, 100 + index])) as LinkCounts;
    const cluster = {
      node: 'a',
      state: 'disconnected' as const,
      figures: async () => ({ counts, nodes: 1, roundTripMs: 7 }),
      ask: () => Promise.reject(new Error('nobody asks')),
    };
    const families = await scrape(await fakeHub({ deps: { cluster } }));
    const counters = [...families].filter(([name]) => /^dat_cluster_.*_total$/.test(name));
    const values = counters.map(([, { samples }]) => samples[0]?.value);
    expect(values.toSorted()).toEqual(Object.values(counts).toSorted());
    expect(families.get('dat_cluster_connected')?.samples).toMatchObject([{ value: 0 }]);
    expect(families.get('dat_cluster_round_trip_seconds')?.samples).toMatchObject([{ value: 0.007 }]);
  });

  it('escapes what a label may not hold', async () => {
    const hub = await fakeHub({ deps: { version: 'a"b\\c\nd' } });
    const { samples } = (await scrape(hub)).get('dat_build_info')!;
    expect(samples[0]?.labels).toMatchObject({ version: 'a"b\\c\nd' });
  });

  it('makes no label of an id', async () => {
    const hub = await fakeHub();
    hub.subscribe('secret-device', 'secret-subscriber');
    expect((await hub.ask('GET', '/metrics')).body).not.toContain('secret');
  });
});
