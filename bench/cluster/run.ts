/**
 * `npm run bench:cluster`: what peers of one hub notice when another joins, and when another dies with many devices that
 * are followed here. Hubs as processes with a NATS server, on loopback; `dat bench` measures the peers of hub b. Exits with
 * 1 when one of these lost something, or not all were told of the death.
 *
 *   --devices N     on hub a, behind a gateway, default 10000
 *   --followers N   on hub b, default 1000; together they follow every device
 *   --seconds N     length of each measurement, default 10
 */
import { WebSocket } from 'ws';
import { connectGateway } from '../../src/client/index.ts';
import { numbersOf } from '../load/arguments.ts';
import { type Nats, startNats, startNode } from '../peers/clusters.ts';
import type { Server } from '../peers/peer.ts';
import { type Delivered, datBench, wrongOf } from './dat-bench.ts';

const { devices, followers, seconds } = numbersOf('bench:cluster', {
  devices: { default: 10_000, least: 1 },
  followers: { default: 1000, least: 1 },
  seconds: { default: 10, least: 1 },
});

const LOCAL = ['--devices', '200', '--rate', '10', '--subscribers', '40', '--follow', '10', '--warmup', '2'];
const OPENING = 500;
/** From the start of a measurement, its warm-up included. */
const ACT_MS = 4000;
/** Short, so that all are told while the peers are measured. */
const GRACE_MS = 3000;
/** From the death of a hub until a measurement ends: the time-out, the grace, and as long again for the tidying up. */
const DEATH_SECONDS = 16;
/** Beyond the leave grace. */
const TOLD_MS = 20_000;
const deviceId = (n: number): string => `dev-${n}`;

/** What the peers of a hub have of each other: devices and subscribers that are all connected to it. */
async function local({ target }: Server, forSeconds = seconds): Promise<Delivered> {
  const result = await datBench(target, ['--duration', `${forSeconds}`, ...LOCAL]);
  if (wrongOf(result) > 0) process.exitCode = 1;
  return result;
}

/** All devices at a hub, on one connection. */
async function connectDevices({ target }: Server): Promise<void> {
  const gateway = connectGateway({
    url: target.deviceUrl,
    id: 'gateway',
    WebSocket,
    queueLimit: OPENING + 1,
  });
  for (let first = 0; first < devices; first += OPENING) {
    const some = Array.from({ length: Math.min(OPENING, devices - first) }, (_, n) => deviceId(first + n));
    await Promise.all(some.map((id) => gateway.device(id).open()));
  }
}

/** Followers at a hub, and how many times they were told that a node is lost. */
class Followers {
  told = 0;
  lastToldAtMs = 0;
  readonly #sockets: WebSocket[] = [];

  async open({ target }: Server): Promise<void> {
    const each = devices / followers;
    for (let n = 0; n < followers; n++) {
      const first = Math.floor(n * each);
      const ids = Array.from({ length: Math.floor((n + 1) * each) - first }, (_, k) => deviceId(first + k));
      const url = `${target.subscriberUrl}/v1/subscribe?id=follower-${n}&devices=${ids.join(',')}`;
      const socket = new WebSocket(url);
      this.#sockets.push(socket);
      socket.on('message', (data) => {
        const told = String(data).split('"node lost"').length - 1;
        this.told += told;
        if (told > 0) this.lastToldAtMs = performance.now();
      });
      await new Promise<void>((resolve, reject) => {
        socket.on('message', (data) => {
          if (String(data).includes('"subscribed"')) resolve();
        });
        socket.once('error', reject);
      });
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate();
  }
}

const text = ({ p50, p99, lost, generatorLimit }: Delivered): string =>
  `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, ${lost} lost${generatorLimit === null ? '' : ` (${generatorLimit})`}`;
const ratio = (one: Delivered, other: Delivered): string => `p99 ${(one.p99 / other.p99).toFixed(2)} ×`;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function scenario(nats: Nats, servers: Server[]): Promise<void> {
  const start = async (node: string): Promise<Server> => {
    const server = await startNode(nats, node, { DAT_DEVICE_LEAVE_GRACE_MS: String(GRACE_MS) });
    servers.push(server);
    return server;
  };
  const [a, b] = await Promise.all([start('a'), start('b')]);
  const all = new Followers();
  let atMs = performance.now();
  await connectDevices(a);
  console.log(`connect  ${devices} devices in ${(performance.now() - atMs).toFixed(0)} ms`);
  atMs = performance.now();
  await all.open(b);
  console.log(`follow   ${followers} remote followers in ${(performance.now() - atMs).toFixed(0)} ms`);
  const alone = await local(b);
  console.log(`alone    ${text(alone)}`);

  const joining = local(b);
  await pause(ACT_MS);
  atMs = performance.now();
  await start('c');
  console.log(`join     a third hub is in after ${(performance.now() - atMs).toFixed(0)} ms`);
  const beside = await joining;
  console.log(`join     ${text(beside)}; ${ratio(beside, alone)}`);

  const dying = local(b, DEATH_SECONDS);
  await pause(ACT_MS);
  for (const pid of a.pids()) process.kill(pid, 'SIGKILL');
  atMs = performance.now();
  const left = await dying;
  while (all.told < devices && performance.now() - atMs < GRACE_MS + TOLD_MS) await pause(10);
  console.log(`death    ${text(left)}; ${ratio(left, alone)}`);
  const beyondS = (all.lastToldAtMs - atMs - GRACE_MS) / 1000;
  console.log(
    `death    ${all.told} of ${devices} told; the last one ${beyondS.toFixed(1)} s after the leave grace`,
  );
  all.close();
  if (all.told !== devices) process.exitCode = 1;
}

const servers: Server[] = [];
const nats = await startNats();
try {
  await scenario(nats, servers);
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  await nats.stop();
}
process.exit();
