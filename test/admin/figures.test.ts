import { describe, expect, it } from 'vitest';
import { Counter } from '../../src/memory/counters.ts';
import { DeviceState } from '../../src/presence/lifecycle.ts';
import { fakeHub } from './fake-hub.ts';

describe('GET /livez', () => {
  it('is 200 while the threads answer and 503 when one does not', async () => {
    const hub = await fakeHub();
    const { status, body } = await hub.ask('GET', '/livez');
    expect([status, body]).toEqual([200, { status: 'ok' }]);
    hub.dead = 'thread owner has not run for 15 s';
    const dead = await hub.ask('GET', '/livez');
    expect(dead.status).toBe(503);
    expect(dead.body).toMatchObject({ status: 'dead', error: { code: 'unavailable' } });
  });
});

describe('GET /readyz', () => {
  it('is 200 while the hub takes peers and 503 with the reason when it does not', async () => {
    const hub = await fakeHub();
    const { status, body } = await hub.ask('GET', '/readyz');
    expect([status, body]).toEqual([200, { status: 'ok' }]);
    hub.draining = 'draining';
    const unready = await hub.ask('GET', '/readyz');
    expect(unready.status).toBe(503);
    expect(unready.body).toEqual({
      status: 'unready',
      reason: 'draining',
      error: { code: 'unavailable', message: 'draining' },
    });
    expect((await hub.ask('GET', '/livez')).status).toBe(200);
  });

  it.each(['/livez', '/readyz'])('is asked with any query: %s', async (path) => {
    const hub = await fakeHub();
    expect((await hub.ask('GET', `${path}?verbose&at=1`)).status).toBe(200);
  });

  it('answers HEAD with the same status', async () => {
    const hub = await fakeHub();
    hub.draining = 'draining';
    expect((await hub.ask('HEAD', '/readyz')).status).toBe(503);
    expect((await hub.ask('HEAD', '/livez')).status).toBe(200);
  });
});

describe('GET /v1/stats', () => {
  it('tells of an idle hub', async () => {
    const hub = await fakeHub();
    hub.clock.advance(5000);
    expect((await hub.ask('GET', '/v1/stats')).body).toMatchObject({
      version: '1.2.3',
      transport: 'ws',
      uptimeSeconds: 5,
      fanoutWorkers: 1,
      ingestWorkers: 0,
      devices: { online: 0, stale: 0, offline: 0 },
      subscriptions: { allow: 0, active: 0, inactive: 0, deny: 0 },
      connections: { device: 0, subscriber: 0 },
      totals: {
        received: { pong: 0, message: 0, status: 0 },
        skipped: 0,
        deliveries: 0,
        dropped: { ingest_full: 0, fanout_full: 0, lagging: 0, slow: 0, rate: 0 },
        slowCloses: { queue: 0, time: 0, budget: 0 },
      },
      sendQueues: { lagging: 0, bytes: 0 },
      rates: { windowSeconds: 5, eventsPerSecond: 0, deliveriesPerSecond: 0 },
      latency: { count: 0, p50Seconds: null, p99Seconds: null },
      rings: [{ ring: 'main-to-owner', usedRatio: 0.25 }],
      workerRestarts: { owner: 0, ingest: 0, fanout: 2 },
    });
  });

  it('sums over the threads and tells of each', async () => {
    const hub = await fakeHub();
    hub.main.add(Counter.receivedMessage, 3);
    hub.worker.add(Counter.deliveries, 12);
    hub.main.add(Counter.deliveries, 1);
    hub.worker.cells[Counter.loopLagSeconds] = 0.5;
    const { body } = await hub.ask('GET', '/v1/stats');
    expect(body.totals).toMatchObject({ received: { message: 3 }, deliveries: 13 });
    expect(body.threads).toMatchObject([
      { thread: 'main', loopLagSeconds: 0, counters: { receivedMessage: 3, deliveries: 1 } },
      { thread: 'fanout-0', loopLagSeconds: 0.5, counters: { receivedMessage: 0, deliveries: 12 } },
    ]);
  });

  it('tells the events and deliveries per second', async () => {
    const hub = await fakeHub();
    hub.main.add(Counter.receivedMessage, 30);
    hub.main.add(Counter.receivedPong, 10);
    hub.worker.add(Counter.deliveries, 400);
    hub.clock.advance(4000);
    expect((await hub.ask('GET', '/v1/stats')).body.rates).toEqual({
      windowSeconds: 4,
      eventsPerSecond: 10,
      deliveriesPerSecond: 100,
    });
  });

  it('estimates percentiles by the upper bounds of the histogram', async () => {
    const hub = await fakeHub();
    for (let n = 0; n < 98; n++) hub.worker.latency(0.7);
    for (let n = 0; n < 2; n++) hub.worker.latency(40);
    const { body } = await hub.ask('GET', '/v1/stats');
    expect(body.latency).toEqual({ count: 100, p50Seconds: 0.001, p99Seconds: 0.05 });
    for (let n = 0; n < 1000; n++) hub.main.latency(60_000);
    const { body: slow } = await hub.ask('GET', '/v1/stats');
    expect(slow.latency).toEqual({ count: 1100, p50Seconds: null, p99Seconds: null });
  });

  it('tells how much of the table is used', async () => {
    const hub = await fakeHub();
    hub.subscribe('a', 's');
    hub.registry.setDeviceState(hub.device('b'), DeviceState.online);
    expect((await hub.ask('GET', '/v1/stats')).body.capacity).toEqual({
      devices: { used: 2, capacity: 64, usedRatio: 2 / 64 },
      subscribers: { used: 1, capacity: 64, usedRatio: 1 / 64 },
      subscriptions: { used: 1, capacity: 256, usedRatio: 1 / 256 },
    });
  });
});
