/**
 * The events of one poll, sent high before normal before low and to vips before others. Events stay where they are,
 * in the ring; each is encoded once per encoding, however many get it.
 */
import { Counter, type Counters } from '../memory/counters.ts';
import type { RecordViews } from '../memory/ring.ts';
import {
  binaryEventBytesMax,
  type EventHead,
  encodeBinaryEvent,
  encodeJsonEvent,
  jsonEventBytesMax,
} from '../protocol/event-frames.ts';
import { Priority } from '../protocol/events.ts';
import { EventField, EventFlag } from '../threads/records.ts';
import type { SubscriberSession } from './subscriber-session.ts';
import type { Topic } from './topic.ts';

/** Events that wait, in order: where in the ring, and for which topic. */
class Lane {
  readonly offsets: number[] = [];
  readonly topics: Topic[] = [];
}

/** Sends a frame to the sockets of a topic; its bytes are taken before this returns. */
export type Publish = (topic: string, frame: Uint8Array, binary: boolean) => void;

const SCRATCH_BYTES = 64 * 1024;

export class Batch {
  /** High, normal, low: the order of sending. */
  readonly #lanes: readonly Lane[] = [new Lane(), new Lane(), new Lane()];
  readonly #views: RecordViews;
  readonly #counters: Counters;
  readonly #head: EventHead = { type: 0, priority: 0, fromHub: false, payloadIsJson: false, seq: 0, at: 0 };
  #scratch = new Uint8Array(SCRATCH_BYTES);
  #size = 0;
  #hasVips = false;

  /** @param views the ring that the offsets point into */
  constructor(views: RecordViews, counters: Counters) {
    this.#views = views;
    this.#counters = counters;
  }

  get size(): number {
    return this.#size;
  }

  /** @param offset the event record; its bytes must stay until `send` */
  add(offset: number, topic: Topic): void {
    const lane = this.#lanes[Priority.high - this.#views.u8[offset + EventField.priority]!]!;
    lane.offsets.push(offset);
    lane.topics.push(topic);
    this.#size += 1;
    if (topic.vips.length > 0) this.#hasVips = true;
  }

  /** Sends all and empties the batch. @param now hub clock, ms */
  send(publish: Publish, now: number): void {
    if (this.#size === 0) return;
    if (this.#hasVips) this.#sendVips();
    for (const lane of this.#lanes) {
      const { offsets, topics } = lane;
      for (let i = 0; i < offsets.length; i++) this.#publish(publish, offsets[i]!, topics[i]!, now);
      offsets.length = 0;
      topics.length = 0;
    }
    this.#size = 0;
    this.#hasVips = false;
  }

  #publish(publish: Publish, offset: number, topic: Topic, now: number): void {
    const { jsonCount, binaryCount } = topic;
    if (jsonCount > 0) {
      const end = this.#encode(offset, topic, false, 0); // first: it may replace the scratch bytes
      publish(topic.jsonTopic, this.#scratch.subarray(0, end), false);
    }
    if (binaryCount > 0) {
      const end = this.#encode(offset, topic, true, 0);
      publish(topic.binaryTopic, this.#scratch.subarray(0, end), true);
    }
    const counters = this.#counters;
    counters.cells[Counter.deliveries]! += jsonCount + binaryCount + topic.vips.length;
    counters.latency(now - this.#views.f64[(offset + EventField.received) >> 3]!);
  }

  /** Encodes what vips get, one after the other, and sends each vip all of its frames in one go. */
  #sendVips(): void {
    const touched: SubscriberSession[] = [];
    let end = 0;
    for (const { offsets, topics } of this.#lanes) {
      for (let i = 0; i < offsets.length; i++) {
        const { vips } = topics[i]!;
        for (const binary of [false, true]) {
          if (!vips.some((session) => session.binary === binary)) continue;
          const start = end;
          end = this.#encode(offsets[i]!, topics[i]!, binary, start);
          for (const session of vips) {
            if (session.binary !== binary) continue;
            if (session.addToOutbox(start, end)) touched.push(session);
          }
        }
      }
    }
    for (const session of touched) session.sendOutbox(this.#scratch);
  }

  /** Encodes the event into the scratch bytes at `start`. @returns where it ends */
  #encode(offset: number, topic: Topic, binary: boolean, start: number): number {
    const { u8, u16, u32, f64 } = this.#views;
    const head = this.#head;
    const flags = u8[offset + EventField.flags]!;
    head.type = u8[offset + EventField.type]!;
    head.priority = u8[offset + EventField.priority]!;
    head.fromHub = (flags & EventFlag.fromHub) !== 0;
    head.payloadIsJson = (flags & EventFlag.payloadIsJson) !== 0;
    head.seq = f64[(offset + EventField.seq) >> 3]!;
    head.at = f64[(offset + EventField.at) >> 3]!;
    const statusStart = offset + EventField.body;
    const payloadStart = statusStart + u16[(offset + EventField.statusBytes) >> 1]!;
    const payloadEnd = payloadStart + u32[(offset + EventField.payloadBytes) >> 2]!;
    const bytesMax = (binary ? binaryEventBytesMax : jsonEventBytesMax)(
      topic.names.id.length,
      payloadStart - statusStart,
      payloadEnd - payloadStart,
    );
    if (start + bytesMax > this.#scratch.length) this.#grow(start + bytesMax);
    const encode = binary ? encodeBinaryEvent : encodeJsonEvent;
    return encode(this.#scratch, start, topic.names, head, u8, statusStart, payloadStart, payloadEnd);
  }

  #grow(bytes: number): void {
    const larger = new Uint8Array(2 ** Math.ceil(Math.log2(bytes)));
    larger.set(this.#scratch);
    this.#scratch = larger;
  }
}
