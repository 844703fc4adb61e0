/** A generator process: plays the sender, receiver or disturber of a run. */
import { servePart } from '../../src/cli/bench/part.ts';
import { Receiver } from '../../src/cli/bench/receiver.ts';
import { Sender } from '../../src/cli/bench/sender.ts';
import { Disturber } from './disturber.ts';
import { wires } from './wires/index.ts';

servePart({
  sender: (order) => Sender.open(order, wires),
  receiver: (order) => Receiver.open(order, wires),
  disturber: (order) => Disturber.open(order),
});
