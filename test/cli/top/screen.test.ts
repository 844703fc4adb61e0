import { describe, expect, it } from 'vitest';
import type { LiveFigures } from '../../../src/admin/live-schemas.ts';
import { firstOrders, nextOrder } from '../../../src/cli/top/orders.ts';
import { screenLines } from '../../../src/cli/top/screen.ts';

const usage = { used: 0, capacity: 10, usedRatio: 0 };
const figures: LiveFigures = {
  at: 3_730_000,
  startedAt: 100_000,
  version: '0.1.0',
  transport: 'uws',
  notReady: null,
  devices: { online: 2, stale: 0, offline: 1 },
  subscriptions: { allow: 0, active: 3, inactive: 0, deny: 0 },
  connections: { device: 2, subscriber: 3, gateway: 0 },
  rates: {
    received: { pong: 1, message: 20, status: 2 },
    skipped: 0,
    deliveries: 1500,
    dropped: { subscriber_rate: 900 },
    droppedEvents: 7,
    refusedFrames: 0,
  },
  latency: { p50Seconds: 0.0005, p90Seconds: null, p99Seconds: 0.01 },
  threads: [
    thread('main', 0.001, { connections: 2, receivedPerSecond: 23 }),
    thread('owner', 0.003, { recordsPerSecond: 40 }),
    thread('fanout-0', 0.002, { connections: 3, deliveriesPerSecond: 1500 }),
  ],
  busiest: [
    { device: 'b', perSecond: 9 },
    { device: 'a', perSecond: 5 },
  ],
  rings: [{ ring: 'ingest', usedRatio: 0.25 }],
  sendQueues: { lagging: 2, bytes: 5000 },
  slow: [
    { subscriber: 'one', queuedBytes: 4096, laggingMs: 1000, vip: false },
    { subscriber: 'two', queuedBytes: 1024, laggingMs: 9000, vip: false },
  ],
  slowCloses: { queue: 0, time: 0, budget: 0 },
  disconnects: { device: {}, subscriber: {}, gateway: {} },
  capacity: { devices: usage, subscribers: usage, subscriptions: usage },
  workerRestarts: { owner: 0, ingest: 0, fanout: 0 },
  process: { residentBytes: 2 ** 20, cpuRatio: 0.5 },
};

function thread(
  name: string,
  loopLagSeconds: number,
  rates: Partial<LiveFigures['threads'][number]>,
): LiveFigures['threads'][number] {
  const none = { connections: 0, receivedPerSecond: 0, recordsPerSecond: 0, deliveriesPerSecond: 0 };
  return { thread: name, loopLagSeconds, ...none, ...rates };
}

/** The first column of the table with this head. */
function firstColumn(lines: readonly string[], head: string): string[] {
  const from = lines.findIndex((line) => line.startsWith(head)) + 1;
  const rows = lines.slice(from);
  return rows
    .slice(0, rows.indexOf('') < 0 ? rows.length : rows.indexOf(''))
    .map((row) => row.split(' ')[0]!);
}

describe('the screen of dat top', () => {
  it('shows the work of every kind of thread, and how long the hub is up', () => {
    const lines = screenLines(figures, firstOrders);
    expect(lines[0]).toContain('ready, up 1 h');
    expect(lines.find((line) => line.startsWith('main'))).toMatch(/ 23\.0$/);
    expect(lines.find((line) => line.startsWith('owner'))).toMatch(/ 40\.0$/);
    expect(lines.find((line) => line.startsWith('fanout-0'))).toMatch(/ 1,500$/);
  });

  it('tells of dropped events, not of frames of subscribers over their rate, and of gateways where there are any', () => {
    const [, rates, , connections] = screenLines(figures, firstOrders);
    expect(rates).toMatch(/dropped\/s 7\.0$/);
    expect(connections).toMatch(/^connections 2 devices, 3 subscribers /);
    const some = { ...figures, connections: { device: 2, subscriber: 3, gateway: 1 } };
    expect(screenLines(some, firstOrders)[3]).toMatch(/^connections 2 devices, 1 gateways, 3 subscribers /);
  });

  it('adds up what main does where it sends too', () => {
    const both = thread('main', 0, { receivedPerSecond: 23, deliveriesPerSecond: 7 });
    const lines = screenLines({ ...figures, threads: [both] }, firstOrders);
    expect(lines.find((line) => line.startsWith('main'))).toMatch(/ 30\.0$/);
  });

  it('begins with the threads as listed, the busiest device and the longest queue', () => {
    const lines = screenLines(figures, firstOrders);
    expect(firstColumn(lines, 'THREAD')).toEqual(['main', 'owner', 'fanout-0']);
    expect(firstColumn(lines, 'BUSIEST')).toEqual(['b', 'a']);
    expect(firstColumn(lines, 'SLOW')).toEqual(['one', 'two']);
  });

  it('moves on to the next order of a table with its key, and marks the column', () => {
    let chosen = nextOrder(firstOrders, 't');
    expect(firstColumn(screenLines(figures, chosen), 'THREAD')).toEqual(['owner', 'fanout-0', 'main']);
    expect(screenLines(figures, chosen).join('\n')).toMatch(/THREAD +LAG↓/);
    for (const key of ['d', 's', 'x']) chosen = nextOrder(chosen, key);
    expect(firstColumn(screenLines(figures, chosen), 'BUSIEST')).toEqual(['a', 'b']);
    expect(firstColumn(screenLines(figures, chosen), 'SLOW')).toEqual(['two', 'one']);
    for (const key of ['t', 't', 't', 'd', 's', 's']) chosen = nextOrder(chosen, key);
    expect(chosen).toEqual(firstOrders);
  });
});
