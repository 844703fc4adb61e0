import { build } from 'hdr-histogram-js';
import { describe, expect, it } from 'vitest';
import { Histogram, merged } from '../../../src/cli/bench/histogram.ts';
import { randomOf } from '../../../src/cli/fleet/random.ts';

describe('the histogram of latencies', () => {
  const random = randomOf(7);
  /** From microseconds to minutes, as latencies are spread. */
  const values = Array.from({ length: 50_000 }, () => Math.floor(Math.exp(random() * 18)) + 1);
  const percents = [0, 1, 10, 50, 90, 99, 99.9, 99.99, 100];

  it('has the percentiles of an HdrHistogram with three digits', () => {
    const own = new Histogram();
    const reference = build({ highestTrackableValue: 2 ** 27 - 1, numberOfSignificantValueDigits: 3 });
    for (const value of values) {
      own.add(value);
      reference.recordValue(value);
    }
    for (const percent of percents) {
      const expected = reference.getValueAtPercentile(percent);
      expect(Math.abs(own.percentile(percent) - expected), `p${percent}`).toBeLessThanOrEqual(
        expected / 1000,
      );
    }
    expect(own.max).toBe(Math.max(...values));
    expect(own.count).toBe(values.length);
  });

  it('is exact where latencies are short, and never off by more than a thousandth', () => {
    for (const value of [0, 1, 2, 1023, 1024, 2047, 2048, 2049, 4095, 65_535, 65_536, 99_999_999]) {
      const one = new Histogram();
      one.add(value);
      one.add(2 ** 27);
      const found = one.percentile(50);
      expect(found).toBeGreaterThanOrEqual(value);
      expect(found - value).toBeLessThanOrEqual(value < 2048 ? 0 : value / 1024);
    }
  });

  it('is the same in parts', () => {
    const whole = new Histogram();
    const parts = [new Histogram(), new Histogram(), new Histogram()];
    for (const [index, value] of values.entries()) {
      whole.add(value);
      parts[index % parts.length]!.add(value);
    }
    const together = merged(parts.map((part) => part.pack()));
    expect(together.pack()).toEqual(whole.pack());
    expect(together.count).toBe(whole.count);
  });

  it('counts what is out of range as the nearest value', () => {
    const histogram = new Histogram();
    histogram.add(-5);
    histogram.add(0.4);
    histogram.add(1e12);
    expect([histogram.percentile(50), histogram.max]).toEqual([0, 2 ** 27 - 1]);
  });

  it('is empty at first, and after it was cleared', () => {
    const histogram = new Histogram();
    expect([histogram.percentile(99), histogram.max, histogram.count]).toEqual([0, 0, 0]);
    histogram.add(5);
    histogram.clear();
    expect(histogram.pack()).toEqual([0]);
  });
});
