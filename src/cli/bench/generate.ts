/** The generator process of `dat bench`. */
import { servePart } from './part.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import { websocketWires } from './wires/websocket.ts';

servePart({
  sender: (order) => Sender.open(order, websocketWires),
  receiver: (order) => Receiver.open(order, websocketWires),
});
