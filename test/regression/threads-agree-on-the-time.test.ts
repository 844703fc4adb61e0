import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';

const built = new URL('../../dist/src/clock.js', import.meta.url).href;
/** Reports its clock when it is asked, and keeps the core busy as a thread that starts beside others has it. */
const thread = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData).then(({ systemClock }) => {
    parentPort.on('message', () => parentPort.postMessage(systemClock.now()));
    parentPort.postMessage('ready');
  });
`;

describe('the clocks of threads that start all at once', () => {
  let workers: Worker[] = [];
  beforeAll(async () => {
    workers = Array.from({ length: 12 }, () => new Worker(thread, { eval: true, workerData: built }));
    await Promise.all(
      workers.map(
        (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
      ),
    );
  });
  afterAll(() => Promise.all(workers.map((worker) => worker.terminate())));

  it('agree: no answer is from before it was asked for, nor from after it came', async () => {
    for (const worker of workers) {
      for (let asked = 0; asked < 20; asked++) {
        const before = systemClock.now();
        const answer = new Promise<number>((resolve) => worker.once('message', resolve));
        worker.postMessage('now');
        const there = await answer;
        const after = systemClock.now();
        expect(there).toBeGreaterThan(before - 0.2);
        expect(there).toBeLessThan(after + 0.2);
      }
    }
  });
});
