/** The wires by name: a generator's process is told a name. */
import { mqttWires } from '../../../src/cli/bench/wires/mqtt.ts';
import { websocketWire, websocketWires } from '../../../src/cli/bench/wires/websocket.ts';
import type { Wires } from '../../../src/cli/bench/wires/wire.ts';
import { natsWire } from './nats.ts';
import { nchanWire } from './nchan.ts';
import { socketIoWire } from './socket-io.ts';

export const wires = {
  ...websocketWires,
  ...mqttWires,
  'websocket-silent': websocketWire({ isSilent: true }),
  'socket.io': socketIoWire,
  nats: natsWire,
  nchan: nchanWire,
} as const satisfies Wires;

export type WireName = keyof typeof wires;
