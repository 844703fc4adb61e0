import { describe, expect, it } from 'vitest';
import { Histogram } from '../../../src/cli/bench/histogram.ts';
import { Series } from '../../../src/cli/bench/series.ts';

describe('the seconds of a load', () => {
  it('add up what all processes tell, each at its own moment of the second', () => {
    const latency = new Histogram();
    latency.add(2000);
    const series = new Series();
    series.start(1e6);
    series.add({ atUs: 0.9e6, sent: 99, received: 0, latency: [] }); // before the start
    series.add({ atUs: 1.2e6, sent: 10, received: 0, latency: [] });
    series.add({ atUs: 1.9e6, sent: 20, received: 7, latency: latency.pack() });
    expect(series.latest()).toBeUndefined();
    series.add({ atUs: 3.1e6, sent: 5, received: 0, latency: [] });
    expect(series.seconds()).toMatchObject([
      { second: 0, sent: 30, received: 7, p50Ms: 2, maxMs: 2 },
      { second: 1, sent: 0, received: 0 },
      { second: 2, sent: 5, received: 0 },
    ]);
    expect(series.latest()).toMatchObject({ second: 1 });
    series.start(10e6);
    expect(series.seconds()).toEqual([]);
  });
});
