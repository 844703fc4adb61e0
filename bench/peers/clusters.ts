/** Two servers that act as one, with all devices at the first and all subscribers at the second: every event crosses. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dat } from './dat.ts';
import { localTarget, type Peer, type Server } from './peer.ts';
import {
  allOrNone,
  freePort,
  isInstalled,
  listening,
  type Spawned,
  start,
  temporaryFolder,
} from './processes.ts';
import { cannotFollowAndLeave, startScript } from './scripts.ts';

export interface Nats {
  readonly port: number;
  readonly spawned: Spawned;
  stop(): Promise<void>;
}

/** @param config more lines, with the folder that is the server's own */
export function startNats(config: (folder: string) => string = jetStream): Promise<Nats> {
  return allOrNone(async (stops) => {
    const folder = temporaryFolder('nats');
    stops.push(folder.remove);
    const port = await freePort();
    const file = join(folder.path, 'nats.conf');
    writeFileSync(file, `listen: "127.0.0.1:${port}"\nmax_connections: 64K\n${config(folder.path)}\n`);
    const spawned = start('sh', ['-c', `PATH="$PATH:/usr/sbin"; exec nats-server -c ${file}`]);
    await listening(port, spawned);
    return {
      port,
      spawned,
      async stop() {
        await spawned.stop();
        folder.remove();
      },
    };
  });
}

const jetStream = (folder: string): string => `jetstream { store_dir: "${folder}/store" }`;
const cannot: Peer['cannot'] = () =>
  isInstalled('nats-server') ? undefined : 'nats-server is not installed';

/** A hub of a cluster. @param env more settings */
export function startNode(nats: Nats, node: string, env: Record<string, string> = {}): Promise<Server> {
  const cluster = { DAT_NODE_ID: node, DAT_CLUSTER_NATS_URL: `nats://127.0.0.1:${nats.port}` };
  return dat(node, { env: { ...cluster, ...env } }).start();
}

/** @param withNats whether the CPU time of the NATS server counts too */
function twoHubs(name: string, withNats: boolean): Peer {
  return {
    name,
    isHub: true,
    cannot,
    start: () =>
      allOrNone(async (stops) => {
        const nats = await startNats();
        stops.push(() => nats.stop());
        const a = await startNode(nats, 'a');
        stops.push(() => a.stop());
        const b = await startNode(nats, 'b');
        return {
          target: { ...a.target, subscriberUrl: b.target.subscriberUrl },
          pids: () => [...a.pids(), ...b.pids(), ...(withNats ? [nats.spawned.child.pid!] : [])],
          async stop() {
            await Promise.all([a.stop(), b.stop()]);
            await nats.stop();
          },
        };
      }),
  };
}

/** Two hubs and their NATS server. */
export const datCluster = twoHubs('dat-cluster', true);
/** The same, without what the NATS server takes. */
export const datClusterHubs = twoHubs('dat-cluster-hubs', false);

/** Two servers of NATS with a route between them. */
export const natsCluster: Peer = {
  name: 'nats-cluster',
  cannot,
  start: () =>
    allOrNone(async (stops) => {
      const route = await freePort();
      const first = await startNats(() => `cluster { name: bench, listen: "127.0.0.1:${route}" }`);
      stops.push(() => first.stop());
      const other = `cluster { name: bench, listen: "127.0.0.1:-1", routes: ["nats://127.0.0.1:${route}"] }`;
      const second = await startNats(() => other);
      return {
        target: localTarget('nats', first.port, second.port),
        pids: () => [first.spawned.child.pid!, second.spawned.child.pid!],
        async stop() {
          await second.stop();
          await first.stop();
        },
      };
    }),
};

/** Two servers of Socket.IO with its Redis adapter. What Redis takes counts too. */
export const socketIoRedis: Peer = {
  name: 'socket.io-redis',
  cannot: (shape) =>
    isInstalled('redis-server') ? cannotFollowAndLeave(shape) : 'redis-server is not installed',
  start: () =>
    allOrNone(async (stops) => {
      const redisPort = await freePort();
      const options = ['--port', `${redisPort}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
      const redis = start('redis-server', options);
      await listening(redisPort, redis);
      stops.push(() => redis.stop());
      const first = await startScript('socket-io', [`${redisPort}`]);
      stops.push(() => first.spawned.stop());
      const second = await startScript('socket-io', [`${redisPort}`]);
      const all = [first.spawned, second.spawned, redis];
      return {
        target: localTarget('socket.io', first.port, second.port),
        pids: () => all.map(({ child }) => child.pid!),
        async stop() {
          for (const spawned of all) await spawned.stop();
        },
      };
    }),
};
