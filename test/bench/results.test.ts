import { describe, expect, it } from 'vitest';
import type { Run } from '../../bench/load/measure.ts';
import { changes } from '../../bench/load/report-compare.ts';
import { type Result, type Session, summarise } from '../../bench/load/results.ts';
import { type Shape, shapes } from '../../bench/load/shapes.ts';
import { judge } from '../../bench/load/thresholds.ts';
import { Histogram } from '../../src/cli/bench/histogram.ts';

const shape = (name: string): Shape => shapes.find((candidate) => candidate.name === name)!;

function run(peer: string, cpuUs: number, latenciesUs: readonly number[], lost = 0): Run {
  const latency = new Histogram();
  for (const us of latenciesUs) latency.add(us);
  const window = {
    ms: 5000,
    sent: 100,
    received: 1000,
    cpuUs,
    cpuUsByThread: { main: cpuUs },
    latency: latency.pack(),
    vipLatency: new Histogram().pack(),
  };
  return {
    peer,
    shape: 'board',
    windows: [window],
    lost,
    told: 0,
    duplicated: 0,
    disordered: 0,
    expected: 1000,
    receivedInAll: 1000 - lost,
    connectionsLost: 0,
    rssBytesPerConnection: 0,
    follows: 0,
    reconnects: 0,
    replayed: 0,
    filterMs: undefined,
    sender: { lateP99Us: 100, busy: 0.1 },
    receiverBusy: 0.1,
    generatorLimit: undefined,
  };
}

const board = (peer: string, cpuUs: number, latencyMs: number, lost = 0): Result =>
  summarise(shape('board'), peer, [
    run(peer, cpuUs, [latencyMs * 1e3], lost),
    run(peer, cpuUs * 3, [latencyMs * 1e3]),
    run(peer, cpuUs * 0.9, [latencyMs * 1e3]),
  ]);

describe('a summary of runs', () => {
  it('takes the median of the runs per delivery, and all latencies together', () => {
    const result = board('dat', 2000, 4);
    expect(result.cpuUs).toBe(2);
    expect(result.cores).toBeCloseTo(0.0004);
    expect(result.deliveriesPerSecond).toBe(200);
    expect(result.latencyMs.p99).toBeCloseTo(4, 1);
  });
});

describe('a load with a second window', () => {
  const disturbed = (replayed: number, filterMs: number | undefined): Run => {
    const { windows, ...rest } = run('dat', 5000, [1000]);
    const second = { ...windows[0]!, cpuUs: 8000 };
    return { ...rest, windows: [windows[0]!, second], replayed, filterMs };
  };

  it('tells what each replayed event cost beyond the steady load', () => {
    const result = summarise(shape('replay'), 'dat', [disturbed(1500, undefined)]);
    expect(result.replayedCpuUs).toBe(2);
    expect(result.filterMs).toBeUndefined();
    // A live delivery costs 5 µs here: 5000 for 1000.
    const verdict = judge([result]).find(({ figure }) => figure.includes('replayed'));
    expect(verdict).toMatchObject({ value: 0.4, limit: 1, ok: true });
  });

  it('tells how long the answer to a filter took', () => {
    const results = [1000, 3000, 2100].map((ms) => disturbed(0, ms));
    expect(summarise(shape('filter'), 'dat', results)).toMatchObject({ filterMs: 2100 });
    const [verdict] = judge([summarise(shape('filter'), 'dat', results)]).filter(({ unit }) => unit === 'ms');
    expect(verdict).toMatchObject({ value: 2100, limit: 2000, ok: false });
  });
});

describe('the targets', () => {
  it('are reached or missed by what was measured', () => {
    const reached = judge([board('dat', 1000, 4), board('uws-lean', 3000, 4)]);
    expect(reached.map(({ figure, ok }) => [figure, ok])).toEqual([
      ["CPU per delivery, over uws-lean's", true],
      ['p99', true],
      ['events lost, doubled or out of order, readers cut off', true],
    ]);
    const missed = judge([board('dat', 2000, 40, 1), board('uws-lean', 3000, 4)]);
    expect(missed.map(({ ok }) => ok)).toEqual([false, false, false]);
  });

  it('compare MQTT with a broker over the same transport only', () => {
    const verdicts = judge([
      board('dat-mqtt-ws', 1000, 4),
      board('mosquitto-ws', 3000, 4),
      board('dat', 900, 4),
    ]);
    const ofMqtt = verdicts.filter(({ figure }) => figure.startsWith('dat-mqtt'));
    expect(ofMqtt.map(({ figure, ok }) => [figure, ok])).toEqual([
      ["dat-mqtt-ws: CPU, over mosquitto-ws's", true],
      ['dat-mqtt-ws: p99', true],
      ['dat-mqtt-ws: events lost, doubled or out of order, readers cut off', true],
    ]);
    const slow = judge([board('dat-mqtt', 2000, 14, 1), board('mosquitto', 3000, 4)]);
    expect(slow.filter(({ figure }) => figure.startsWith('dat-mqtt:')).map(({ ok }) => ok)).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('say nothing of what did not run', () => {
    expect(judge([])).toEqual([]);
  });
});

describe('a comparison with an older session', () => {
  it('calls worse what costs clearly more', () => {
    const session = (cpuUs: number): Session => ({
      at: '',
      machine: '',
      node: '',
      command: '',
      results: [board('dat', cpuUs, 4), board('uws-lean', 3000, 4)],
      missing: [],
    });
    const found = changes(session(1000), session(1300));
    expect(found.map(({ figure, worse }) => [figure, worse])).toEqual([
      ['CPU of dat', true],
      ['CPU over uws-lean', true],
      ['CPU of uws-lean', false],
    ]);
  });
});
