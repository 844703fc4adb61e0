/** An edge's line to an owner that is not there: what is written is kept in the ring. */
import { OwnerLine } from '../../src/edge/owner-line.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { RingProducer } from '../../src/memory/ring.ts';
import { createTickets, Tickets } from '../../src/records/tickets.ts';

/** @param ring to be read by the test */
export function lineInto(ring: SharedArrayBuffer): OwnerLine {
  return new OwnerLine(new RingProducer(ring), new Ringer(createDoorbell()), new Tickets(createTickets()));
}
