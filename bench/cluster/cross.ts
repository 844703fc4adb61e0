/**
 * `npm run bench:cluster-cross`: what an event takes that crosses, beyond one that does not. The same load on one hub, and
 * with its devices on hub a and its subscribers on hub b; CPU time by thread, from `/metrics`.
 *
 *   --devices N --rate N --subscribers N --follow N --seconds N    as of `dat bench`
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpuUse } from '../load/server-usage.ts';
import { startNats, startNode } from '../peers/clusters.ts';
import { dat } from '../peers/dat.ts';
import type { Server } from '../peers/peer.ts';

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '10' },
    subscribers: { type: 'string', default: '100' },
    follow: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '8' },
  },
});
const { devices, rate, subscribers, follow, seconds } = values;
const WARM_UP_SECONDS = 4;
const DAT = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

interface Bench {
  readonly sent: number;
  readonly expected: number;
  readonly delivered: number;
  readonly told: number;
  readonly lost: number;
  readonly p50: number;
  readonly p99: number;
  readonly generatorLimit: string | null;
}

function load(from: Server, to: Server): Promise<Bench> {
  const args = [
    ...['--devices', devices, '--rate', rate, '--subscribers', subscribers, '--follow', follow],
    ...['--duration', seconds, '--warmup', String(WARM_UP_SECONDS)],
    ...['--device-url', from.target.deviceUrl, '--subscriber-url', to.target.subscriberUrl],
  ];
  const child = spawn(process.execPath, [DAT, 'bench', '--json', ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      const last = output.trim().split('\n').at(-1) ?? '';
      if (last.startsWith('{')) resolve(JSON.parse(last) as Bench);
      else reject(new Error(`dat bench said: ${output}`));
    });
  });
}

type Samples = ReadonlyMap<string, number>;

async function scrape({ adminUrl }: Server): Promise<Samples> {
  const page = await (await fetch(`${adminUrl}/metrics`)).text();
  const lines = page.split('\n').filter((text) => text !== '' && !text.startsWith('#'));
  return new Map(lines.map((text) => [text.slice(0, text.lastIndexOf(' ')), Number(text.split(' ').at(-1))]));
}

/** Differences that are not 0, of samples that are of interest here. */
function changes(before: Samples, after: Samples): Map<string, number> {
  const wanted = /^dat_(thread_cpu_seconds_total|deliveries_dropped_total|cluster_\w+_total)/;
  const all = [...after].filter(([name]) => wanted.test(name));
  return new Map(
    all.map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const).filter(([, value]) => value > 0),
  );
}

/** @returns CPU time of the hubs for each event, µs */
async function measure(name: string, servers: readonly Server[], natsPids: readonly number[]): Promise<number> {
  const used = (pids: readonly number[]): number => cpuUse(pids).totalUs;
  const pids = servers.flatMap((server) => [...server.pids()]);
  const before = await Promise.all(servers.map(scrape));
  const [hubsBefore, natsBefore] = [used(pids), used(natsPids)];
  const bench = await load(servers[0]!, servers.at(-1)!);
  const [hubs, nats] = [used(pids) - hubsBefore, used(natsPids) - natsBefore];
  const after = await Promise.all(servers.map(scrape));
  const { sent, lost, told, p50, p99, generatorLimit } = bench;
  // Connecting is in it on either side; the warm-up's events are in `sent`.
  console.log(
    `${name}  ${sent} events  hubs ${(hubs / sent).toFixed(2)} µs per event  NATS ${(nats / sent).toFixed(2)} µs   ` +
      `p50 ${p50.toFixed(2)} p99 ${p99.toFixed(2)} ms   ${lost} lost, ${told} told  ${generatorLimit ?? ''}`,
  );
  for (const [n, samples] of after.entries()) {
    for (const [sample, value] of changes(before[n]!, samples)) {
      const isTime = sample.includes('cpu_seconds');
      console.log(`  ${'ab'[n]}  ${sample.padEnd(60)} ${isTime ? `${((value * 1e6) / sent).toFixed(2)} µs per event` : value}`);
    }
  }
  return hubs / sent;
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
