import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createRing, RingConsumer } from '../../src/memory/ring.ts';

const RECORDS = 2_000_000;
const KIND = 7;

/** Pushes numbered records of varying length as fast as they fit; runs the built ring. */
const producer = `
const { workerData } = require('node:worker_threads');
import(workerData.ring).then(({ RingProducer, Share }) => {
  const ring = new RingProducer(workerData.memory);
  for (let i = 0; i < ${RECORDS}; ) {
    const offset = ring.claim(${KIND}, 8 + (i % 57), Share.high);
    if (offset < 0) continue;
    ring.views.u32[offset >> 2] = i;
    ring.views.u32[(offset >> 2) + 1] = Math.imul(i, 0x9e3779b1) >>> 0;
    ring.publish();
    i += 1;
  }
});
`;

describe('a ring between two threads', () => {
  it('carries millions of records in order through wrap-around and full, none lost or torn', async () => {
    const memory = createRing(8192);
    const ring = new URL('../../dist/src/memory/ring.js', import.meta.url).href;
    const worker = new Worker(producer, { eval: true, workerData: { memory, ring } });
    const failed = new Promise<never>((_, reject) => worker.once('error', reject));
    const consumer = new RingConsumer(memory);
    let expected = 0;
    let wrong = 0;
    const consume = async (): Promise<void> => {
      while (expected < RECORDS) {
        let done = 0;
        for (let offset = consumer.next(); offset >= 0; offset = consumer.next()) {
          const number = consumer.views.u32[offset >> 2]!;
          const check = consumer.views.u32[(offset >> 2) + 1]!;
          if (number !== expected || check !== Math.imul(number, 0x9e3779b1) >>> 0) wrong += 1;
          if (consumer.bytes !== 8 + (expected % 57) || consumer.kind !== KIND) wrong += 1;
          expected += 1;
          if (++done === 64) break;
        }
        consumer.release();
        if (done === 0) await new Promise<void>((resolve) => setImmediate(resolve));
      }
    };
    await Promise.race([consume(), failed]);
    expect({ expected, wrong }).toEqual({ expected: RECORDS, wrong: 0 });
    await worker.terminate();
  }, 60_000);
});
