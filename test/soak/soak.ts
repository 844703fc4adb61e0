/**
 * Keeps a hub busy with a fleet, its followers and peers that come and go, and watches what must not grow: resident
 * memory, open files, rows of the table. No assertions; the report says what is wrong.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Metrics } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type HubProcess, startHub } from '../support/hub-process.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { growthProblem } from './growth.ts';

export interface SoakOptions {
  readonly seconds: number;
  /** Told of each sample. */
  readonly sampled?: (sample: Sample) => void;
}

export interface Sample {
  readonly residentMiB: number;
  readonly openFiles: number;
  /** Rows in use: devices, subscribers, subscriptions together. */
  readonly rows: number;
}

export interface SoakReport {
  /** What grew. A short run says nothing of that. */
  readonly growth: readonly string[];
  /** What else was wrong. */
  readonly problems: readonly string[];
  readonly samples: readonly Sample[];
  readonly sent: number;
  readonly comings: number;
}

const DEVICES = 40;
const FOLLOWERS = 20;
const SEND_EVERY_MS = 20;
/** Peers that come, follow, and go: about so many per second. */
const COMINGS_PER_SECOND = 25;
const SAMPLES = 40;
/** What the hub opens once, when it first needs it. */
const OWN_FILES = 20;
const tables = ['devices', 'subscribers', 'subscriptions'] as const;
const capacity = { devices: 2000, subscribers: 2000, subscriptions: 20_000 } as const;

export async function soak({ seconds, sampled }: SoakOptions): Promise<SoakReport> {
  const hub = await startHub({
    DAT_MAX_DEVICES: String(capacity.devices),
    DAT_MAX_SUBSCRIBERS: String(capacity.subscribers),
    DAT_MAX_SUBSCRIPTIONS: String(capacity.subscriptions),
    DAT_DEVICE_RATE: '0',
    DAT_DEVICE_LEAVE_GRACE_MS: '200',
    DAT_DEVICE_REMOVE_AFTER_MS: '500',
    DAT_SUBSCRIBER_INACTIVE_AFTER_MS: '1000',
    DAT_SUBSCRIBER_REMOVE_AFTER_MS: '1000',
    DAT_PING_INTERVAL_MS: '300',
    DAT_LOG_LEVEL: 'warn',
  });
  const atStart = await takeSample(hub);
  const names = Array.from({ length: DEVICES }, (_, n) => `dev-${n}`);
  const fleet = await Promise.all(names.map((name) => Device.connect(hub.devicePort, `?id=${name}`)));
  const follow = `?devices=${names.join(',')}`;
  const followers = await Promise.all(
    Array.from({ length: FOLLOWERS }, () => Subscriber.connect(hub.subscriberPort, follow)),
  );
  await Promise.all(followers.map((one) => one.subscribedByUrl()));
  const endAt = performance.now() + seconds * 1000;
  let sent = 0;
  let comings = 0;
  const sending = (async () => {
    while (performance.now() < endAt) {
      for (const device of fleet) device.send({ type: 'message', data: { n: sent++ } });
      for (const follower of followers) follower.frames.all.length = 0; // this process is not what is watched
      await sleep(SEND_EVERY_MS);
    }
  })();
  const coming = (async () => {
    while (performance.now() < endAt) {
      comings += 1;
      void comeAndGo(hub, comings, follow);
      await sleep(1000 / COMINGS_PER_SECOND);
    }
  })();
  const samples: Sample[] = [];
  for (let n = 0; n < SAMPLES; n++) {
    await sleep((seconds * 1000) / SAMPLES);
    const sample = await takeSample(hub);
    samples.push(sample);
    sampled?.(sample);
  }
  await Promise.all([sending, coming]);
  const problems: string[] = [];
  const growth = [
    growthProblem(
      'resident memory, MiB',
      samples.map(({ residentMiB }) => residentMiB),
      { share: 0.15, amount: 24 },
    ),
    growthProblem(
      'open files',
      samples.map(({ openFiles }) => openFiles),
      { share: 0.25, amount: 20 },
    ),
    growthProblem(
      'rows',
      samples.map(({ rows }) => rows),
      { share: 0.25, amount: 100 },
    ),
  ].filter((line) => line !== undefined);
  for (const peer of [...fleet, ...followers]) void peer.close(1000);
  const note = (failure: Error): number => problems.push(failure.message);
  await eventually('every row is free', async () => (await takeSample(hub)).rows === 0).catch(note);
  const filesMax = atStart.openFiles + OWN_FILES;
  const isClosed = async (): Promise<boolean> => (await takeSample(hub)).openFiles <= filesMax;
  await eventually('every connection is closed', isClosed).catch(note);
  const code = await hub.stop();
  if (code !== 0) problems.push(`the hub ended with ${code}: ${hub.stderr().slice(-2000)}`);
  return { growth, problems, samples, sent, comings };
}

/** A device or a subscriber for a moment; one that is not let in is none. */
async function comeAndGo(hub: HubProcess, n: number, follow: string): Promise<void> {
  const peer = await (n % 3 === 0
    ? Device.connect(hub.devicePort, `?id=passing-${n}`)
    : Subscriber.connect(hub.subscriberPort, `${follow}&id=passing-${n}`)
  ).catch(() => undefined);
  if (peer === undefined) return;
  await sleep(Math.random() * 500);
  // Half of them say goodbye.
  await (n % 2 === 0 ? peer.close(1000) : peer.drop());
}

async function takeSample({ pid, adminPort }: HubProcess): Promise<Sample> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const metrics = new Metrics(text);
  const used = tables.map((table) => metrics.value('dat_capacity_used_ratio', { table }) * capacity[table]);
  const residentKiB = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return {
    residentMiB: residentKiB / 1024,
    openFiles: readdirSync(`/proc/${pid}/fd`).length,
    rows: Math.round(used.reduce((sum, count) => sum + count, 0)),
  };
}
