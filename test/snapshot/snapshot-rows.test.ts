import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import type { SnapshotRow } from '../../src/snapshot/format.ts';
import { tableRows } from '../../src/snapshot/table-rows.ts';

const STAYING = 20;
const SNAPSHOTS = 400;
const texts = ['short', 'a text that takes more than one unit of the arena'] as const;

/** Runs on the built files: a worker has no TypeScript. Some rows stay, around them others come and go. */
const owner = `
  const { parentPort, workerData } = require('node:worker_threads');
  Promise.all([import(workerData.registry), import(workerData.lifecycle)]).then(([{ Registry }, { RowState }]) => {
    const registry = new Registry(workerData.memory, 1);
    const bytes = (text) => Buffer.from(text);
    const device = (id) => registry.ensureDevice(bytes(id), 0, id.length);
    const subscriber = (id) => registry.ensureSubscriber(bytes(id), 0, id.length);
    for (let n = 0; n < ${STAYING}; n++) {
      registry.createRow(device('stay-' + n), subscriber('s-' + n), RowState.deny);
      registry.devices.rows.seq[device('stay-' + n)] = n;
      registry.subscribers.rows.vip[subscriber('s-' + n)] = 1;
    }
    const texts = ${JSON.stringify(texts)};
    parentPort.postMessage('ready');
    for (let n = 0; Atomics.load(workerData.stop, 0) === 0; n++) {
      const text = texts[n & 1];
      registry.setDeviceStatus(device('stay-' + (n % ${STAYING})), bytes(text), 0, text.length);
      const name = n % 7 + 'x'.repeat(n % 40);
      const [at, by] = [device('come-' + name), subscriber('by-' + name)];
      const row = registry.createRow(at, by, n % 3 === 0 ? RowState.active : RowState.deny);
      if (n % 3 === 0) registry.setGranted(row, true);
      registry.removeRow(row);
      registry.freeDevice(at);
      registry.freeSubscriber(by);
    }
  });
`;

describe('the rows of a snapshot', () => {
  let worker: Worker | undefined;
  afterEach(async () => {
    await worker?.terminate();
  });

  it('are all there and none is mixed with another while the owner writes as fast as it can', async () => {
    const memory = createPresence({ devices: 64, subscribers: 64, subscriptions: 64 });
    const built = (path: string) => new URL(`../../dist/src/${path}.js`, import.meta.url).href;
    const stop = new Int32Array(new SharedArrayBuffer(4));
    worker = new Worker(owner, {
      eval: true,
      workerData: { memory, stop, registry: built('owner/registry'), lifecycle: built('presence/lifecycle') },
    });
    await new Promise((resolve, reject) => worker?.once('message', resolve).once('error', reject));
    const reader = new PresenceReader(memory);
    const coming = new Set<string>();
    // On a busy host the owner may not get to write beside the first ones.
    for (let n = 0; n < SNAPSHOTS || (coming.size === 0 && n < 200 * SNAPSHOTS); n++) {
      const rows = [...tableRows(reader, [], systemClock, false)];
      expectStaying(rows);
      for (const row of rows) {
        if (row.kind !== 'pair' || !row.device.startsWith('come-')) continue;
        expect(row.subscriber).toBe(row.device.replace('come', 'by'));
        coming.add(row.device);
      }
    }
    Atomics.store(stop, 0, 1);
    expect(coming.size, 'rows that came and went were met').toBeGreaterThan(0);
  });
});

function expectStaying(rows: readonly SnapshotRow[]): void {
  const of = (kind: SnapshotRow['kind']) => rows.filter((row) => row.kind === kind);
  const numbers = Array.from({ length: STAYING }, (_, n) => n);
  const devices = rows.flatMap((row) => (row.kind === 'device' ? [row] : []));
  for (const n of numbers) {
    const own = devices.filter((row) => row.device === `stay-${n}`);
    expect(own).toMatchObject([{ seq: n }]);
    expect([...texts, '']).toContain(own[0]?.status);
  }
  for (const row of devices) expect(row.device).toMatch(/^stay-\d+$|^come-\dx*$/);
  expect(of('vip')).toEqual(numbers.map((n) => ({ kind: 'vip', subscriber: `s-${n}` })));
  const pairs = rows.flatMap((row) => (row.kind === 'pair' && row.device.startsWith('stay-') ? [row] : []));
  expect(pairs).toEqual(
    numbers.map((n) => ({ kind: 'pair', device: `stay-${n}`, subscriber: `s-${n}`, access: 'deny' })),
  );
}
