import { describe, expect, it } from 'vitest';
import { errors } from '../../src/codes.ts';
import {
  Counter,
  Counters,
  countedCloseCodes,
  counterNames,
  createCounters,
  latencyBoundsSeconds,
} from '../../src/memory/counters.ts';
import type { PeerRole } from '../../src/roles.ts';

const fresh = () => new Counters(createCounters());

describe('the counters of a thread', () => {
  it('have a cell each, and all of them have room', () => {
    const counters = fresh();
    for (const name of counterNames) counters.add(Counter[name]);
    expect(counterNames.map((name) => counters.cells[Counter[name]])).toEqual(counterNames.map(() => 1));
    counters.add(Counter.replayed, 5);
    expect(counters.cells[Counter.replayed]).toBe(6);
  });

  it('take lines of their own, and no more than they need', () => {
    const counters = fresh();
    const closes = 3 * counters.disconnects('device').length;
    const cells =
      counterNames.length + counters.latencyBuckets().length + closes + counters.refusals().length;
    expect(createCounters().byteLength).toBe(Math.ceil((8 * cells) / 128) * 128);
  });

  it('add up over threads, cell by cell', () => {
    const threads = [1, 10].map((n) => {
      const counters = fresh();
      counters.add(Counter.deliveries, n);
      counters.add(Counter[counterNames.at(-1)!], n);
      for (let i = 0; i < n; i++) counters.latency(1);
      counters.disconnect('gateway', 4009, n);
      counters.refuse(-1); // the last cell of all: an unknown code
      return { counters };
    });
    const sum = Counters.sum(threads);
    expect(sum.cells[Counter.deliveries]).toBe(11);
    expect(sum.cells[Counter[counterNames.at(-1)!]]).toBe(11);
    expect(sum.latencyBuckets().filter((count) => count > 0)).toEqual([11]);
    expect(sum.disconnects('gateway').filter(([, count]) => count > 0)).toEqual([['4009', 11]]);
    expect(sum.refusals().at(-1)).toEqual(['other', 2]);
    expect(Counters.sum([]).cells.every((count) => count === 0)).toBe(true);
  });

  it('count an MQTT client once, whatever roles it has', () => {
    const { cells } = fresh();
    const counters = new Counters(cells.buffer as SharedArrayBuffer);
    cells[Counter.deviceConnections] = 3;
    cells[Counter.subscriberConnections] = 4;
    cells[Counter.gatewayConnections] = 5;
    cells[Counter.mqttConnections] = 2;
    cells[Counter.mqttSessions] = 3;
    expect(counters.connections).toBe(11);
  });

  it('lose what is a gauge when another thread takes the place, and keep the rest', () => {
    const counters = fresh();
    for (const name of counterNames) counters.add(Counter[name]);
    counters.takeOver();
    expect(counterNames.filter((name) => counters.cells[Counter[name]] === 0).sort()).toEqual([
      'deviceConnections',
      'gatewayConnections',
      'gatewayDevices',
      'laggingSubscribers',
      'loopLagSeconds',
      'mqttConnections',
      'mqttSessions',
      'queuedBytes',
      'subscriberConnections',
    ]);
  });

  it('have the connections of the thread before among the lost ones: the sums of opened and ended ones agree', () => {
    const counters = fresh();
    counters.add(Counter.deviceConnections, 2);
    counters.add(Counter.subscriberConnections, 3);
    counters.disconnect('subscriber', 1006);
    for (let n = 0; n < 2; n++) counters.takeOver();
    const lost = (role: PeerRole) => counters.disconnects(role).filter(([, count]) => count > 0);
    expect(lost('device')).toEqual([['1006', 2]]);
    expect(lost('subscriber')).toEqual([['1006', 4]]);
    expect(lost('gateway')).toEqual([]);
  });

  it('put a latency into the first bucket whose bound it does not pass', () => {
    const counters = fresh();
    for (const bound of latencyBoundsSeconds) counters.latency(bound * 1e3);
    expect(counters.latencyBuckets()).toEqual([...latencyBoundsSeconds.map(() => 1), 0]);
    counters.latency(0);
    counters.latency(0.11);
    counters.latency(60_000);
    const buckets = counters.latencyBuckets();
    expect([buckets[0], buckets[1], buckets.at(-1)]).toEqual([2, 2, 1]);
    const sum = latencyBoundsSeconds.reduce((total, bound) => total + bound, 0);
    expect(counters.cells[Counter.latencySumSeconds]).toBeCloseTo(sum + 0.00011 + 60, 9);
  });

  it('count disconnects by role and code, and codes that have no name as other', () => {
    const counters = fresh();
    const roles = ['device', 'subscriber', 'gateway'] as const;
    for (const [n, role] of roles.entries()) {
      for (const code of countedCloseCodes) counters.disconnect(role, code, n + 1);
      counters.disconnect(role, 4999);
      counters.disconnect(role, 3000);
    }
    for (const [n, role] of roles.entries()) {
      const expected = countedCloseCodes.map((code) => [String(code), n + 1]);
      expect(counters.disconnects(role)).toEqual([...expected, ['other', 2]]);
    }
    expect(counters.latencyBuckets().every((count) => count === 0)).toBe(true);
  });

  it('count refused frames by code, and in all', () => {
    const counters = fresh();
    for (const { code } of Object.values(errors)) counters.refuse(code);
    counters.refuse(999);
    const codes = Object.values(errors).map(({ code }) => [String(code), 1]);
    expect(counters.refusals()).toEqual([...codes, ['other', 1]]);
    expect(counters.cells[Counter.refusedFrames]).toBe(codes.length + 1);
    expect(counters.disconnects('gateway').every(([, count]) => count === 0)).toBe(true);
  });
});
