/** All that is compared, by name. */
import { mosquitto, mosquittoWebSocket, natsServer, nchan } from './brokers.ts';
import { datCluster, datClusterHubs, natsCluster, socketIoRedis } from './clusters.ts';
import { dat } from './dat.ts';
import type { Peer } from './peer.ts';
import { socketIo, uwsLean, uwsNaive, wsLoop } from './scripts.ts';

/** What is compared only where it is asked for: the hub with other than its defaults, and two servers as one. */
export const variants: readonly Peer[] = [
  dat('dat-binary', { wire: 'websocket-binary' }),
  dat('dat-batch', { wire: 'websocket-batch' }),
  dat('dat-no-history', { env: { DAT_HISTORY_BYTES: '0' } }),
  datCluster,
  datClusterHubs,
  natsCluster,
  socketIoRedis,
];

/** MQTT on both sides, packet for packet: to be compared with each other only. */
export const mqttPeers: readonly Peer[] = [
  dat('dat-mqtt', { wire: 'mqtt-tcp' }),
  dat('dat-mqtt-ws', { wire: 'mqtt-websocket' }),
  mosquittoWebSocket,
];

export const peers: readonly Peer[] = [
  dat(),
  uwsLean,
  uwsNaive,
  wsLoop,
  socketIo,
  mosquitto,
  natsServer,
  nchan,
];
