import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createRing, RingConsumer, ringUsedRatio } from '../../src/memory/ring.ts';

const RING_BYTES = 4096; // holds some fifty records: it wraps and fills all the time
const RECORDS = 2_000_000;
const CONTROL_RECORDS = 200_000;
const LAST_KIND = 99;

/** What both ends compute of the n-th record: its kind, its length and its words. */
const rules = `
  const kindOf = (n) => 1 + (n % 7);
  const bytesOf = (n) => 8 + (Math.imul(n, 0x9e3779b1) >>> 26);
  const wordOf = (n, i) => Math.imul(n + i, 0x85ebca6b) >>> 0;
`;

/** Runs on the built files: a worker has no TypeScript. */
const producerOf = (body: string): string => `
  const { parentPort, workerData } = require('node:worker_threads');
  ${rules}
  import(workerData.ring).then(({ RingProducer, Share }) => {
    const ring = new RingProducer(workerData.memory);
    let refused = 0;
    let checksum = 0;
    const write = (offset, n) => {
      const { u8, u32 } = ring.views;
      const bytes = bytesOf(n);
      let i = 0;
      for (; i + 4 <= bytes; i += 4) {
        u32[(offset + i) >> 2] = wordOf(n, i);
        checksum = (Math.imul(checksum, 31) + wordOf(n, i)) | 0;
      }
      for (; i < bytes; i++) u8[offset + i] = (n + i) & 0xff;
    };
    ${body}
    parentPort.postMessage({ refused, checksum });
  });
`;

const retrying = producerOf(`
  const shares = [Share.low, Share.normal, Share.high, Share.control];
  for (let n = 0; n < ${RECORDS}; ) {
    const offset = ring.claim(kindOf(n), bytesOf(n), shares[n & 3]);
    if (offset < 0) {
      refused += 1;
      ring.commit();
      continue;
    }
    write(offset, n);
    n += 1;
    if (n % 3 === 0) ring.commit();
  }
  while (ring.claim(${LAST_KIND}, 0, Share.low) < 0) ring.commit();
  ring.commit();
`);

const spilling = producerOf(`
  for (let n = 0; n < ${CONTROL_RECORDS}; n++) {
    write(ring.claimControl(kindOf(n), bytesOf(n)), n);
    refused = Math.max(refused, ring.spilledCount);
    if (n % 5 === 0) ring.commit();
    while (ring.spilledCount > 20) ring.commit();
  }
  ring.claimControl(${LAST_KIND}, 0);
  while (ring.spilledCount > 0) ring.commit();
  ring.commit();
`);

const { kindOf, bytesOf, wordOf } = new Function(`${rules}; return { kindOf, bytesOf, wordOf };`)() as {
  kindOf(n: number): number;
  bytesOf(n: number): number;
  wordOf(n: number, i: number): number;
};

interface Outcome {
  readonly read: number;
  readonly wrong: number;
  readonly checksum: number;
}

/** Reads until the last record, releasing every few; checks kind, length, order and each byte. */
async function consumeAll(memory: SharedArrayBuffer): Promise<Outcome> {
  const consumer = new RingConsumer(memory);
  const { u8, u32 } = consumer.views;
  let read = 0;
  let wrong = 0;
  let checksum = 0;
  for (let turn = 1; ; turn++) {
    let batch = 0;
    let ended = false;
    for (let offset = consumer.next(); offset >= 0; offset = consumer.next()) {
      if (consumer.kind === LAST_KIND) {
        ended = true;
        break;
      }
      const bytes = bytesOf(read);
      if (consumer.kind !== kindOf(read) || consumer.bytes !== bytes || offset % 8 !== 0) wrong += 1;
      let i = 0;
      for (; i + 4 <= bytes; i += 4) {
        const word = u32[(offset + i) >> 2]!;
        if (word !== wordOf(read, i)) wrong += 1;
        checksum = (Math.imul(checksum, 31) + word) | 0;
      }
      for (; i < bytes; i++) if (u8[offset + i] !== ((read + i) & 0xff)) wrong += 1;
      read += 1;
      if (++batch === 40) break;
    }
    consumer.release();
    if (ended) return { read, wrong, checksum };
    // The loop must turn once in a while, so that the worker's errors and the runner get through.
    if (batch === 0 || turn % 1024 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

async function run(
  producer: string,
): Promise<{ read: Outcome; written: { refused: number; checksum: number }; left: number }> {
  const memory = createRing(RING_BYTES);
  const ring = new URL('../../dist/src/memory/ring.js', import.meta.url).href;
  const worker = new Worker(producer, { eval: true, workerData: { memory, ring } });
  try {
    const failed = new Promise<never>((_, reject) => worker.once('error', reject));
    const written = new Promise<{ refused: number; checksum: number }>((resolve) =>
      worker.once('message', resolve),
    );
    const [read, sums] = await Promise.race([Promise.all([consumeAll(memory), written]), failed]);
    return { read, written: sums, left: ringUsedRatio(memory) };
  } finally {
    await worker.terminate();
  }
}

describe('a small ring between two real threads', () => {
  it('carries two million records of all shares in order, none lost, doubled or torn', async () => {
    const { read, written, left } = await run(retrying);
    expect(read).toEqual({ read: RECORDS, wrong: 0, checksum: written.checksum });
    expect(written.refused).toBeGreaterThan(0); // it was full, or this test shows little
    expect(left).toBe(0);
  });

  it('carries control records in order through the spill, none refused', async () => {
    const { read, written, left } = await run(spilling);
    expect(read).toEqual({ read: CONTROL_RECORDS, wrong: 0, checksum: written.checksum });
    expect(written.refused).toBeGreaterThan(0);
    expect(left).toBe(0);
  });
});
