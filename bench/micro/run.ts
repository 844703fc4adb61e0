/**
 * Micro benchmarks (tinybench): `npm run bench`. Nanoseconds per operation of the parts that every event passes, at
 * two table sizes so that growth shows, and bytes per row. Figures compare within one run only.
 */
import { availableParallelism, cpus } from 'node:os';
import { Bench } from 'tinybench';
import { bytesPerRow } from '../../src/memory/layout.ts';
import { createRing, RingConsumer, RingProducer, Share } from '../../src/memory/ring.ts';
import { Wheel } from '../../src/memory/wheel.ts';
import { Registry } from '../../src/owner/registry.ts';
import { deviceColumns, subscriberColumns, subscriptionColumns } from '../../src/presence/columns.ts';
import { RowState } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/table.ts';
import { createDeviceFrame, parseDeviceText } from '../../src/wire/device-frames.ts';
import { DeviceNames, encodeBinaryEvent, encodeJsonEvent } from '../../src/wire/event-frames.ts';
import { ringRecordsPerSecond } from './ring-threads.ts';

/** Operations per tinybench iteration, so that its own cost does not show. */
const BATCH = 1000;
const bench = new Bench({ time: 300, warmupTime: 100 });
let sink = 0;

const payload = JSON.stringify({ temperature: 21.5, pad: 'x'.repeat(92) });
const frame = Buffer.from(`{"type":"message","data":${payload}}`);

function addCodecs(): void {
  const into = createDeviceFrame();
  bench.add('parse a 128 B device frame: scan bytes', () => {
    for (let i = 0; i < BATCH; i++) sink += parseDeviceText(frame, into) === undefined ? into.payloadEnd : 0;
  });
  bench.add('parse a 128 B device frame: JSON.parse', () => {
    for (let i = 0; i < BATCH; i++) sink += (JSON.parse(frame.toString()) as { type: string }).type.length;
  });
  const names = new DeviceNames('device-000017');
  const head = { type: 2, priority: 2, fromHub: false, payloadIsJson: true, seq: 123456, at: 1764000000123 };
  const source = Buffer.from(payload);
  const out = new Uint8Array(1024);
  bench.add('encode an event as JSON', () => {
    for (let i = 0; i < BATCH; i++) sink += encodeJsonEvent(out, 0, names, head, source, 0, 0, source.length);
  });
  bench.add('encode an event as binary', () => {
    for (let i = 0; i < BATCH; i++)
      sink += encodeBinaryEvent(out, 0, names, head, source, 0, 0, source.length);
  });
}

function addRing(): void {
  const memory = createRing(2 ** 20);
  const producer = new RingProducer(memory);
  const consumer = new RingConsumer(memory);
  bench.add('ring: push and drain 128 B, one thread', () => {
    for (let i = 0; i < BATCH; i++) {
      const offset = producer.claim(1, 128, Share.high);
      producer.views.u32[offset >> 2] = i;
      producer.publish();
    }
    while (consumer.next() >= 0) sink += consumer.kind;
    consumer.release();
  });
}

/** A table of this many devices with five subscriptions each. */
function addPresence(devices: number): void {
  const subscribers = Math.max(100, devices / 100);
  const registry = new Registry(createPresence({ devices, subscribers, subscriptions: devices * 5 + 1 }), 1);
  const id = (prefix: string, index: number): Uint8Array => Buffer.from(`${prefix}-${index}`);
  for (let i = 0; i < subscribers; i++)
    registry.ensureSubscriber(id('subscriber', i), 0, id('subscriber', i).length);
  for (let i = 0; i < devices; i++) {
    const slot = registry.ensureDevice(id('device', i), 0, id('device', i).length);
    for (let k = 0; k < 5; k++) registry.createRow(slot, (i * 7 + k * 13) % subscribers, RowState.active);
  }
  const ids = Array.from({ length: BATCH }, (_, index) => id('device', (index * 7919) % devices));
  const { lastSeen } = registry.devices.rows;
  const label = `${devices / 1000}k devices, ${(devices * 5) / 1000}k subscriptions`;
  let now = 1n;
  bench.add(`touch a device (${label})`, () => {
    now += 1n;
    for (let i = 0; i < BATCH; i++) Atomics.store(lastSeen, (i * 7919) % devices, now);
  });
  bench.add(`resolve an id (${label})`, () => {
    for (const bytes of ids) sink += registry.findDevice(bytes, 0, bytes.length);
  });
  bench.add(`subscribe and unsubscribe (${label})`, () => {
    for (let i = 0; i < BATCH; i++) {
      const device = (i * 7919) % devices;
      const subscriber = (device * 7 + 5 * 13) % subscribers;
      registry.removeRow(registry.createRow(device, subscriber, RowState.active));
    }
  });
  const wheel = new Wheel(devices, 0);
  for (let i = 0; i < devices; i++) wheel.set(i, 1e10 + (i % 60_000)); // beyond what the run gets to
  let clock = 0;
  bench.add(`expiry tick, nothing due (${label})`, () => {
    clock += 10;
    sink += wheel.advance(clock, 1024, () => {});
  });
}

addCodecs();
addRing();
addPresence(10_000);
if (process.argv.includes('--large')) addPresence(1_000_000);
await bench.run();

console.log(
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.versions.node}`,
);
for (const { name, result } of bench.tasks) {
  if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
  const perOp = (result.latency.p50 * 1e6) / (name.startsWith('expiry') ? 1 : BATCH);
  console.log(`${name.padEnd(72)} ${perOp.toFixed(1).padStart(10)} ns`);
}
console.log(
  `bytes per row: device ${bytesPerRow(deviceColumns)}, subscriber ${bytesPerRow(subscriberColumns)}, subscription ${bytesPerRow(subscriptionColumns)}`,
);
console.log(
  'beside these: ids in 16-byte units, 5 B of lookup per id and per subscription, 12 B of timer, 4 B × worker per device',
);
const perSecond = await ringRecordsPerSecond();
console.log(`ring between two threads, 128 B: ${(perSecond / 1e6).toFixed(2)} M records/s`);
if (sink < 0) throw new Error('unreachable: keeps the results alive');
