import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';

/**
 * Runs on the built files: a worker has no TypeScript. The writer sends as fast as it can through a small log, so that
 * records are overwritten and carried forward under the reader's eyes.
 */
/** What is enough: both go on until it has been reached. */
const ENOUGH = { sent: 300_000, events: 30_000, gaps: 300 };
const DEVICES = 24;

const writing = `
  const { parentPort, workerData } = require('node:worker_threads');
  Promise.all([import(workerData.log), import(workerData.memory), import(workerData.layout), import(workerData.columns)])
    .then(([{ HistoryLog }, { attachHistory }, { attachSlab }, { deviceColumns }]) => {
      const { records, DEVICES } = workerData;
      const words32 = new Int32Array(workerData.shared);
      const devices = attachSlab(deviceColumns, workerData.devices);
      const log = new HistoryLog(attachHistory(workerData.history), devices, 100);
      const memory = new ArrayBuffer(1024);
      const views = {
        u8: new Uint8Array(memory), u16: new Uint16Array(memory),
        u32: new Uint32Array(memory), f64: new Float64Array(memory),
      };
      const { body, received, type, flags, payloadBytes } = records;
      const { seq, generation, deviceState } = devices.rows;
      let random = 1;
      const below = (end) => {
        random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
        return Math.floor((random / 2 ** 32) * end);
      };
      for (let slot = 0; slot < DEVICES; slot++) deviceState[slot] = 1;
      while (Atomics.load(words32, 0) === 0) {
        for (let n = 0; n < 1000; n++) {
          // Most of it comes from a few: what the others sent is carried forward again and again.
          const slot = below(10) === 0 ? below(DEVICES) : below(3);
          if (below(5000) === 0) { // gone, and another device in its place
            log.forget(slot);
            Atomics.add(generation, slot, 1);
            seq[slot] = 0;
            log.begin(slot, 0);
          }
          const words = below(100);
          const number = seq[slot] + 1;
          views.f64[received >> 3] = 1;
          views.u8[type] = 2 + below(2);
          views.u8[flags] = views.u8[type] === 3 && below(2) === 0 ? 2 : 0;
          views.u32[payloadBytes >> 2] = 4 * words;
          const stamp = (Math.imul(slot * 65536 + generation[slot], 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b)) >>> 0;
          for (let word = 0; word < words; word++) views.u32[(body >> 2) + word] = (stamp + word) >>> 0;
          log.append(slot, number, views, 0, body + 4 * words);
          seq[slot] = number;
        }
        Atomics.add(words32, 1, 1000);
      }
      parentPort.postMessage('ended');
    });
`;

interface Seen {
  events: number;
  gaps: number;
  wrong: string[];
}

describe('a history that one thread writes and another reads', () => {
  it('never yields a torn, foreign or disordered event, and tells what is missing', async () => {
    const at = (path: string): string => new URL(`../../dist/src/${path}.js`, import.meta.url).href;
    const { createHistory, attachHistory, historyUsage } = (await import(
      at('history/memory')
    )) as typeof import('../../src/history/memory.ts');
    const { HistoryReader } = (await import(
      at('history/reader')
    )) as typeof import('../../src/history/reader.ts');
    const { Step } = (await import(at('history/replay'))) as typeof import('../../src/history/replay.ts');
    const { attachSlab, createSlab } = (await import(
      at('memory/layout')
    )) as typeof import('../../src/memory/layout.ts');
    const { deviceColumns } = (await import(
      at('presence/columns')
    )) as typeof import('../../src/presence/columns.ts');
    const { EventField } = (await import(at('records/event'))) as typeof import('../../src/records/event.ts');

    const history = createHistory(64 * 1024);
    const devices = createSlab(deviceColumns, DEVICES);
    const shared = new SharedArrayBuffer(8); // whether to stop, and how many were sent
    const slab = attachSlab(deviceColumns, devices.memory);
    const worker = new Worker(writing, {
      eval: true,
      workerData: {
        history,
        devices: devices.memory,
        shared,
        DEVICES,
        log: at('history/log'),
        memory: at('history/memory'),
        layout: at('memory/layout'),
        columns: at('presence/columns'),
        records: EventField,
      },
    });
    const failed = new Promise<never>((_, reject) => worker.once('error', reject));
    const ended = new Promise<void>((resolve) => worker.once('message', () => resolve()));
    const reader = new HistoryReader(
      attachHistory(history),
      slab,
      { eventsMax: 1000, ttlMs: 1e9 },
      { now: () => 1, wallNow: () => 1 },
    );
    const seen: Seen = { events: 0, gaps: 0, wrong: [] };
    const { seq: seqs, generation } = slab.rows;

    const look = (slot: number, turn: number): void => {
      const asOf = { slot, generation: Atomics.load(generation, slot), seq: seqs[slot]! };
      // The two cells belong together only if the device is still the same.
      if (Atomics.load(generation, slot) !== asOf.generation) return;
      const since = Math.max(0, asOf.seq - 1 - (turn % 400));
      const replay = [
        () => reader.since(asOf, since),
        () => reader.newest(asOf, 1 + (turn % 50)),
        () => reader.last(asOf),
      ][turn % 3]!();
      let covered = turn % 3 === 0 ? since : 0;
      for (let step = replay.next(); step !== Step.End; step = replay.next()) {
        if (step === Step.Gap) {
          seen.gaps += 1;
          if (replay.from !== covered + 1 && turn % 3 === 0)
            seen.wrong.push(`gap from ${replay.from} after ${covered}`);
          covered = replay.to;
          continue;
        }
        seen.events += 1;
        const { u32, f64 } = replay.views;
        const number = f64[EventField.seq >> 3]!;
        if (number <= covered || number > asOf.seq || number !== replay.seq)
          seen.wrong.push(`${number} after ${covered} of ${asOf.seq}`);
        if (turn % 3 === 0 && number !== covered + 1)
          seen.wrong.push(`hole between ${covered} and ${number}`);
        covered = number;
        const stamp = Math.imul(slot * 65536 + asOf.generation, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b);
        const words = u32[EventField.payloadBytes >> 2]! / 4;
        for (let word = 0; word < words; word++)
          if (u32[(EventField.body >> 2) + word] !== (stamp + word) >>> 0) {
            seen.wrong.push(`word ${word} of ${number}`);
            break;
          }
      }
      if (turn % 3 === 0 && covered < asOf.seq && Atomics.load(generation, slot) === asOf.generation)
        seen.wrong.push(`ended at ${covered} of ${asOf.seq}`);
    };

    const words = new Int32Array(shared);
    const isEnough = (): boolean =>
      seen.events >= ENOUGH.events && seen.gaps >= ENOUGH.gaps && Atomics.load(words, 1) >= ENOUGH.sent;
    for (let turn = 0; !isEnough() && seen.wrong.length < 10; turn++) {
      look(turn % DEVICES, Math.floor(turn / DEVICES));
      // The loop must turn once in a while, so that the worker's errors get through.
      if (turn % 2048 === 0) await Promise.race([failed, new Promise((resolve) => setImmediate(resolve))]);
    }
    Atomics.store(words, 0, 1);
    await Promise.race([ended, failed]);
    await worker.terminate();
    expect(seen.wrong).toEqual([]);
    expect(historyUsage(attachHistory(history)).evicted).toBe(0);
  });
});
