import { describe, expect, it, vi } from 'vitest';
import { collectTotals } from '../../src/admin/figures.ts';
import {
  type Look,
  LookWatch,
  lookNow,
  perSecond,
  quantile,
  RecentLatency,
  ratesBetween,
} from '../../src/admin/looks.ts';
import { Counter, Counters, latencyBoundsSeconds } from '../../src/memory/counters.ts';
import { FakeHub } from './fake-hub.ts';

const look = ({ deps }: FakeHub) => lookNow(deps.clock, collectTotals(deps));

describe('two looks', () => {
  it('tell how fast the figures of all threads grew between them', () => {
    const hub = new FakeHub();
    const first = look(hub);
    hub.main.cells[Counter.receivedMessage] = 30;
    hub.worker.cells[Counter.deliveries] = 100;
    hub.main.cells[Counter.droppedRate] = 5;
    hub.clock.advance(2000);
    const rates = ratesBetween(first, look(hub));
    expect(rates).toMatchObject({ received: { message: 15, status: 0 }, deliveries: 50 });
    expect(rates.dropped).toMatchObject({ rate: 2.5, lagging: 0 });
  });

  it('do not take frames of subscribers over their rate for events', () => {
    const hub = new FakeHub();
    const first = look(hub);
    hub.main.cells[Counter.droppedRate] = 5;
    hub.worker.cells[Counter.droppedLagging] = 1;
    hub.worker.cells[Counter.droppedSubscriberRate] = 100;
    hub.clock.advance(1000);
    const { dropped, droppedEvents } = ratesBetween(first, look(hub));
    expect([dropped['subscriber_rate'], droppedEvents]).toEqual([100, 6]);
  });

  it('tell of no growth where a thread began anew, or no time went by', () => {
    const hub = new FakeHub();
    hub.worker.cells[Counter.deliveries] = 100;
    const first = look(hub);
    const deliveries = () => perSecond(first, look(hub), ({ figures }) => figures.deliveries);
    hub.worker.cells[Counter.deliveries] = 200;
    expect(deliveries()).toBe(0);
    hub.worker.cells[Counter.deliveries] = 10;
    hub.clock.advance(1000);
    expect(deliveries()).toBe(0);
  });
});

describe('a look each second', () => {
  it('is one for all that keep looks, and adds up the counters once', () => {
    const hub = new FakeHub();
    const sum = vi.spyOn(Counters, 'sum');
    const kept: Look[][] = [[], []];
    const looks = new LookWatch(
      hub.deps,
      kept.map((all) => ({ add: (one: Look) => void all.push(one) })),
    );
    hub.main.cells[Counter.receivedPong] = 7;
    hub.clock.advance(looks.tickMs);
    looks.tick();
    expect(sum).toHaveBeenCalledTimes(2);
    sum.mockRestore();
    const [one, other] = kept as [Look[], Look[]];
    expect(one.map(({ figures }) => figures.received.pong)).toEqual([0, 7]);
    expect(one[1]!.atMs - one[0]!.atMs).toBe(1000);
    expect(one.every((look, n) => look === other[n])).toBe(true);
  });
});

describe('the recent latency', () => {
  const buckets = (...counts: number[]) =>
    latencyBoundsSeconds.map((_, index) => counts[index] ?? 0).concat(0);

  it('is that of the last five looks', () => {
    const latency = new RecentLatency();
    expect(latency.add(buckets(1000))).toEqual({ p50Seconds: null, p90Seconds: null, p99Seconds: null });
    expect(latency.add(buckets(1000, 10)).p50Seconds).toBeCloseTo(0.000175, 9);
    for (let look = 0; look < 4; look++) latency.add(buckets(1000, 10));
    expect(latency.add(buckets(1000, 10)).p50Seconds).toBeNull();
  });
});

describe('quantile', () => {
  it('is linear within a bucket, the last bound above all, and null without events', () => {
    expect(quantile([0, 0, 0], 0.5)).toBeNull();
    expect(quantile([10], 0.5)).toBeCloseTo(0.00005, 9);
    expect(quantile([0, 10], 1)).toBeCloseTo(0.00025, 9);
    expect(quantile([...Array.from({ length: 14 }, () => 0), 7], 0.5)).toBe(2.5);
  });
});
