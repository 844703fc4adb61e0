import { describe, expect, it } from 'vitest';
import { scalingLoads } from '../../bench/scaling/loads.ts';
import type { Point } from '../../bench/scaling/measure.ts';
import { scalingHtml, scalingText } from '../../bench/scaling/report.ts';

const point = (threads: number, deliveriesPerSecond: number, limit: Point['limit'] = 'hub'): Point => ({
  load: 'pairs',
  threads,
  eventsPerSecond: deliveriesPerSecond / 20,
  deliveriesPerSecond,
  p50Ms: 4,
  p99Ms: 30,
  cores: threads + 0.5,
  busiest: 0.99,
  limit,
});

const pairs = scalingLoads.filter(({ name }) => name === 'pairs');
const report = {
  at: 'now',
  machine: '16 cores',
  node: 'v20',
  command: 'npm run bench:scaling -- --loads <pairs>',
  points: [point(1, 1_000_000), point(2, 1_900_000, 'generator'), { ...point(1, 7), load: 'hot' }],
};

describe('the report of what more threads bring', () => {
  it('has a row for each number of threads, with what one thread did as the measure', () => {
    const rows = scalingText(report, pairs)
      .split('\n')
      .filter((line) => /^\| \d/.test(line));
    expect(rows).toEqual([
      '| 1 | 50000 | 1000000 | 1.00 | 1.50 | 0.99 | 1.50 | 4.0 | 30.0 | hub |',
      '| 2 | 95000 | 1900000 | 1.90 | 2.50 | 0.99 | 1.32 | 4.0 | 30.0 | generator |',
    ]);
  });

  it('plots work and cores of each load on a page that needs nothing else', () => {
    const html = scalingHtml(report, pairs);
    expect(html.match(/<polyline /g)).toHaveLength(3);
    expect(html).toContain('deliveries per second by fan-out threads');
    expect(html).toContain('--loads &lt;pairs&gt;');
    expect(html).not.toMatch(/<(script|link|img)\b/);
  });
});

describe('the loads of the scaling bench', () => {
  it.each(scalingLoads)('$name has a process for its devices, and readers that show what is late', (load) => {
    expect(load.senders).toBeGreaterThan(0);
    expect(load.senders).toBeLessThanOrEqual(load.load.devices);
    expect(load.receivers).toBeGreaterThan(0);
    expect(load.receivers).toBeLessThanOrEqual(load.load.subscribers);
  });
});
