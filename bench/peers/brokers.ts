/** Brokers from packages of the distribution, each with a minimal configuration, on loopback. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WireName } from '../load/wires/index.ts';
import { localTarget, type Peer } from './peer.ts';
import {
  allOrNone,
  childrenOf,
  freePort,
  isInstalled,
  listening,
  start,
  temporaryFolder,
} from './processes.ts';

const MOSQUITTO_CONF = (port: number): string => `listener ${port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
log_type error
`;

/** This version does not start with WebSocket listeners alone. */
const MOSQUITTO_WEBSOCKET_CONF = (
  port: number,
  _folder: string,
  sparePort: number,
): string => `listener ${sparePort} 127.0.0.1
${MOSQUITTO_CONF(port).replace('\n', '\nprotocol websockets\n')}`;

const NATS_CONF = (port: number): string => `host: 127.0.0.1
port: ${port}
max_connections: 64K
max_subscriptions: 0
`;

const NGINX_CONF = (port: number, folder: string): string => `load_module modules/ngx_nchan_module.so;
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log error;
events { worker_connections 18000; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  nchan_shared_memory_size 512M;
  nchan_max_channel_id_length 8192;
  server {
    listen 127.0.0.1:${port};
    location ~ ^/pub/(.+)$ { nchan_publisher websocket; nchan_channel_id $1; nchan_message_buffer_length 0; }
    location ~ ^/sub/(.+)$ {
      nchan_subscriber websocket;
      nchan_channel_id $1;
      nchan_channel_id_split_delimiter ",";
      nchan_subscriber_first_message newest;
    }
  }
}
`;

interface Broker {
  readonly name: string;
  readonly command: string;
  readonly wire: WireName;
  /** Files that must be there beside the command. */
  readonly needs?: string;
  /** @param sparePort another free port */
  config(port: number, folder: string, sparePort: number): string;
  args(configFile: string): readonly string[];
  readonly cannot?: Peer['cannot'];
}

function broker({ name, command, wire, needs, config, args, cannot }: Broker): Peer {
  return {
    name,
    cannot(shape) {
      if (!isInstalled(command)) return `${command} is not installed`;
      if (needs !== undefined && !exists(needs)) return `${needs} is not installed`;
      return cannot?.(shape);
    },
    start: () =>
      allOrNone(async (stops) => {
        const folder = temporaryFolder(name);
        stops.push(folder.remove);
        const port = await freePort();
        const file = join(folder.path, 'server.conf');
        writeFileSync(file, config(port, folder.path, await freePort()));
        const script = `PATH="$PATH:/usr/sbin"; exec ${command} ${args(file).join(' ')}`;
        const spawned = start('sh', ['-c', script]);
        await listening(port, spawned);
        return {
          target: localTarget(wire, port),
          pids: () => [spawned.child.pid!, ...childrenOf(spawned.child.pid!)],
          async stop() {
            await spawned.stop();
            folder.remove();
          },
        };
      }),
  };
}

export const mosquitto = broker({
  name: 'mosquitto',
  command: 'mosquitto',
  wire: 'mqtt-tcp',
  config: MOSQUITTO_CONF,
  args: (file) => ['-c', file],
});

/** The same broker and the same packets over WebSocket. */
export const mosquittoWebSocket = broker({
  name: 'mosquitto-ws',
  command: 'mosquitto',
  wire: 'mqtt-websocket',
  config: MOSQUITTO_WEBSOCKET_CONF,
  args: (file) => ['-c', file],
});

export const natsServer = broker({
  name: 'nats-server',
  command: 'nats-server',
  wire: 'nats',
  config: NATS_CONF,
  args: (file) => ['-c', file],
});

/** Channels that nchan multiplexes into one subscription. */
const NCHAN_CHANNELS_MAX = 255;

export const nchan = broker({
  name: 'nginx-nchan',
  command: 'nginx',
  needs: '/usr/lib/nginx/modules/ngx_nchan_module.so',
  wire: 'nchan',
  config: NGINX_CONF,
  args: (file) => ['-c', file],
  cannot({ following, disturbance, subscribers }) {
    if (following > NCHAN_CHANNELS_MAX) return `it multiplexes ${NCHAN_CHANNELS_MAX} channels at most`;
    if (disturbance?.followsPerSecond !== undefined) return 'its subscriptions are fixed by the URL';
    return subscribers === 0 ? 'it keeps no account of readers to skip work by' : undefined;
  },
});

function exists(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}
