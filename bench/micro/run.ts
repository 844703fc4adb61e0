/**
 * Micro benchmarks (tinybench): `npm run bench`. Nanoseconds per operation of the parts that every event passes, at
 * two table sizes so that growth shows, and bytes per row. Figures compare within one run only.
 */
import { availableParallelism, cpus } from 'node:os';
import { Command } from 'commander';
import { Bench } from 'tinybench';
import { eventRecord } from '../../fixtures/event-records.ts';
import { systemClock } from '../../src/clock.ts';
import { HistoryLog } from '../../src/history/log.ts';
import { attachHistory, createHistory } from '../../src/history/memory.ts';
import { HistoryReader } from '../../src/history/reader.ts';
import { Step } from '../../src/history/replay.ts';
import { bytesPerRow } from '../../src/memory/layout.ts';
import { createRing, RingConsumer, RingProducer, Share } from '../../src/memory/ring.ts';
import { Wheel } from '../../src/memory/wheel.ts';
import { Registry } from '../../src/owner/registry.ts';
import { deviceColumns, subscriberColumns, subscriptionColumns } from '../../src/presence/columns.ts';
import { RowState } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { EventField, eventBytes } from '../../src/records/event.ts';
import { createDeviceFrame, parseDeviceText } from '../../src/wire/device-frames.ts';
import { DeviceNames, encodeBinaryEvent, encodeJsonEvent } from '../../src/wire/event-frames.ts';
import { EventType } from '../../src/wire/events.ts';
import { ringRecordsPerSecond } from './ring-threads.ts';

/** Operations per tinybench iteration, so that its own cost does not show. */
const BATCH = 1000;
/** What counts as kept of a device. */
const HISTORY_EVENTS = 100;
const { large: isLarge = false } = new Command('bench')
  .option('--large', 'also with a million devices and five million subscriptions')
  .parse()
  .opts<{ large?: true }>();
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
      producer.commit();
    }
    while (consumer.next() >= 0) sink += consumer.kind;
    consumer.release();
  });
}

/** A table of this many devices with five subscriptions each. */
function addPresence(devices: number): void {
  const subscribers = Math.max(100, devices / 100);
  const capacity = { devices: devices + 1, subscribers, subscriptions: devices * 5 + 1 };
  const registry = new Registry(createPresence(capacity), 1);
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
  const unknown = Array.from({ length: BATCH }, (_, index) => id('unknown', index));
  bench.add(`resolve an id that is not there (${label})`, () => {
    for (const bytes of unknown) sink += registry.findDevice(bytes, 0, bytes.length);
  });
  for (const [bytes, prefix] of [
    [12, 'new'],
    [128, 'x'.repeat(121)],
  ] as const) {
    const fresh = Array.from({ length: BATCH }, (_, index) => id(prefix, 100_000 + index));
    bench.add(`add and remove an id of ${bytes} B (${label})`, () => {
      for (const one of fresh) registry.freeDevice(registry.ensureDevice(one, 0, one.length));
    });
  }
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

/**
 * A history of its default size in which each device has a message and a status, and which has gone round: every
 * append passes an old record, and carries some forward.
 */
function addHistory(devices: number): void {
  const presence = createPresence({ devices, subscribers: 1, subscriptions: 1 });
  const { devices: slab } = new PresenceReader(presence);
  const history = attachHistory(createHistory(Math.max(32 * 2 ** 20, 1024 * devices)));
  const log = new HistoryLog(history, slab, HISTORY_EVENTS);
  const reader = new HistoryReader(history, slab, { eventsMax: HISTORY_EVENTS, ttlMs: 1e12 }, systemClock);
  const views = eventRecord({ received: systemClock.now(), payload });
  const bytes = eventBytes(views, 0);
  const { rows } = slab;
  const send = (slot: number, type: number): void => {
    const seq = rows.seq[slot]! + 1;
    views.u8[EventField.type] = type;
    log.append(slot, seq, views, 0, bytes);
    rows.seq[slot] = seq;
  };
  for (let slot = 0; slot < devices; slot++) log.begin(slot, 0);
  for (let n = 0; n < 2_000_000; n++)
    send((n * 7919) % devices, n % 5 === 0 ? EventType.status : EventType.message);
  const label = `${devices / 1000}k devices`;
  let next = 0;
  bench.add(`history: append 128 B (${label})`, () => {
    for (let i = 0; i < BATCH; i++) {
      next = (next + 7919) % devices;
      send(next, EventType.message);
    }
  });
  const asOf = (slot: number) => ({ slot, generation: 0, seq: rows.seq[slot]! });
  bench.add(`history: last message and status (${label})`, () => {
    for (let i = 0; i < BATCH; i++) {
      const replay = reader.last(asOf((i * 7919) % devices));
      while (replay.next() !== Step.End) sink += replay.seq;
    }
  });
  const fill = (): void => {
    for (let n = 0; n < HISTORY_EVENTS; n++) send(0, EventType.message);
  };
  bench.add(
    `history: since, 100 events, per event (${label})`,
    () => {
      for (let i = 0; i < BATCH / HISTORY_EVENTS; i++) {
        const replay = reader.since(asOf(0), rows.seq[0]! - HISTORY_EVENTS);
        let events = 0;
        while (replay.next() === Step.Event) events += 1;
        if (events !== HISTORY_EVENTS || !replay.recovered) throw new Error(`${events} events replayed`);
      }
    },
    { beforeAll: fill },
  );
}

addCodecs();
addRing();
addHistory(10_000);
addHistory(100_000);
addPresence(10_000);
if (isLarge) addPresence(1_000_000);
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
  'beside these: ids and statuses in 32-byte units, 10 B of lookup per id, 5 B per subscription, 12 B of timer, 4 B × worker per device',
);
const perSecond = await ringRecordsPerSecond();
console.log(`ring between two threads, 128 B: ${(perSecond / 1e6).toFixed(2)} M records/s`);
if (sink < 0) throw new Error('unreachable: keeps the results alive');
