/** Records per second through a ring from one thread to another, both running as fast as they can. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createRing, RingConsumer } from '../../src/memory/ring.ts';

const RING_BYTES = 4 * 1024 * 1024;
const RECORDS = 5_000_000;
const BYTES = 128;
const RELEASE_EVERY = 4096;

/** @throws when a record is missing or out of order */
export async function ringRecordsPerSecond(): Promise<number> {
  const memory = createRing(RING_BYTES);
  const consumer = new RingConsumer(memory);
  const copy = new Uint8Array(BYTES);
  const firstWord = new Uint32Array(copy.buffer);
  const worker = new Worker(new URL('./ring-producer.js', import.meta.url), {
    workerData: { memory, records: RECORDS, bytes: BYTES },
  });
  const ended = once(worker, 'exit');
  await once(worker, 'online');
  // The first records show that the producer is warm; the time counts from there.
  const first = RECORDS / 5;
  let started = 0;
  for (let next = 0; next < RECORDS; ) {
    for (let taken = 0; taken < RELEASE_EVERY; taken++) {
      const offset = consumer.next();
      if (offset < 0) break;
      copy.set(consumer.views.u8.subarray(offset, offset + BYTES));
      if (firstWord[0] !== next) throw new Error(`record ${next} is missing`);
      next += 1;
      if (next === first) started = performance.now();
    }
    consumer.release();
  }
  const seconds = (performance.now() - started) / 1e3;
  await ended;
  return (RECORDS - first) / seconds;
}
