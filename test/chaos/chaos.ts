/**
 * Breaks what can be broken while a fleet sends: kills the owner and the threads that hold peers, stops peers, throttles
 * and cuts connections, and has devices take over their own connections and go from one gateway to another. Then it lets everything settle and does the books. No assertions; the report says what is wrong.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Metrics } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import type { Frame } from '../support/frames.ts';
import { type HubProcess, startHub } from '../support/hub-process.ts';
import { Random } from '../support/random.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { WAIT_MS } from '../support/waits.ts';
import { imbalance, problemsOf } from './books.ts';
import { Follower } from './follower.ts';
import { RecoveringClient } from './recovering-client.ts';
import { Sender } from './sender.ts';
import { Site, type SiteDevice } from './site.ts';

export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly fanoutWorkers: number;
  readonly ingestWorkers: number;
  /** Time between two threads that are killed: a hub ends when more than five die in a minute. */
  readonly killEveryMs: number;
}

export interface ChaosReport {
  readonly problems: readonly string[];
  readonly sent: number;
  readonly delivered: number;
  readonly gaps: number;
  readonly ownerRestarts: number;
  readonly fanoutRestarts: number;
  readonly ingestRestarts: number;
  /** Times that a device connected again. */
  readonly deviceReconnects: number;
  /** Times that a gateway connected again. */
  readonly gatewayReconnects: number;
  readonly lostWithOwners: number;
  readonly reconnects: number;
  /** Times that a client came back and recovered what it had missed. */
  readonly recoveries: number;
}

const DEVICES = 12;
/** The last ones speak through gateways, which are cut and come back. */
const BEHIND_GATEWAYS = 4;
const GATEWAYS = ['gw-0', 'gw-1'];
const DIRECT = 8;
const PROXIED = 6;
/** Of the clients that recover, each second one follows a filter. */
const RECOVERING = 4;
const PRIORITIES = ['low', 'normal', 'normal', 'high'] as const;
const TICK_MS = 10;
const REPLACE_EVERY_MS = 50;
/** What a subscriber beyond is told of lately: small queues make laggards. */
const QUEUE_BYTES = '16384';
const DENIED = 'denied';
const LAST_EVENTS_MS = 4000;
const LAST_EVENTS_TRIES = 6;

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const numbers = new Random(options.seed);
  const random = () => numbers.next();
  const hub = await startHub({
    DAT_FAULT_INJECTION: 'true',
    DAT_FANOUT_WORKERS: String(options.fanoutWorkers),
    DAT_INGEST_WORKERS: String(options.ingestWorkers),
    DAT_DEVICE_RATE: '0',
    DAT_SEND_QUEUE_BYTES: QUEUE_BYTES,
    DAT_LOG_LEVEL: 'warn',
  });
  const proxy = await TcpProxy.start(hub.subscriberPort);
  const names = Array.from({ length: DEVICES }, (_, n) => `dev-${n}`);
  const gatewayProxy = await TcpProxy.start(hub.devicePort);
  const site = new Site(GATEWAYS, gatewayProxy.port);
  await site.connect();
  const fleet = names.map((name, n) =>
    n < DEVICES - BEHIND_GATEWAYS ? new Sender(name, hub.devicePort) : site.device(name),
  );
  await Promise.all(fleet.map((device) => device.connect()));
  await eventually('the fleet is known', async () => !Number.isNaN(await numbersOf(hub, names)));
  const unheard = await numbersOf(hub, names);
  const some = () => names.filter((_, n) => n === 0 || random() < 0.5);
  const followers = [
    ...Array.from(
      { length: DIRECT },
      (_, n) => new Follower(`direct-${n}`, some(), () => hub.subscriberPort, n % 2 === 1),
    ),
    ...Array.from(
      { length: PROXIED },
      (_, n) => new Follower(`proxied-${n}`, some(), () => proxy.port, n % 2 === 1),
    ),
    ...Array.from({ length: RECOVERING }, (_, n) =>
      n % 2 === 0
        ? new RecoveringClient(`recovering-${n}`, some(), n < 2 ? proxy.port : hub.subscriberPort)
        : new RecoveringClient(`filtering-${n}`, names, n < 2 ? proxy.port : hub.subscriberPort, ['dev-*']),
    ),
  ];
  const denied = new Follower(DENIED, names, () => hub.subscriberPort);
  for (const follower of [...followers, denied]) follower.start();
  const stopped = new StoppedReader(hub.subscriberPort, 'stopped', names);
  await eventually('all follow', () => [...followers, denied].every(({ isWelcome }) => isWelcome));
  await admin(hub, 'PUT', `/v1/devices/dev-0/subscribers/${DENIED}`, { status: 'deny' });
  const deniedAfter = (await fleet[0]!.publish({ type: 'message', data: 'denied from here' })).seq;

  let sent = 0;
  const endAt = performance.now() + options.seconds * 1000;
  const killing = killInTurns(hub, options, endAt);
  const breaking = breakPeers(proxy, stopped, random, endAt);
  const replacing = replaceDevices(fleet, new Random(options.seed + 1), endAt);
  const cutting = cutGateways(gatewayProxy, new Random(options.seed + 2), endAt);
  while (performance.now() < endAt) {
    for (const device of fleet) {
      const priority = PRIORITIES[Math.floor(random() * PRIORITIES.length)];
      const pad = 'x'.repeat(Math.floor(random() * 400));
      device.send({ type: 'message', priority, data: { n: sent++, pad } });
    }
    await sleep(TICK_MS);
  }
  await Promise.all([killing, breaking, replacing, cutting]);
  proxy.throttle(0);
  stopped.goOn();
  await eventually('the hub is ready', async () => (await admin(hub, 'GET', '/readyz')).ok);
  await eventually('the fleet is back', () => fleet.every(({ isConnected }) => isConnected));
  const lost = () => followers.filter(({ isWelcome }) => !isWelcome).map(({ account }) => account);
  await eventually(
    () =>
      `all follow again, but these do not:\n${lost().join('\n')}\nthe hub said:\n${hub.stderr().slice(-2000)}`,
    () => followers.every(({ isWelcome }) => isWelcome),
  );
  const lasts = await lastEvents(fleet, names, followers);
  const missing = lasts.every(({ seq }, n) => everybodyHas(followers, names[n]!, seq))
    ? []
    : ['not everybody got the last events'];

  const metrics = new Metrics(await (await admin(hub, 'GET', '/metrics')).text());
  const dropped = (reason: string) => metrics.value('dat_deliveries_dropped_total', { reason });
  const numbered = lasts.reduce((sum, { seq }) => sum + seq, 0);
  const books = imbalance({
    received: metrics.value('dat_events_received_total'),
    skipped: 0, // they are messages, which take numbers in a hub that keeps history though nobody listens
    refused: dropped('ingest_full'),
    ownerRestart: dropped('owner_restart'),
    replaced: dropped('replaced'),
    numbered: numbered - unheard - (await stateEvents(followers)),
  });
  for (const follower of [...followers, denied]) await follower.stop();
  await stopped.end();
  const accounts = [...followers, denied, stopped];
  const problems = [...missing, ...accounts.flatMap(problemsOf)];
  if (books !== undefined) problems.push(books);
  for (const frame of denied.connections.flat()) {
    if (frame.op === 'event' && frame.device === 'dev-0' && frame.seq! >= deniedAfter)
      problems.push(`${DENIED} got dev-0 ${frame.seq}, denied from ${deniedAfter} on`);
  }
  for (const device of fleet) device.stop();
  site.stop();
  await Promise.all([proxy.stop(), gatewayProxy.stop()]);
  const code = await hub.stop();
  if (code !== 0) problems.push(`the hub ended with ${code}: ${hub.stderr().slice(-2000)}`);
  const frames = accounts.flatMap(({ connections }) => connections.flat());
  return {
    problems,
    sent,
    delivered: frames.filter(({ op }) => op === 'event').length,
    gaps: frames.filter(({ op }) => op === 'gap').length,
    ownerRestarts: metrics.value('dat_worker_restarts_total', { role: 'owner' }),
    fanoutRestarts: metrics.value('dat_worker_restarts_total', { role: 'fanout' }),
    ingestRestarts: metrics.value('dat_worker_restarts_total', { role: 'ingest' }),
    deviceReconnects: fleet.reduce((sum, one) => sum + ('connections' in one ? one.connections - 1 : 0), 0),
    gatewayReconnects: site.connections - GATEWAYS.length,
    lostWithOwners: dropped('owner_restart'),
    reconnects: accounts.reduce((sum, { connections }) => sum + connections.length - 1, 0),
    recoveries: followers.reduce((sum, one) => sum + ('reconnects' in one ? one.reconnects : 0), 0),
  };
}

/** Numbers that the devices' events have taken so far, together; NaN where the hub does not know all devices. */
async function numbersOf(hub: HubProcess, names: readonly string[]): Promise<number> {
  const entries = await Promise.all(names.map((name) => admin(hub, 'GET', `/v1/devices/${name}`)));
  const devices = await Promise.all(entries.map((answer) => answer.json() as Promise<{ seq?: number }>));
  return devices.reduce((sum, { seq = Number.NaN }) => sum + seq, 0);
}

type AnySender = Sender | SiteDevice;
type AnyFollower = Follower | RecoveringClient;

const everybodyHas = (followers: readonly AnyFollower[], device: string, last: number): boolean =>
  followers
    .filter(({ devices }) => devices.includes(device))
    .every((one) => one.has(({ op, device: of, seq }) => op === 'event' && of === device && seq === last));

/** Publishes until everybody has had one: who was cut off meanwhile is not told what came before it was back. */
async function lastEvents(
  fleet: readonly AnySender[],
  names: readonly string[],
  followers: readonly AnyFollower[],
) {
  for (let tries = 1; ; tries++) {
    const acks = await Promise.all(
      fleet.map((device) => device.publish({ type: 'message', priority: 'low', data: 'the end' })),
    );
    const isLastTry = tries === LAST_EVENTS_TRIES;
    const haveAll = await eventually(
      'all have the last events',
      () => acks.every(({ seq }, n) => everybodyHas(followers, names[n]!, seq)),
      isLastTry ? WAIT_MS : LAST_EVENTS_MS,
    ).catch(() => false);
    if (haveAll || isLastTry) return acks;
  }
}

/** Owner and other threads in turn, by an exception and from outside. */
async function killInTurns(hub: HubProcess, options: ChaosOptions, endAt: number): Promise<void> {
  const { fanoutWorkers, ingestWorkers } = options;
  const faults = [
    { thread: 'owner', how: 'terminate' },
    ...Array.from({ length: Math.max(fanoutWorkers, ingestWorkers) }, (_, worker) => [
      ...(worker < ingestWorkers ? [{ thread: 'ingest', worker }] : []),
      ...(worker < fanoutWorkers ? [{ thread: 'fanout', worker }] : []),
    ]).flat(),
    { thread: 'owner', how: 'throw' },
  ];
  // However late it is, once each: the owner, and an ingest thread where there are any.
  for (let turn = 0; turn < 2 || performance.now() + options.killEveryMs < endAt; turn++) {
    await sleep(options.killEveryMs);
    await admin(hub, 'POST', '/v1/faults', faults[turn % faults.length]);
  }
}

/** Devices connect again beside the connections that they have, or go to another gateway. */
async function replaceDevices(fleet: readonly AnySender[], random: Random, endAt: number): Promise<void> {
  while (performance.now() < endAt) {
    await sleep(REPLACE_EVERY_MS);
    await fleet[Math.floor(random.next() * fleet.length)]!.takeOver();
  }
}

async function cutGateways(proxy: TcpProxy, random: Random, endAt: number): Promise<void> {
  while (performance.now() < endAt) {
    await sleep(300 + random.next() * 900);
    proxy.cut();
  }
}

async function breakPeers(proxy: TcpProxy, stopped: StoppedReader, random: () => number, endAt: number) {
  // It begins with a cut, whatever the seed: in every run somebody has to come back.
  for (let turn = 0; performance.now() < endAt; turn++) {
    const what = turn === 0 ? 0 : Math.floor(random() * 4);
    if (what === 0) proxy.cut();
    else if (what === 1) proxy.throttle(20_000);
    else if (what === 2) proxy.throttle(0);
    else stopped.stop();
    await sleep(300 + random() * 700);
    if (what === 3) stopped.goOn();
  }
}

/** A subscriber in a process that is stopped and goes on. */
class StoppedReader {
  readonly id: string;
  readonly connections: Frame[][] = [];
  readonly #child: ChildProcess;

  constructor(port: number, id: string, devices: readonly string[]) {
    this.id = id;
    const script = new URL('../../dist/test/chaos/stopped-reader.js', import.meta.url).pathname;
    this.#child = spawn(process.execPath, [script, String(port), id, devices.join(',')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface(this.#child.stdout!).on('line', (line) => {
      const frame = JSON.parse(line) as Frame;
      if (frame.op === 'opened') this.connections.push([]);
      else this.connections.at(-1)?.push(frame);
    });
  }

  stop(): void {
    this.#child.kill('SIGSTOP');
  }

  goOn(): void {
    this.#child.kill('SIGCONT');
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.goOn();
    this.#child.stdin!.end();
    await ended;
  }
}

/** Seqs that the hub itself gave away, for what became of its devices. */
async function stateEvents(followers: readonly AnyFollower[]): Promise<number> {
  const seen = new Set<string>();
  for (const { connections } of followers) {
    for (const frame of connections.flat())
      if (frame.op === 'event' && frame.source === 'hub') seen.add(`${frame.device} ${frame.seq}`);
  }
  return seen.size;
}

async function admin(hub: HubProcess, method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`http://127.0.0.1:${hub.adminPort}${path}`, {
    method,
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
}
