/** All that is compared, by name. */
import { mosquitto, natsServer, nchan } from './brokers.ts';
import { dat } from './dat.ts';
import type { Peer } from './peer.ts';
import { socketIo, uwsNaive, wsLoop } from './scripts.ts';

export const peers: readonly Peer[] = [dat(), uwsNaive, wsLoop, socketIo, mosquitto, natsServer, nchan];
