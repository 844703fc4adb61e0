/** Section 7, `/metrics`. */
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type MatrixRow, marker, uniqueId, useHub } from './harness.ts';

/** Family → type and the labels of each of its samples. */
const families: Readonly<Record<string, { readonly type: string; readonly labels: readonly string[] }>> = {
  dat_connections: { type: 'gauge', labels: ['role'] },
  dat_devices: { type: 'gauge', labels: ['state'] },
  dat_subscriptions: { type: 'gauge', labels: ['status'] },
  dat_events_received_total: { type: 'counter', labels: ['type'] },
  dat_events_skipped_total: { type: 'counter', labels: [] },
  dat_deliveries_total: { type: 'counter', labels: [] },
  dat_deliveries_dropped_total: { type: 'counter', labels: ['reason'] },
  dat_fanout_latency_seconds: { type: 'histogram', labels: [] },
  dat_ring_used_ratio: { type: 'gauge', labels: ['ring'] },
  dat_event_loop_lag_seconds: { type: 'gauge', labels: ['thread'] },
  dat_worker_restarts_total: { type: 'counter', labels: ['role'] },
  dat_disconnects_total: { type: 'counter', labels: ['role', 'code'] },
  dat_history_bytes: { type: 'gauge', labels: [] },
  dat_history_events: { type: 'gauge', labels: [] },
  dat_history_evicted_total: { type: 'counter', labels: [] },
  dat_history_replayed_total: { type: 'counter', labels: [] },
  dat_lagging_subscribers: { type: 'gauge', labels: [] },
  dat_send_queue_bytes: { type: 'gauge', labels: [] },
  dat_slow_closes_total: { type: 'counter', labels: ['reason'] },
};

export function metrics({ env }: MatrixRow): void {
  describe('the metrics', () => {
    const hub = useHub(env);

    it('are Prometheus text', async () => {
      const { status, text, contentType } = await hub.admin('GET', '/metrics');
      expect(status).toBe(200);
      expect(contentType).toMatch(/^text\/plain/);
      expect(text.endsWith('\n')).toBe(true);
      const { types, samples } = await hub.metrics();
      for (const { name } of samples) {
        const family = name.replace(/_(bucket|sum|count)$/, '');
        expect(types.has(name) || types.has(family), `${name} has a type`).toBe(true);
      }
      const keys = samples.map(({ name, labels }) => `${name}${JSON.stringify(labels)}`);
      expect(new Set(keys).size).toBe(keys.length);
    });

    it('have every family of the contract with its labels', async () => {
      const { device, subscriber } = await hub.pair();
      await marker(device, subscriber);
      await device.close(1000);
      const scraped = await eventually('its disconnect is counted', async () => {
        const now = await hub.metrics();
        return now.value('dat_disconnects_total') > 0 && now;
      });
      expect(scraped.types.has('dat_build_info')).toBe(true);
      expect(scraped.value('dat_build_info')).toBe(1);
      for (const [name, { type, labels }] of Object.entries(families)) {
        expect(scraped.types.get(name), name).toBe(type);
        const samples = scraped.of(type === 'histogram' ? `${name}_count` : name);
        expect(samples.length, `${name} has a sample`).toBeGreaterThan(0);
        for (const sample of samples)
          expect(Object.keys(sample.labels).sort(), name).toEqual([...labels].sort());
      }
    });

    it('count events by type, those that nobody listened to, and deliveries', async () => {
      const { dev, device, subscriber } = await hub.pair();
      const second = await hub.witness(dev);
      const lonely = await hub.device(uniqueId('dev'));
      const before = await hub.metrics();
      for (let n = 0; n < 3; n++) await device.publish({ type: 'message', data: n });
      for (let n = 0; n < 2; n++) await device.publish({ type: 'status', status: 's' });
      await device.publish({ type: 'pong' });
      for (let n = 0; n < 4; n++) await lonely.publish({ type: 'message', data: n });
      for (const one of [subscriber, second]) await one.frames.take(6, ({ op }) => op === 'event');
      await eventually('the counters have what happened', async () => {
        const now = await hub.metrics();
        const grown = (name: string, labels = {}) => now.value(name, labels) - before.value(name, labels);
        return (
          grown('dat_events_received_total', { type: 'message' }) === 7 &&
          grown('dat_events_received_total', { type: 'status' }) === 2 &&
          grown('dat_events_received_total', { type: 'pong' }) === 1 &&
          grown('dat_events_skipped_total') === 4 &&
          grown('dat_deliveries_total') === 12 &&
          grown('dat_deliveries_dropped_total') === 0
        );
      });
    });

    it('count connections, devices and subscriptions as they are', async () => {
      const before = await hub.metrics();
      const { dev, sub, device, subscriber } = await hub.pair();
      await hub.setRow(dev, uniqueId('sub'), { status: 'deny' });
      await hub.setRow(dev, uniqueId('sub'), { status: 'allow' });
      const gauges = [
        ['dat_connections', { role: 'device' }],
        ['dat_connections', { role: 'subscriber' }],
        ['dat_devices', { state: 'online' }],
        ['dat_subscriptions', { status: 'active' }],
        ['dat_subscriptions', { status: 'inactive' }],
        ['dat_subscriptions', { status: 'deny' }],
        ['dat_subscriptions', { status: 'allow' }],
      ] as const;
      const grown = async () => {
        const now = await hub.metrics();
        return gauges.map(([name, labels]) => now.value(name, labels) - before.value(name, labels)).join(' ');
      };
      await eventually('all are there', async () => (await grown()) === '1 1 1 1 0 1 1');
      await device.close(1000);
      await subscriber.close(1000);
      await hub.rowBecomes(dev, sub, { status: 'inactive' });
      await eventually('the peers are gone', async () => (await grown()) === '0 0 0 0 1 1 1');
    });

    it('count disconnects by role and close code', async () => {
      const { dev, sub } = await hub.pair();
      const before = await hub.metrics();
      const newer = await hub.connectDevice(dev);
      await newer.close(1000);
      await hub.admin('DELETE', `/v1/subscribers/${sub}`);
      await eventually('the disconnects are counted', async () => {
        const now = await hub.metrics();
        const grown = (role: string, code: string) =>
          now.value('dat_disconnects_total', { role, code }) -
          before.value('dat_disconnects_total', { role, code });
        return (
          grown('device', '4004') === 1 && grown('device', '1000') === 1 && grown('subscriber', '4005') === 1
        );
      });
    });

    it('have a histogram of the time from receipt to send', async () => {
      const { device, subscriber } = await hub.pair();
      const before = (await hub.metrics()).value('dat_fanout_latency_seconds_count');
      for (let n = 0; n < 10; n++) await marker(device, subscriber);
      const now = await eventually('the histogram grew', async () => {
        const scraped = await hub.metrics();
        return scraped.value('dat_fanout_latency_seconds_count') > before ? scraped : undefined;
      });
      const buckets = now.of('dat_fanout_latency_seconds_bucket');
      const counts = buckets.map(({ value }) => value);
      expect(buckets.at(-1)?.labels).toEqual({ le: '+Inf' });
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
      expect(counts.at(-1)).toBe(now.value('dat_fanout_latency_seconds_count'));
      const sum = now.value('dat_fanout_latency_seconds_sum');
      expect(sum).toBeGreaterThan(0);
      expect(sum).toBeLessThan(600);
    });

    it('never have an id for a label', async () => {
      const { dev, sub, device, subscriber } = await hub.pair();
      await marker(device, subscriber);
      const { text } = await hub.admin('GET', '/metrics');
      expect(text).not.toContain(`"${dev}"`);
      expect(text).not.toContain(`"${sub}"`);
    });
  });
}
