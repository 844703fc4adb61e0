/** A ring on which a test writes one record and reads it back. No assertions. */
import {
  createRing,
  type RecordViews,
  RingConsumer,
  RingProducer,
  ringBytesFor,
} from '../../src/memory/ring.ts';

export interface ReadBack<Values> {
  readonly kind: number;
  readonly bytes: number;
  readonly values: Values;
}

/** @param before bytes of another record in front of it, which are not zero afterwards either */
export function readBack<Values>(
  write: (ring: RingProducer) => void,
  read: (views: RecordViews, offset: number) => Values,
  before = 0,
): ReadBack<Values> {
  const memory = createRing(ringBytesFor(64 * 1024));
  new Uint8Array(memory, 256).fill(0xa5); // what an earlier lap left
  const [producer, consumer] = [new RingProducer(memory), new RingConsumer(memory)];
  if (before > 0) producer.claimControl(99, before);
  write(producer);
  producer.commit();
  if (before > 0) consumer.next();
  const offset = consumer.next();
  return { kind: consumer.kind, bytes: consumer.bytes, values: read(consumer.views, offset) };
}
