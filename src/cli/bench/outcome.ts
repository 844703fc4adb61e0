/** The outcome of a load: the books, and latencies. */
import type { Packed } from './histogram.ts';
import { merged } from './histogram.ts';
import type { Load } from './load.ts';
import type { ReceiverReport, SenderReport } from './messages.ts';

export interface Outcome {
  readonly load: Load;
  /** Of the window that latencies and rates are of. */
  readonly seconds: number;
  /** Events that devices wrote, warm-up included; so are the counts that follow. */
  readonly sent: number;
  /** Events that were due and not written: their devices were cut off, or the hub did not read. */
  readonly unsent: number;
  /** Deliveries that all of those make. */
  readonly expected: number;
  /** Deliveries that came, doubled ones included. */
  readonly delivered: number;
  readonly lost: number;
  /** Of the lost ones, those that the hub told in a `gap`. */
  readonly told: number;
  readonly doubled: number;
  readonly disordered: number;
  /** Events that the hub refused; they are lost too. */
  readonly refused: number;
  /** Connections that ended. */
  readonly cutOff: number;
  readonly eventsPerSecond: number;
  readonly deliveriesPerSecond: number;
  /** From the time that an event was meant to be sent to its arrival, microseconds. */
  readonly latency: Packed;
  /** Second by second, from the start of the load. */
  readonly series: readonly Second[];
  /** The generator could not do what was asked: the figures say nothing about the hub. */
  readonly generatorLimit: string | undefined;
  /** Why events were refused and connections ended; the first of each kind. */
  readonly reasons: readonly string[];
}

export interface Second {
  /** From the start of the load. */
  readonly second: number;
  readonly sent: number;
  readonly received: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** @returns ms, rounded to microseconds; undefined without deliveries */
export function percentilesOf({ latency }: Pick<Outcome, 'latency'>): Percentiles | undefined {
  const all = merged([latency]);
  if (all.count === 0) return undefined;
  const at = (percent: number): number => all.percentile(percent) / 1e3;
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: all.max / 1e3 };
}

/** Sums over all processes since they started. */
export interface LoadTotals {
  readonly sent: number;
  readonly unsent: number;
  readonly expected: number;
  readonly delivered: number;
  /** Counts that were passed over by a later one. */
  readonly holes: number;
  readonly told: number;
  readonly doubled: number;
  readonly disordered: number;
  readonly refused: number;
  readonly cutOff: number;
}

/** Sums over the processes of a load. */
export function totalsOf(
  senders: readonly SenderReport[],
  receivers: readonly ReceiverReport[],
): LoadTotals & { readonly lost: number } {
  const sent = sumOver(senders);
  const received = sumOver(receivers);
  const totals = {
    sent: sent(({ sentInAll }) => sentInAll),
    unsent: sent(({ unsent }) => unsent),
    expected: sent(({ expectedInAll }) => expectedInAll),
    delivered: received(({ receivedInAll }) => receivedInAll),
    holes: received(({ lost }) => lost),
    told: received(({ told }) => told),
    doubled: received(({ duplicated }) => duplicated),
    disordered: received(({ disordered }) => disordered),
    refused: sent(({ refused }) => refused),
    cutOff:
      sent(({ connectionsLost }) => connectionsLost) + received(({ connectionsLost }) => connectionsLost),
  };
  // At the end no later event shows a hole: what did not come is what is missing from all that should have.
  const missing = totals.expected - (totals.delivered - totals.doubled);
  return { ...totals, lost: Math.max(0, totals.holes, missing) };
}

export const sumOver =
  <Report>(reports: readonly Report[]) =>
  (count: (report: Report) => number): number =>
    reports.reduce((sum, report) => sum + count(report), 0);

const BUSY_MAX = 0.95;
const LATE_MAX_US = 20_000;

/** @returns undefined where this process was not too busy @param name with its article */
export function busyLimit(name: string, share: number): string | undefined {
  return share > BUSY_MAX ? `${name} took ${(share * 100).toFixed(0)} % of a core` : undefined;
}

/** @returns undefined where the processes of the generator kept up */
export function limitOf(
  senders: readonly SenderReport[],
  receivers: readonly ReceiverReport[],
): string | undefined {
  const late = Math.max(0, ...senders.map(({ lateP99Us }) => lateP99Us));
  if (late > LATE_MAX_US) return `it sent ${(late / 1e3).toFixed(0)} ms late (p99)`;
  for (const [name, reports] of [
    ['sender', senders],
    ['receiver', receivers],
  ] as const) {
    const limit = busyLimit(`a ${name}`, Math.max(0, ...reports.map((report) => report.busy)));
    if (limit !== undefined) return limit;
  }
  const delay = Math.max(0, ...receivers.map(({ delayP99Us }) => delayP99Us));
  return delay > LATE_MAX_US ? `it read ${(delay / 1e3).toFixed(0)} ms late (p99)` : undefined;
}

/**
 * The first reason of each kind since the processes started.
 * @param now what happened at this rate: what did not has no reason, whatever happened at an earlier one
 */
export function reasonsOf(
  senders: readonly SenderReport[],
  receivers: readonly ReceiverReport[],
  now: Pick<Outcome, 'refused' | 'cutOff'>,
): readonly string[] {
  const first = (reasons: readonly string[]): string[] =>
    reasons.filter((reason) => reason !== '').slice(0, 1);
  const refused = first(senders.map(({ refusal }) => refusal)).map((why) => `events were refused: ${why}`);
  const cutOff = [
    ...first(senders.map(({ loss }) => loss)).map((why) => `devices were cut off: ${why}`),
    ...first(receivers.map(({ loss }) => loss)).map((why) => `subscribers were cut off: ${why}`),
  ];
  return [...(now.refused > 0 ? refused : []), ...(now.cutOff > 0 ? cutOff : [])];
}
