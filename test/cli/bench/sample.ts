/** Results as a bench may give them. */
import { Histogram } from '../../../src/cli/bench/histogram.ts';
import type { ReceiverReport, SenderReport } from '../../../src/cli/bench/messages.ts';
import type { Outcome } from '../../../src/cli/bench/outcome.ts';

/** @param latenciesMs one per delivery */
export function outcomeOf(latenciesMs: readonly number[], change: Partial<Outcome> = {}): Outcome {
  const latency = new Histogram();
  for (const ms of latenciesMs) latency.add(ms * 1e3);
  const count = latenciesMs.length;
  return {
    load: { devices: 10, rate: 5, subscribers: 4, following: 5, bytes: 128, prefix: 'bench-1-' },
    seconds: 10,
    sent: count,
    unsent: 0,
    expected: count,
    delivered: count,
    lost: 0,
    told: 0,
    doubled: 0,
    disordered: 0,
    refused: 0,
    cutOff: 0,
    eventsPerSecond: count / 10,
    deliveriesPerSecond: count / 10,
    latency: latency.pack(),
    series: [
      { second: 0, sent: 5, received: 10, p50Ms: 1, p99Ms: 2, maxMs: 3 },
      { second: 1, sent: 5, received: 10, p50Ms: 1, p99Ms: 2, maxMs: 30 },
      { second: 2, sent: 1, received: 2, p50Ms: 1, p99Ms: 2, maxMs: 3 },
    ],
    generatorLimit: undefined,
    reasons: [],
    ...change,
  };
}

export function senderReport(change: Partial<SenderReport> = {}): SenderReport {
  return {
    ...{ sent: [100], sentInAll: 100, unsent: 0, expectedInAll: 200, refused: 0, refusal: '' },
    ...{ connectionsLost: 0, loss: '', lateP99Us: 100, busy: 0.2 },
    ...change,
  };
}

export function receiverReport(change: Partial<ReceiverReport> = {}): ReceiverReport {
  return {
    ...{ windows: [], receivedInAll: 200, lost: 0, told: 0, duplicated: 0, disordered: 0 },
    ...{ connectionsLost: 0, loss: '', delayP99Us: 100, busy: 0.2 },
    ...change,
  };
}
