/**
 * Events that are sent together, high before normal before low. They stay in the ring and are encoded when they are
 * sent: once per encoding, however many sockets of a shard get them.
 */
import { Counter, type Counters } from '../../memory/counters.ts';
import type { RecordViews } from '../../memory/ring.ts';
import { EventField } from '../../records/event.ts';
import { type Encoding, encodings, isMqtt } from '../../wire/encodings.ts';
import { Priority } from '../../wire/events.ts';
import type { EventEncoder } from './event-encoder.ts';
import { OutboxFrames } from './outbox-frames.ts';
import type { SlowSubscribers } from './slow-subscribers.ts';
import type { SubscriberSession } from './subscriber-session.ts';
import type { Topic } from './topic.ts';

/** Events that wait, in order: where in the ring, and for which topic. */
class Lane {
  readonly offsets: number[] = [];
  readonly topics: Topic[] = [];

  push(offset: number, topic: Topic): void {
    this.offsets.push(offset);
    this.topics.push(topic);
  }

  clear(): void {
    this.offsets.length = 0;
    this.topics.length = 0;
  }
}

/** High, normal, low: the order of sending. */
const createLanes = (): readonly Lane[] => [new Lane(), new Lane(), new Lane()];

const NOBODY: readonly SubscriberSession[] = [];

/**
 * Sends a frame to the sockets of a transport's topic; its bytes are taken before this returns.
 * @param onlyMqtt no other sockets are in the topic
 */
export type PublishFrame = (topic: string, frame: Uint8Array, binary: boolean, onlyMqtt: boolean) => void;

export interface BatchDeps {
  /** The ring that offsets point into. */
  readonly views: RecordViews;
  readonly encoder: EventEncoder;
  readonly counters: Counters;
  /** They are sent to one by one. */
  readonly slow: SlowSubscribers;
}

export class Batch {
  readonly #deps: BatchDeps;
  readonly #lanes = createLanes();
  /** Of these, the ones that have not been sent to the vips. */
  readonly #forVips = createLanes();
  #size = 0;
  #shardCount = 0;
  #hasVips = false;
  #hasBatched = false;
  readonly #frames = new OutboxFrames();

  constructor(deps: BatchDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#size;
  }

  /** The most shards that any topic of the batch has, once the batch has begun. */
  get shardCount(): number {
    return this.#shardCount;
  }

  /** @param offset the event record; its bytes must stay until `clear` */
  add(offset: number, topic: Topic): void {
    const lane = Priority.high - this.#deps.views.u8[offset + EventField.priority]!;
    this.#lanes[lane]!.push(offset, topic);
    this.#size += 1;
    if (topic.vips.length === 0 && topic.slowVips === undefined) return;
    this.#forVips[lane]!.push(offset, topic);
    this.#hasVips = true;
  }

  /** Starts the batch's round: until it is over, no session enters or leaves a topic. */
  begin(): void {
    let most = 1;
    this.#hasBatched = false;
    for (const { topics } of this.#lanes) {
      for (const { shardCount, batched } of topics) {
        if (shardCount > most) most = shardCount;
        if (batched !== undefined) this.#hasBatched = true;
      }
    }
    this.#shardCount = most;
    this.#passSlow(this.#lanes, false);
  }

  /** Sends the events to one shard of their topics. @param now hub clock, ms */
  publish(shard: number, publish: PublishFrame, now: number): void {
    for (const { offsets, topics } of this.#lanes) {
      for (let i = 0; i < offsets.length; i++) this.#publish(shard, publish, offsets[i]!, topics[i]!, now);
    }
    if (this.#hasBatched) this.#sendEach(this.#lanes, ({ batched }) => batched?.shards[shard] ?? NOBODY);
  }

  clear(): void {
    for (const lane of this.#lanes) lane.clear();
    this.#size = 0;
  }

  #passSlow(lanes: readonly Lane[], vips: boolean): void {
    const { slow } = this.#deps;
    if (slow.size === 0) return;
    for (const { offsets, topics } of lanes) {
      for (let i = 0; i < offsets.length; i++) {
        const missed = vips ? topics[i]!.slowVips : topics[i]!.slow;
        if (missed !== undefined) slow.event(missed, offsets[i]!);
      }
    }
    slow.endRound();
  }

  #publish(shard: number, publish: PublishFrame, offset: number, topic: Topic, now: number): void {
    const { encoder, counters, views } = this.#deps;
    for (let { audience } = topic; audience !== undefined; audience = audience.next) {
      const count = audience.count(shard);
      if (count === 0) continue;
      const { encoding } = audience;
      const end = encoder.encode(offset, topic.names, encoding, 0); // first: it may replace the bytes
      if (end === 0) continue;
      const { isBinary } = encodings[encoding]!;
      publish(audience.nameOf(shard), encoder.bytes.subarray(0, end), isBinary, isMqtt(encoding));
      counters.cells[Counter.deliveries]! += count;
      counters.cells[Counter.bytesSent]! += count * end;
    }
    if (shard === 0) counters.latency(now - views.f64[(offset + EventField.received) >> 3]!);
  }

  sendVips(): void {
    if (!this.#hasVips) return;
    this.#sendEach(this.#forVips, ({ vips }) => vips);
    this.#passSlow(this.#forVips, true);
    for (const lane of this.#forVips) lane.clear();
    this.#hasVips = false;
  }

  /** Encodes the events for these sockets one after the other, and sends each socket all of its events together. */
  #sendEach(lanes: readonly Lane[], membersOf: (topic: Topic) => readonly SubscriberSession[]): void {
    const { encoder, counters } = this.#deps;
    const touched: SubscriberSession[] = [];
    let deliveries = 0;
    let end = 0;
    for (const { offsets, topics } of lanes) {
      for (let i = 0; i < offsets.length; i++) {
        const topic = topics[i]!;
        const members = membersOf(topic);
        let present = 0;
        for (const session of members) present |= 1 << session.encoding;
        for (let encoding = 0; present >> encoding > 0; encoding++) {
          if (((present >> encoding) & 1) === 0) continue;
          const start = end;
          end = encoder.encode(offsets[i]!, topic.names, encoding as Encoding, start);
          if (end === start) continue;
          for (const session of members) {
            if (session.encoding !== encoding) continue;
            deliveries += 1;
            if (session.addToOutbox(start, end)) touched.push(session);
          }
        }
      }
    }
    counters.cells[Counter.deliveries]! += deliveries;
    this.#frames.begin(encoder.bytes);
    for (const session of touched) session.sendOutbox(this.#frames);
  }
}
