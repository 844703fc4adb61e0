import { describe, expect, it } from 'vitest';
import { type Sample, Series, samplesOf, seriesNames } from '../../dashboard/src/series.ts';
import { KeptFigures } from '../../src/admin/kept-figures.ts';
import { LookWatch } from '../../src/admin/looks.ts';
import { Counter } from '../../src/memory/counters.ts';
import { FakeHub } from '../admin/fake-hub.ts';

const START = 1_764_000_000_000;

/** A sample so many seconds after the start, whose every value is `value`. */
function sample(second: number, value = second): Sample {
  const values = Object.fromEntries(seriesNames.map((name) => [name, value]));
  return { at: START + second * 1000, ...values } as Sample;
}

function seriesOf(...seconds: number[]): Series {
  const series = new Series();
  for (const second of seconds) series.add(sample(second));
  return series;
}

const all = (series: Series) => series.columns(0, Number.POSITIVE_INFINITY);
const secondsOf = ({ times }: { times: readonly number[] }) => times.map((time) => time - START / 1000);

describe('Series', () => {
  it('tells when figures are missing before a sample, and takes none twice', () => {
    const series = new Series();
    expect(series.add(sample(0))).toBe(true);
    expect(series.add(sample(1))).toBe(false);
    expect(series.add(sample(1))).toBe(false);
    expect(series.add(sample(10))).toBe(true);
    expect(secondsOf(all(series)).filter(Number.isInteger)).toEqual([0, 1, 10]);
  });

  it('shows a time without figures as a gap', () => {
    const { times, of } = all(seriesOf(0, 1, 10, 11));
    expect(of.message).toEqual([0, 1, null, 10, 11]);
    expect(times).toHaveLength(5);
  });

  it('is filled with what the hub kept, and keeps what it has', () => {
    const series = seriesOf(5, 6, 20);
    series.fill([2, 3, 4, 5, 6, 7].map((second) => sample(second, 100)));
    expect(all(series).of.devices).toEqual([100, 100, 100, 5, 6, 100, null, 20]);
  });

  it('shows no gap where a stream begins: its first figures have no rates', () => {
    const series = new Series();
    const first = { ...sample(5), message: null, deliveries: null };
    expect(series.add(first)).toBe(true);
    series.fill([3, 4, 5].map((second) => sample(second, 100)));
    series.add(sample(6));
    expect(series.add({ ...first, at: sample(7).at })).toBe(false);
    series.add(sample(8));
    expect(all(series).of.message).toEqual([100, 100, 100, 6, 8]);
  });

  it('has of a span what lies in it, with one sample beyond each end', () => {
    const series = seriesOf(0, 1, 2, 3, 4, 5, 6);
    expect(secondsOf(series.columns(START + 2000, START + 4000))).toEqual([1, 2, 3, 4, 5]);
    expect(secondsOf(series.columns(START + 9000, START + 10_000))).toEqual([]);
  });

  it('holds an hour', () => {
    const series = new Series();
    for (let second = 0; second <= 3600; second++) series.add(sample(second));
    const { times } = all(series);
    expect([times.length, times[0]]).toEqual([3600, START / 1000 + 1]);
  });
});

describe('the figures that the hub kept', () => {
  it('are samples of the plots', async () => {
    const hub = new FakeHub();
    const kept = new KeptFigures(hub.deps);
    const looks = new LookWatch(hub.deps, [kept]);
    const start = hub.clock.wallMs;
    hub.main.cells[Counter.receivedMessage] = 7;
    hub.main.cells[Counter.deviceConnections] = 2;
    for (let n = 0; n < 2; n++) {
      hub.clock.advance(1000);
      looks.tick();
    }
    const [first, second, ...more] = samplesOf(JSON.parse(await kept.json(900)));
    expect(first).toMatchObject({
      at: start + 1000,
      message: 7,
      pong: 0,
      devices: 2,
      subscribers: 0,
      p99: null,
    });
    expect(second).toMatchObject({ at: start + 2000, message: 0, devices: 2 });
    expect(more).toEqual([]);
  });
});
