import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';

/** Pauses in a thread of its own, for longer than any test takes. Runs on the built files: a worker has no TypeScript. */
function pausing(memory: SharedArrayBuffer): Worker {
  const doorbell = new URL('../../dist/src/memory/doorbell.js', import.meta.url).href;
  const body = `
    const { workerData } = require('node:worker_threads');
    import(workerData.doorbell).then(({ Sleeper }) => new Sleeper(workerData.memory).pause(600_000));
  `;
  return new Worker(body, { eval: true, workerData: { memory, doorbell } });
}

it('leaves who pauses alone, until a ring fills up', async () => {
  const memory = createDoorbell();
  const worker = pausing(memory);
  onTestFinished(async () => void (await worker.terminate()));
  const ended = once(worker, 'exit');
  let wakes = 0;
  const ringer = new Ringer(memory, (word) => {
    wakes += 1;
    Atomics.notify(word, 0);
  });
  while (wakes === 0) {
    ringer.ring();
    expect(wakes).toBe(0);
    ringer.hurry(); // does nothing until the thread pauses
    await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
});
