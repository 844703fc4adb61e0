/** All that is compared, by name. */
import { mosquitto, natsServer, nchan } from './brokers.ts';
import { dat } from './dat.ts';
import type { Peer } from './peer.ts';
import { socketIo, uwsLean, uwsNaive, wsLoop } from './scripts.ts';

/** The hub with what is not its default, to compare it with itself. */
export const variants: readonly Peer[] = [
  dat('dat-binary', { wire: 'websocket-binary' }),
  dat('dat-batch', { wire: 'websocket-batch' }),
  dat('dat-mqtt', { wire: 'mqtt-websocket' }),
  dat('dat-no-history', { env: { DAT_HISTORY_BYTES: '0' } }),
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
