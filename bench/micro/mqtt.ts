/**
 * Micro benchmark of the MQTT codec against mqtt-packet: `npm run build && node dist/bench/micro/mqtt.js`. Nanoseconds
 * per packet of 128 bytes of payload; figures compare within one run only.
 */
import { availableParallelism, cpus } from 'node:os';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { Bench } from 'tinybench';
import type { Version } from '../../src/wire/mqtt/constants.ts';
import { DeviceTopics, encodeMqttEvent, topicKindOf } from '../../src/wire/mqtt/events.ts';
import { Framer, type PacketSink } from '../../src/wire/mqtt/framer.ts';
import { createPublish, readPublish } from '../../src/wire/mqtt/packets.ts';
import { isJson } from '../../src/wire/mqtt/payloads.ts';
import { DEFAULT_TEMPLATES, readTemplates } from '../../src/wire/mqtt/templates.ts';
import { TopicLayout } from '../../src/wire/mqtt/topics.ts';

/** Operations per tinybench iteration, so that its own cost does not show. */
const BATCH = 1000;
const DEVICE = 'device-000017';
const bench = new Bench({ time: 500, warmupTime: 200 });
let sink = 0;

const read = readTemplates(DEFAULT_TEMPLATES);
if (!read.ok) throw new Error(read.problems.join('; '));
const layout = new TopicLayout(read.templates);
const topics = new DeviceTopics(DEVICE, layout);
const payload = Buffer.from(JSON.stringify({ temperature: 21.5, pad: 'x'.repeat(99) }));
if (payload.length !== 128) throw new Error(`a payload of ${payload.length} bytes`);
const topic = `devices/${DEVICE}/message`;

function generated(version: Version): Buffer {
  const packet = { cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false } as const;
  return mqttPacket.generate(packet, { protocolVersion: version });
}

/** What the session does with a device's PUBLISH before the hub is called. */
class Reading implements PacketSink {
  readonly wantsPackets = true;
  readonly #publish = createPublish();
  readonly #version: Version;

  constructor(version: Version) {
    this.#version = version;
  }

  packet(bytes: Uint8Array, head: number, start: number, end: number): void {
    const publish = this.#publish;
    if (readPublish(bytes, head, start, end, this.#version, publish) !== undefined) throw new Error('broken');
    if (layout.kindOf(bytes, publish.topicStart, publish.topicEnd, DEVICE) === 0) throw new Error('foreign');
    if (!isJson(bytes, publish.payloadStart, publish.payloadEnd)) throw new Error('no JSON');
    sink += publish.payloadEnd;
  }
}

function addReading(version: Version): void {
  const bytes = new Uint8Array(generated(version));
  const framer = new Framer(65_536);
  const reading = new Reading(version);
  const name = version === 4 ? '3.1.1' : '5';
  bench.add(`read a PUBLISH of ${name}, its topic and whether it is JSON`, () => {
    for (let i = 0; i < BATCH; i++) sink += framer.feed(bytes, reading);
  });
  const parser = mqttPacket.parser({ protocolVersion: version });
  parser.on('packet', (packet: Packet) => {
    if (packet.cmd === 'publish') sink += packet.topic.length;
  });
  const buffer = Buffer.from(bytes);
  bench.add(`read a PUBLISH of ${name}: mqtt-packet`, () => {
    for (let i = 0; i < BATCH; i++) sink += parser.parse(buffer);
  });
}

function addWriting(version: Version): void {
  const head = {
    type: 2,
    fromHub: false,
    isAsPublished: true,
    payloadIsJson: true,
    isRetained: false,
  };
  const out = new Uint8Array(1024);
  const bytes = topics.of(topicKindOf(2, false));
  const encode = (): number => encodeMqttEvent(out, 0, bytes, version, head, payload, 0, 0, payload.length);
  if (!Buffer.from(out.subarray(0, encode())).equals(generated(version)))
    throw new Error('not what mqtt-packet generates');
  const name = version === 4 ? '3.1.1' : '5';
  bench.add(`write an event as a PUBLISH of ${name}`, () => {
    for (let i = 0; i < BATCH; i++) sink += encode();
  });
  bench.add(`write an event as a PUBLISH of ${name}: mqtt-packet`, () => {
    for (let i = 0; i < BATCH; i++) sink += generated(version).length;
  });
}

for (const version of [4, 5] as const) {
  addReading(version);
  addWriting(version);
}
await bench.run();
console.log(`${cpus()[0]?.model}, ${availableParallelism()} cores, Node ${process.versions.node}`);
for (const { name, result } of bench.tasks) {
  if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
  const { p50 } = result.latency;
  console.log(`${((p50 / BATCH) * 1e6).toFixed(0).padStart(6)} ns  ${name}`);
}
if (sink === 0) throw new Error('nothing was done');
