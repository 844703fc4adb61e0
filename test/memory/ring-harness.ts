/** A small ring of one thread, and all that is in it. No assertions. */
import {
  createRing,
  RING_BYTES_MIN,
  RingConsumer,
  RingProducer,
  recordBytesMax,
} from '../../src/memory/ring.ts';

export const BYTES = RING_BYTES_MIN;
export const BYTES_MAX = recordBytesMax(BYTES);

export function open(bytes = BYTES): {
  memory: SharedArrayBuffer;
  producer: RingProducer;
  consumer: RingConsumer;
} {
  const memory = createRing(bytes);
  return { memory, producer: new RingProducer(memory), consumer: new RingConsumer(memory) };
}

/** Kind and payload of all that can be read; gives the room back. */
export function drain(consumer: RingConsumer): { kind: number; payload: number[] }[] {
  const records: { kind: number; payload: number[] }[] = [];
  for (let offset = consumer.next(); offset >= 0; offset = consumer.next()) {
    const payload = [...consumer.views.u8.subarray(offset, offset + consumer.bytes)];
    records.push({ kind: consumer.kind, payload });
  }
  consumer.release();
  return records;
}

/** How many records of 64 bytes with header are let in. */
export function fill(producer: RingProducer, share: number): number {
  let count = 0;
  while (producer.claim(1, 56, share) >= 0) count += 1;
  return count;
}
