import { beforeEach, describe, expect, it } from 'vitest';
import { writeEventRecord } from '../../../fixtures/event-records.ts';
import { Batch } from '../../../src/edge/deliver/batch.ts';
import { EventEncoder } from '../../../src/edge/deliver/event-encoder.ts';
import type { Paces } from '../../../src/edge/deliver/paces.ts';
import type { SlowSubscribers } from '../../../src/edge/deliver/slow-subscribers.ts';
import { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { Topic } from '../../../src/edge/deliver/topic.ts';
import { Counter, type CounterName, Counters, createCounters } from '../../../src/memory/counters.ts';
import { privateViews } from '../../../src/records/event.ts';
import type { Connection } from '../../../src/transport/transport.ts';
import { Encoding } from '../../../src/wire/encodings.ts';
import { DeviceNames } from '../../../src/wire/event-frames.ts';
import { ALL_TYPES, EventType, Priority } from '../../../src/wire/events.ts';
import { jsonSubscriberCodec } from '../../../src/wire/hub-frames.ts';
import { readTemplates } from '../../../src/wire/mqtt/templates.ts';
import { TopicLayout } from '../../../src/wire/mqtt/topics.ts';

const RECEIVED_MS = 1000;

class Bench {
  readonly counters = new Counters(createCounters());
  /** Publishes and sends, in order: `j0 82 text`, `s-1 82 binary`. */
  readonly log: string[] = [];
  readonly batch: Batch;
  readonly topic: Topic;
  readonly #views = privateViews(64 * 1024);
  #events = 0;
  #sessions = 0;

  constructor() {
    const read = readTemplates(['devices/{device}=message']);
    if (!read.ok) throw new Error('the template is wrong');
    const names = new DeviceNames('dev', new TopicLayout(read.templates));
    this.topic = new Topic(0, ALL_TYPES, names, 0, undefined as unknown as Paces);
    const slow = { size: 0 } as SlowSubscribers;
    const encoder = new EventEncoder(this.#views);
    this.batch = new Batch({ views: this.#views, encoder, counters: this.counters, slow });
  }

  session(encoding: Encoding, { batched = false, vip = false } = {}): SubscriberSession {
    const id = `s-${++this.#sessions}`;
    const actor = { role: 'subscriber', id, devices: undefined, vip } as const;
    const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
    const codec = { ...jsonSubscriberCodec, encoding };
    const session = new SubscriberSession(admitted, this.#sessions, 0, {
      codec,
      batched,
      every: 0,
      hold: false,
      wanted: undefined,
    });
    session.vip = vip;
    session.attach({
      send: (frame: Uint8Array, binary: boolean) =>
        void this.log.push(`${id} ${frame.length > 0} ${binary ? 'binary' : 'text'}`),
      cork: (body: () => void) => body(),
      join: () => {},
      leave: () => {},
    } as unknown as Connection<unknown>);
    this.topic.add(session);
    return session;
  }

  event(type: number = EventType.message, priority: number = Priority.normal): void {
    const at = this.#events++ * 1024;
    writeEventRecord(this.#views, at, { type, priority, seq: this.#events, received: RECEIVED_MS });
    this.batch.add(at, this.topic);
  }

  /** Sends all there is. @param now hub clock, ms */
  send(now = RECEIVED_MS): string[] {
    const { batch } = this;
    batch.sendVips();
    batch.begin();
    for (let shard = 0; shard < batch.shardCount; shard++) {
      batch.publish(
        shard,
        (topic, frame, binary, isMqtt) =>
          void this.log.push(`${topic} ${frame.length > 0} ${binary ? 'binary' : 'text'} ${isMqtt}`),
        now,
      );
    }
    batch.clear();
    return this.log.splice(0);
  }

  count(name: CounterName): number {
    return this.counters.cells[Counter[name]]!;
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('a batch', () => {
  it('publishes an event once for each encoding that anybody gets', () => {
    for (const encoding of [Encoding.json, Encoding.binary, Encoding.mqtt3, Encoding.mqtt5])
      bench.session(encoding);
    bench.event();
    expect(bench.send().sort()).toEqual([
      'b0 true binary false',
      'j0 true text false',
      'm0 true binary true',
      'n0 true binary true',
    ]);
    expect(bench.count('deliveries')).toBe(4);
  });

  it('publishes nothing in an encoding whose last subscriber has left', () => {
    const [json] = [bench.session(Encoding.json), bench.session(Encoding.binary)];
    bench.topic.remove(json, 0, true);
    bench.event();
    expect(bench.send()).toEqual(['b0 true binary false']);
  });

  it('publishes nothing of an event that has no form in an encoding', () => {
    for (const encoding of [Encoding.json, Encoding.mqtt3]) bench.session(encoding);
    bench.event(EventType.pong);
    expect(bench.send()).toEqual(['j0 true text false']);
    expect(bench.count('deliveries')).toBe(1);
  });

  it('counts bytes for each socket, and how long each event took, once', () => {
    for (let n = 0; n < 600; n++) bench.session(Encoding.json); // three shards
    for (let n = 0; n < 2; n++) bench.event();
    bench.send(RECEIVED_MS + 20);
    const bytes = bench.count('bytesSent');
    expect(bytes % 600).toBe(0);
    expect(bytes / 600).toBeGreaterThan(150);
    expect(bytes / 600).toBeLessThan(300);
    const events = bench.counters.latencyBuckets().reduce((sum, count) => sum + count, 0);
    expect(events).toBe(2);
    expect(bench.count('latencySumSeconds')).toBeCloseTo(0.04, 9);
  });

  it('has as many shards as the topic that has most, and one at least', () => {
    bench.batch.begin();
    expect(bench.batch.shardCount).toBe(1);
    for (let n = 0; n < 600; n++) bench.session(Encoding.json);
    bench.event();
    bench.batch.begin();
    expect([bench.batch.shardCount, bench.batch.size]).toEqual([3, 1]);
    bench.batch.clear();
    expect(bench.batch.size).toBe(0);
  });
});

describe('those who are sent to one by one', () => {
  it.each([{ batched: true }, { vip: true }])('get each event once, in their encoding: %j', (terms) => {
    for (const encoding of [Encoding.binary, Encoding.json]) bench.session(encoding, terms);
    bench.event();
    expect(bench.send().sort()).toEqual(['s-1 true binary', 's-2 true text']);
    expect(bench.count('deliveries')).toBe(2);
    bench.event();
    expect(bench.send()).toHaveLength(2);
  });

  it.each([{ batched: true }, { vip: true }])('get nothing of an event without a form: %j', (terms) => {
    bench.session(Encoding.mqtt5, terms);
    bench.event(EventType.pong);
    expect([bench.send(), bench.count('deliveries')]).toEqual([[], 0]);
  });

  it('as vips get events once, before the others', () => {
    bench.session(Encoding.json);
    bench.session(Encoding.json, { vip: true });
    bench.event();
    expect(bench.send()).toEqual(['s-2 true text', 'j0 true text false']);
    bench.batch.sendVips();
    expect(bench.log).toEqual([]);
  });
});
