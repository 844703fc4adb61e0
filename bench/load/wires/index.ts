/** The wires by name: a generator's process is told a name. */
import { mqttWire } from './mqtt.ts';
import { natsWire } from './nats.ts';
import { nchanWire } from './nchan.ts';
import { socketIoWire } from './socket-io.ts';
import { websocketWire } from './websocket.ts';
import type { Wire } from './wire.ts';

export const wires = {
  websocket: websocketWire(),
  'websocket-binary': websocketWire({ binary: true }),
  'websocket-batch': websocketWire({ batch: true }),
  'websocket-binary-batch': websocketWire({ binary: true, batch: true }),
  'socket.io': socketIoWire,
  mqtt: mqttWire,
  nats: natsWire,
  nchan: nchanWire,
} as const satisfies Record<string, Wire>;

export type WireName = keyof typeof wires;
