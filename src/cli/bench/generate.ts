/** The generator process of `dat bench`. */
import { servePart } from './part.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import { mqttWires } from './wires/mqtt.ts';
import { websocketWires } from './wires/websocket.ts';

const wires = { ...websocketWires, ...mqttWires };

servePart({
  sender: (order) => Sender.open(order, wires),
  receiver: (order) => Receiver.open(order, wires),
});
