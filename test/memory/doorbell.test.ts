import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDoorbell, Ringer, Sleeper } from '../../src/memory/doorbell.ts';

/** Pauses in a thread of its own, for longer than any test takes. Runs on the built files: a worker has no TypeScript. */
function pausing(memory: SharedArrayBuffer): Worker {
  const doorbell = new URL('../../dist/src/memory/doorbell.js', import.meta.url).href;
  const body = `
    const { workerData } = require('node:worker_threads');
    import(workerData.doorbell).then(({ Sleeper }) => new Sleeper(workerData.memory).pause(600_000));
  `;
  return new Worker(body, { eval: true, workerData: { memory, doorbell } });
}

describe('a doorbell', () => {
  it('wakes who sleeps, once per sleep, and nobody who is awake', () => {
    const memory = createDoorbell();
    const sleeper = new Sleeper(memory);
    let wakes = 0;
    const ringers = [1, 2].map(
      () =>
        new Ringer(memory, () => {
          wakes += 1;
        }),
    );
    const ringAll = (): void => {
      for (const ringer of ringers) ringer.ring();
    };
    ringAll();
    expect(wakes).toBe(0);
    sleeper.announce();
    ringAll();
    expect(wakes).toBe(1);
    sleeper.announce();
    sleeper.cancel();
    ringAll();
    expect(wakes).toBe(1);
  });

  it('wakes who dozes for what somebody waits for, and who sleeps for anything', () => {
    const memory = createDoorbell();
    const sleeper = new Sleeper(memory);
    let wakes = 0;
    const ringer = new Ringer(memory, () => {
      wakes += 1;
    });
    const wakesBy = (ring: () => void): number => {
      const before = wakes;
      ring();
      ring();
      return wakes - before;
    };
    sleeper.announceDoze();
    expect(wakesBy(() => ringer.ringSoftly())).toBe(0);
    expect(wakesBy(() => ringer.ring())).toBe(1);
    sleeper.announceDoze();
    expect(wakesBy(() => ringer.hurry())).toBe(1);
    sleeper.announce();
    expect(wakesBy(() => ringer.ringSoftly())).toBe(1);
  });

  it('does not block who was rung after the announcement', () => {
    const memory = createDoorbell();
    const sleeper = new Sleeper(memory);
    for (const announce of [() => sleeper.announce(), () => sleeper.announceDoze()]) {
      announce();
      new Ringer(memory).ring();
      sleeper.block(600_000);
    }
  });

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
});
