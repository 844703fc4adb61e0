/**
 * `npm run bench:cluster-cross`: what an event takes that crosses, beyond one that does not. The same load on one hub, and
 * with its devices on hub a and its subscribers on hub b. What is counted is a window of the load after its start: CPU
 * time by thread and what was sent and lost, from `/metrics`. Latency and books of `dat bench` are those of all the load;
 * it exits with 1 when a delivery was lost, doubled or out of order.
 *
 *   --devices N --rate N --subscribers N --follow N --seconds N    as of `dat bench`
 */
import { numbersOf } from '../load/arguments.ts';
import { cpuUse } from '../load/server-usage.ts';
import { startNats, startNode } from '../peers/clusters.ts';
import { dat } from '../peers/dat.ts';
import { messagesOf, type Samples, scrape } from '../peers/metrics.ts';
import type { Server } from '../peers/peer.ts';
import { type Delivered, datBench, wrongOf } from './dat-bench.ts';

const { devices, rate, subscribers, follow, seconds } = numbersOf('bench:cluster-cross', {
  devices: { default: 1000, least: 1 },
  rate: { default: 10, least: 0.001 },
  subscribers: { default: 100, least: 1 },
  follow: { default: 100, least: 1 },
  seconds: { default: 8, least: 1 },
});
/** Of the load, before what is counted: threads have what they need compiled, and all is followed. */
const WARM_UP_SECONDS = 6;
const LOOK_MS = 50;
const START_MS = 20_000;

function load(from: Server, to: Server): Promise<Delivered> {
  const { deviceUrl } = from.target;
  return datBench({ deviceUrl, subscriberUrl: to.target.subscriberUrl }, [
    ...[
      '--devices',
      `${devices}`,
      '--rate',
      `${rate}`,
      '--subscribers',
      `${subscribers}`,
      '--follow',
      `${follow}`,
    ],
    ...['--duration', `${seconds + 2}`, '--warmup', `${WARM_UP_SECONDS}`],
  ]);
}

/** Differences that are not 0, of samples that are of interest here. */
function changes(before: Samples, after: Samples): Map<string, number> {
  const wanted =
    /^dat_(thread_cpu_seconds_total|deliveries_total|deliveries_dropped_total|cluster_\w+_total)/;
  const all = [...after].filter(([name]) => wanted.test(name));
  return new Map(
    all
      .map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const)
      .filter(([, value]) => value > 0),
  );
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until devices send. */
async function started(server: Server): Promise<void> {
  const before = messagesOf(await scrape(server));
  const endMs = performance.now() + START_MS;
  while (messagesOf(await scrape(server)) === before) {
    if (performance.now() > endMs) throw new Error('no device sends');
    await pause(LOOK_MS);
  }
}

/** @returns CPU time of the hubs for each event, µs */
async function measure(
  name: string,
  servers: readonly Server[],
  natsPids: readonly number[],
): Promise<number> {
  const pids = servers.flatMap((server) => [...server.pids()]);
  const look = async () => {
    const samples = await Promise.all(servers.map(scrape));
    return { samples, hubsUs: cpuUse(pids).totalUs, natsUs: cpuUse(natsPids).totalUs };
  };
  const loaded = load(servers[0]!, servers.at(-1)!);
  await Promise.race([started(servers[0]!), loaded]); // where the load does not start, it says why
  await pause(WARM_UP_SECONDS * 1000);
  const before = await look();
  await pause(seconds * 1000);
  const after = await look();
  const result = await loaded;
  const { lost, told, p50, p99, generatorLimit } = result;
  if (wrongOf(result) > 0) process.exitCode = 1;
  const events = messagesOf(after.samples[0]!) - messagesOf(before.samples[0]!);
  const hubs = (after.hubsUs - before.hubsUs) / events;
  console.log(
    `${name}  ${events} events in the window  hubs ${hubs.toFixed(2)} µs per event  ` +
      `NATS ${((after.natsUs - before.natsUs) / events).toFixed(2)} µs   p50 ${p50.toFixed(2)} p99 ${p99.toFixed(2)} ms   ` +
      `all of the load: ${lost} lost, ${told} told  ${generatorLimit ?? ''}`,
  );
  for (const [n, samples] of after.samples.entries()) {
    for (const [sample, value] of changes(before.samples[n]!, samples)) {
      const isTime = sample.includes('cpu_seconds');
      const text = isTime ? `${((value * 1e6) / events).toFixed(2)} µs per event` : String(value);
      console.log(`  ${'ab'[n]}  ${sample.padEnd(60)} ${text}`);
    }
  }
  return hubs;
}

const alone = await dat().start();
let one = 0;
try {
  one = await measure('one hub ', [alone], []);
} finally {
  await alone.stop();
}
const nats = await startNats();
const hubs: Server[] = [];
try {
  for (const node of ['a', 'b']) hubs.push(await startNode(nats, node));
  const two = await measure('two hubs', hubs, [nats.spawned.child.pid!]);
  console.log(`an event that crosses takes both hubs ${(two - one).toFixed(2)} µs more`);
} finally {
  await Promise.all(hubs.map((hub) => hub.stop()));
  await nats.stop();
}
