/** One run: starts a peer, puts one load on it, measures and takes it all down again. */
import { nowUs } from '../../src/cli/bench/clock.ts';
import { Generator } from '../../src/cli/bench/generator.ts';
import type { Packed } from '../../src/cli/bench/histogram.ts';
import { deviceId, followedDevices, isVip, subscriberId, WHOLE } from '../../src/cli/bench/load.ts';
import type { ReceiverReport, SenderReport } from '../../src/cli/bench/messages.ts';
import { busyLimit, limitOf as limitOfBench } from '../../src/cli/bench/outcome.ts';
import { unreadByEnd } from '../peers/metrics.ts';
import type { Peer } from '../peers/peer.ts';
import type { DisturberReport } from './disturber.ts';
import { generatorFile } from './generator-file.ts';
import { cpuUse, residentBytes } from './server-usage.ts';
import type { Shape } from './shapes.ts';

/** What one run gave. Times in microseconds. */
export interface Run {
  readonly peer: string;
  readonly shape: string;
  readonly windows: readonly RunWindow[];
  readonly lost: number;
  /** Of the lost ones, those that the server told in gaps. */
  readonly told: number;
  /** Events that the server refused, or a hub did not read: nobody may follow them, so that no delivery is lost. */
  readonly refused: number;
  readonly duplicated: number;
  readonly disordered: number;
  /** Of what was sent in all, how many deliveries should have come. */
  readonly expected: number;
  readonly receivedInAll: number;
  readonly connectionsLost: number;
  readonly rssBytesPerConnection: number;
  /** Of the disturbance. */
  readonly follows: number;
  readonly reconnects: number;
  /** Events that replays brought in the second window. */
  readonly replayed: number;
  readonly filterMs: number | undefined;
  readonly sender: { readonly lateP99Us: number; readonly busy: number };
  readonly receiverBusy: number;
  /** The generator could not do what was asked: the run says nothing about the peer. */
  readonly generatorLimit: string | undefined;
}

export interface RunWindow {
  readonly ms: number;
  readonly sent: number;
  readonly received: number;
  readonly cpuUs: number;
  readonly cpuUsByThread: Readonly<Record<string, number>>;
  readonly latency: Packed;
  readonly vipLatency: Packed;
}

const WARMUP_MS = 3000;
const WINDOW_MS = 5000;
const SETTLE_MS = 4000;
const LEAD_MS = 100;

export async function measure(peer: Peer, shape: Shape, progress: (line: string) => void): Promise<Run> {
  progress('starting');
  const server = await peer.start();
  const generators: { end(): void }[] = [];
  try {
    const target = { ...server.target, ...(shape.wire !== undefined && { wire: shape.wire }) };
    // Where nobody is vip, nobody's latency counts as a vip's.
    const load = server.makeVip === undefined ? { ...shape, vips: 0 } : shape;
    const generator = async <Report>(part: string): Promise<Generator<Report>> => {
      const started = new Generator<Report>(generatorFile, part);
      generators.push(started);
      await started.open({ target, load, share: WHOLE });
      return started;
    };
    const rssBefore = residentBytes(server.pids());
    const connectDevices = async (): Promise<Generator<SenderReport>> => {
      if (shape.rate > 0) progress(`connecting ${shape.devices} devices`);
      return await generator<SenderReport>('sender');
    };
    // Each device that a filter finds later is told to all who follow the filter.
    const early = shape.filter === undefined ? undefined : await connectDevices();
    progress(`connecting ${shape.subscribers} subscribers`);
    const receiver = await generator<ReceiverReport>('receiver');
    if (shape.vips !== undefined && server.makeVip !== undefined) {
      const { makeVip } = server;
      for (let subscriber = 0; subscriber < shape.subscribers; subscriber++) {
        if (!isVip(shape, subscriber)) continue;
        const devices = followedDevices(shape, subscriber);
        await Promise.all(devices.map((device) => makeVip(deviceId(device), subscriberId(subscriber))));
      }
    }
    const sender = early ?? (await connectDevices());
    const disturber =
      shape.disturbance === undefined ? undefined : await generator<DisturberReport>('disturber');

    const windowUs = (shape.windowMs ?? WINDOW_MS) * 1e3;
    const startUs = nowUs() + LEAD_MS * 1e3;
    const firstUs = startUs + (shape.warmupMs ?? WARMUP_MS) * 1e3;
    const starts =
      disturber === undefined
        ? [firstUs]
        : [firstUs, firstUs + windowUs + (shape.settleMs ?? SETTLE_MS) * 1e3];
    const endUs = starts.at(-1)! + windowUs;
    for (const fromUs of starts) {
      for (const part of [sender, receiver]) part.window({ fromUs, toUs: fromUs + windowUs });
    }
    sender.run({ fromUs: startUs, toUs: endUs }, shape.rate);
    disturber?.run({ fromUs: firstUs + windowUs, toUs: endUs }, shape.rate);
    const used: { cpuUs: number; cpuUsByThread: Record<string, number> }[] = [];
    for (const [index, fromUs] of starts.entries()) {
      progress(index === 0 ? 'warming up' : 'disturbing');
      await until(fromUs);
      const before = cpuUse(server.pids());
      progress(`measuring ${windowUs / 1e6} s`);
      await until(fromUs + windowUs);
      const after = cpuUse(server.pids());
      used.push({
        cpuUs: after.totalUs - before.totalUs,
        cpuUsByThread: Object.fromEntries(
          [...after.threads].map(([name, us]) => [name, us - (before.threads.get(name) ?? 0)]),
        ),
      });
    }
    const rssAfter = residentBytes(server.pids()); // by now what it took to connect has been collected
    const sent = await sender.report();
    if (sent.connectionsLost > 0)
      throw new Error(`${sent.connectionsLost} devices were cut off: ${sent.loss}`);
    progress('waiting for the last events');
    const [received, disturbed] = await Promise.all([receiver.report(), disturber?.report()]);
    if (shape.disturbance?.filterOver !== undefined && disturbed?.filterMs === undefined)
      throw new Error('the filter was not answered');
    const unread = server.adminUrl === undefined ? 0 : await unreadByEnd(server, sent);
    return runOf(peer, shape, {
      unread,
      used,
      windowMs: windowUs / 1e3,
      sent,
      received,
      disturbed,
      rss: rssAfter - rssBefore,
    });
  } finally {
    for (const generator of generators) generator.end();
    await server.stop();
  }
}

function runOf(
  peer: Peer,
  shape: Shape,
  {
    used,
    windowMs,
    sent,
    unread,
    received,
    disturbed,
    rss,
  }: {
    readonly used: readonly Pick<RunWindow, 'cpuUs' | 'cpuUsByThread'>[];
    readonly windowMs: number;
    readonly sent: SenderReport;
    readonly unread: number;
    readonly received: ReceiverReport;
    readonly disturbed: DisturberReport | undefined;
    readonly rss: number;
  },
): Run {
  const expected = sent.expectedInAll;
  return {
    peer: peer.name,
    shape: shape.name,
    windows: received.windows.map(({ received: count, latency, vipLatency }, index) => ({
      ms: windowMs,
      sent: sent.sent[index] ?? 0,
      received: count,
      ...used[index]!,
      latency,
      vipLatency,
    })),
    lost: lostOf(shape, sent, received) + (disturbed?.unreplayed ?? 0),
    told: received.told,
    refused: sent.refused + unread,
    duplicated: received.duplicated,
    disordered: received.disordered,
    expected,
    receivedInAll: received.receivedInAll,
    connectionsLost: received.connectionsLost,
    rssBytesPerConnection: shape.subscribers > 0 ? rss / shape.subscribers : 0,
    follows: disturbed?.follows ?? 0,
    reconnects: disturbed?.reconnects ?? 0,
    replayed: disturbed?.replayed ?? 0,
    filterMs: disturbed?.filterMs,
    sender: { lateP99Us: sent.lateP99Us, busy: sent.busy },
    receiverBusy: received.busy,
    generatorLimit: limitOf(sent, received, disturbed),
  };
}

/** @returns deliveries that did not come: holes, and what is missing at the end, where no later event shows the hole */
export function lostOf({ conflates }: Shape, sent: SenderReport, received: ReceiverReport): number {
  const missing = sent.expectedInAll - received.receivedInAll - received.lost + received.duplicated;
  return conflates ? 0 : received.lost + Math.max(0, missing);
}

/** The same as for `dat bench`, and whether the disturber was too busy. */
function limitOf(
  sent: SenderReport,
  received: ReceiverReport,
  disturbed: DisturberReport | undefined,
): string | undefined {
  return limitOfBench([sent], [received]) ?? busyLimit('the disturber', disturbed?.busy ?? 0);
}

async function until(timeUs: number): Promise<void> {
  const ms = (timeUs - nowUs()) / 1e3;
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
