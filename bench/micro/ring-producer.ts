/** The writing side of `ring-threads.ts`: fills the ring as fast as it takes records. */
import { workerData } from 'node:worker_threads';
import { RingProducer, Share } from '../../src/memory/ring.ts';

const { memory, records, bytes } = workerData as {
  readonly memory: SharedArrayBuffer;
  readonly records: number;
  readonly bytes: number;
};
/** The hub commits once per poll, not once per record. */
const COMMIT_EVERY = 32;

const payload = new Uint8Array(bytes).fill(0x78);
const producer = new RingProducer(memory);
for (let record = 0; record < records; ) {
  const offset = producer.claim(1, bytes, Share.control);
  if (offset >= 0) {
    producer.views.u8.set(payload, offset);
    producer.views.u32[offset >> 2] = record;
    record += 1;
  }
  if (offset < 0 || record % COMMIT_EVERY === 0) producer.commit();
}
producer.commit();
