import { describe, expect, it } from 'vitest';
import { limitOf, percentilesOf, reasonsOf, totalsOf } from '../../../src/cli/bench/outcome.ts';
import { outcomeOf, receiverReport, senderReport } from './sample.ts';

describe('the books of a load', () => {
  it('balance over all processes', () => {
    const totals = totalsOf(
      [senderReport(), senderReport({ refused: 2 })],
      [receiverReport({ receivedInAll: 150 }), receiverReport({ receivedInAll: 250 })],
    );
    expect(totals).toMatchObject({ sent: 200, expected: 400, delivered: 400, lost: 0, refused: 2 });
  });

  it('find what is missing at the end, where no later event shows the hole', () => {
    expect(totalsOf([senderReport()], [receiverReport({ receivedInAll: 195, lost: 3 })]).lost).toBe(5);
  });

  it('do not take a doubled event for one that was lost', () => {
    const received = { receivedInAll: 200, duplicated: 2, lost: 2 };
    expect(totalsOf([senderReport()], [receiverReport(received)])).toMatchObject({ lost: 2, doubled: 2 });
  });
});

describe('the latencies of a load', () => {
  it('are percentiles in milliseconds, or none', () => {
    const latencies = Array.from({ length: 1000 }, (_, n) => (n + 1) / 100);
    const { p50 = 0, p99 = 0, max } = percentilesOf(outcomeOf(latencies)) ?? {};
    expect([p50.toFixed(1), p99.toFixed(1), max]).toEqual(['5.0', '9.9', 10]);
    expect(percentilesOf(outcomeOf([]))).toBeUndefined();
  });
});

describe('the generator', () => {
  it('is no limit where it keeps up', () => {
    expect(limitOf([senderReport()], [receiverReport()])).toBeUndefined();
  });

  it.each([
    [{ lateP99Us: 25_000 }, {}, 'it sent 25 ms late (p99)'],
    [{ busy: 0.97 }, {}, 'a sender took 97 % of a core'],
    [{}, { busy: 1.2 }, 'a receiver took 120 % of a core'],
    [{}, { delayP99Us: 40_000 }, 'it read 40 ms late (p99)'],
  ])('is the limit with %j, %j', (sender, receiver, why) => {
    const senders = [senderReport(), senderReport(sender)];
    expect(limitOf(senders, [receiverReport(), receiverReport(receiver)])).toBe(why);
  });

  it('tells why events were refused and connections ended, once each', () => {
    const senders = [senderReport(), senderReport({ refusal: 'too fast', loss: 'closed with 4101' })];
    const receivers = [receiverReport({ loss: 'closed with 4108' }), receiverReport()];
    expect(reasonsOf(senders, receivers, { refused: 1, cutOff: 2 })).toEqual([
      'events were refused: too fast',
      'devices were cut off: closed with 4101',
      'subscribers were cut off: closed with 4108',
    ]);
    expect(reasonsOf(senders, receivers, { refused: 0, cutOff: 0 })).toEqual([]);
  });
});
