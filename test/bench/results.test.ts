import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../bench/load/exit-code.ts';
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
    refused: 0,
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

describe('a server that falls behind', () => {
  const runOf = (received: number): Run => {
    const { windows, ...rest } = run('ws', 5000, [1000]);
    return { ...rest, windows: [{ ...windows[0]!, sent: 100, received }] };
  };

  it('is charged by the events that it dealt with, not by those that were sent', () => {
    // `pairs` has two readers for each device.
    expect(summarise(shape('pairs'), 'ws', [runOf(100)])).toMatchObject({ cpuUs: 100, keptUp: 0.5 });
    expect(summarise(shape('pairs'), 'ws', [runOf(199)])).toMatchObject({ cpuUs: 50, keptUp: 1 });
  });

  it('is not one whose events nobody is to get, or not all of them', () => {
    expect(summarise(shape('unwatched'), 'ws', [runOf(0)])).toMatchObject({ cpuUs: 50, keptUp: 1 });
    expect(summarise(shape('wall'), 'ws', [runOf(7)])).toMatchObject({ cpuUs: 50, keptUp: 1 });
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
      ['events lost, refused, doubled or out of order, readers cut off', true],
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
      ['dat-mqtt-ws: events lost, refused, doubled or out of order, readers cut off', true],
    ]);
    const slow = judge([board('dat-mqtt', 2000, 14, 1), board('mosquitto', 3000, 4)]);
    expect(slow.filter(({ figure }) => figure.startsWith('dat-mqtt:')).map(({ ok }) => ok)).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('are missed by events that the hub refused, also where nobody follows them', () => {
    const idle = { ...summarise(shape('unwatched'), 'dat', [run('dat', 1000, [])]), refused: 2 };
    expect(judge([idle]).find(({ figure }) => figure.startsWith('events lost'))).toMatchObject({
      ...{ value: 2, ok: false },
    });
  });

  it.each(['dat-no-history', 'dat-binary', 'dat-batch', 'dat-cluster', 'dat-cluster-hubs'])(
    'are missed by wrong events of the hub as %s',
    (peer) => {
      expect(judge([board(peer, 1000, 4, 1)]).filter(({ ok }) => !ok)).toMatchObject([{ value: 1 }]);
      expect(judge([board('ws', 1000, 4, 1)])).toEqual([]);
    },
  );

  it('allow refusals of more than the host can send, and nothing doubled', () => {
    const overloaded = (change: Partial<Result>): Result[] => [
      { ...summarise(shape('hot-10k'), 'dat', [run('dat', 1000, [1])]), ...change },
    ];
    const missed = (change: Partial<Result>) => judge(overloaded(change)).filter(({ ok }) => !ok);
    expect(missed({ lost: 9, refused: 9 })).toEqual([]);
    expect(missed({ lost: 9, shape: 'hot-10k-bursts' })).toEqual([]);
    expect(missed({ duplicated: 1 })).toMatchObject([{ figure: 'events doubled or out of order' }]);
  });

  it('of latency are not reached where the generator was the limit', () => {
    const late = { ...board('dat', 1000, 4), generatorLimits: ['it read 40 ms late (p99)'] };
    const found = judge([late, board('uws-lean', 3000, 4)]);
    expect(found.find(({ figure }) => figure === 'p99')).toMatchObject({
      ...{ value: expect.closeTo(4, 1), ok: false, doubt: 'it read 40 ms late (p99)' },
    });
    expect(found.filter(({ figure }) => figure !== 'p99').every(({ ok }) => ok)).toBe(true);
  });

  it('say nothing of what did not run', () => {
    expect(judge([])).toEqual([]);
  });
});

describe('the end of a session', () => {
  const ending = { session: { missing: [] }, verdicts: [], changed: [], isChecked: true };

  it('is a failure when the hub, or another peer, did not get through a load', () => {
    const missing = [
      { shape: 'board', peer: 'dat', why: 'failed: it ended at start', failed: true } as const,
    ];
    expect(exitCodeOf({ ...ending, session: { missing } })).toBe(1);
    expect(exitCodeOf({ ...ending, session: { missing }, isChecked: false })).toBe(1);
    const absent = [{ shape: 'board', peer: 'mosquitto', why: 'mosquitto is not installed' }];
    expect(exitCodeOf({ ...ending, session: { missing: absent } })).toBe(0);
  });

  it('is a failure when a target was missed and targets count', () => {
    const verdicts = judge([board('dat', 1000, 40)]);
    expect(exitCodeOf({ ...ending, verdicts })).toBe(1);
    expect(exitCodeOf({ ...ending, verdicts, isChecked: false })).toBe(0);
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

  it('does not blame the hub for another server that was slower', () => {
    const session = (cpuUs: number): Session => ({
      ...{ at: '', machine: '', node: '', command: '', missing: [] },
      results: [board('dat', 1000, 4), board('ws', cpuUs, 4)],
    });
    expect(changes(session(3000), session(9000)).filter(({ worse }) => worse)).toEqual([]);
  });
});
