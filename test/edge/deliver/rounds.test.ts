import { describe, expect, it } from 'vitest';
import { claimEventRecord } from '../../../fixtures/event-records.ts';
import { SHARD_SOCKETS_MAX } from '../../../src/edge/deliver/audience.ts';
import { EventEncoder } from '../../../src/edge/deliver/event-encoder.ts';
import type { Paces } from '../../../src/edge/deliver/paces.ts';
import { Rounds } from '../../../src/edge/deliver/rounds.ts';
import { SlowSubscribers } from '../../../src/edge/deliver/slow-subscribers.ts';
import { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { Topic } from '../../../src/edge/deliver/topic.ts';
import { Counter, Counters, createCounters } from '../../../src/memory/counters.ts';
import { createRing, RING_BYTES_MIN, RingConsumer, RingProducer } from '../../../src/memory/ring.ts';
import type { Connection } from '../../../src/transport/transport.ts';
import { DeviceNames } from '../../../src/wire/event-frames.ts';
import { ALL_TYPES, Priority } from '../../../src/wire/events.ts';
import { jsonSubscriberCodec } from '../../../src/wire/hub-frames.ts';

/** Sends of one socket and publishes of one thread, in order: `vip 1 #7` or `j0 #7`. */
function sessionOf(id: string, number: number, batched = false): SubscriberSession {
  const actor = { role: 'subscriber', id, devices: undefined, vip: false } as const;
  const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
  return new SubscriberSession(admitted, number, 0, {
    codec: jsonSubscriberCodec,
    batched,
    every: 0,
    hold: false,
    wanted: undefined,
  });
}

class Sent {
  readonly log: string[] = [];

  readonly publish = (topic: string, frame: Uint8Array): void => {
    this.log.push(`${topic} #${seqIn(frame)}`);
  };

  vip(name: string): SubscriberSession {
    const session = sessionOf(name, 1);
    session.vip = true;
    return this.#attached(session);
  }

  batched(name: string): SubscriberSession {
    return this.#attached(sessionOf(name, 1, true));
  }

  #attached(session: SubscriberSession): SubscriberSession {
    session.attach({
      session,
      send: (frame: string | Uint8Array) => this.log.push(`${session.id} #${seqIn(frame as Uint8Array)}`),
      cork: (body: () => void) => body(),
    } as unknown as Connection<SubscriberSession>);
    return session;
  }

  take(): string[] {
    return this.log.splice(0);
  }
}

/** Of a batch those of its events. */
function seqIn(frame: Uint8Array): string {
  const { seq, events } = JSON.parse(Buffer.from(frame).toString()) as Partial<DeviceEvents>;
  return events === undefined ? String(seq) : events.map((event) => event.seq).join('+');
}

interface DeviceEvents {
  readonly seq: number;
  readonly events: readonly { readonly seq: number }[];
}

function setUp() {
  const memory = createRing(RING_BYTES_MIN);
  const producer = new RingProducer(memory);
  const ring = new RingConsumer(memory);
  const sent = new Sent();
  const counters = new Counters(createCounters());
  const encoder = new EventEncoder(ring.views);
  const sending = { views: ring.views, encoder, counters };
  const slow = new SlowSubscribers({
    ...sending,
    topics: new Map(),
    queueBytes: 1000,
    queueBytesMax: 1000,
    finishRounds: () => rounds.finish(1),
  });
  const rounds: Rounds = new Rounds(ring, { ...sending, slow }, sent.publish);
  /** An event comes in over the ring. @param topic absent: nobody follows its device */
  const event = (seq: number, topic?: Topic, priority: number = Priority.normal): void => {
    claimEventRecord(producer, { seq, priority });
    producer.commit();
    const at = ring.next();
    if (topic !== undefined) rounds.add(at, topic);
  };
  return { rounds, sent, counters, producer, ring, event };
}

const NO_PACES = undefined as unknown as Paces; // nobody here is at a pace

function topicOf(slot: number, readers: number, vips: readonly SubscriberSession[] = []): Topic {
  const topic = new Topic(slot, ALL_TYPES, new DeviceNames(`dev-${slot}`), 0, NO_PACES);
  for (let reader = 0; reader < readers; reader++) {
    topic.add(sessionOf(`s-${reader}`, reader));
  }
  for (const vip of vips) topic.add(vip);
  return topic;
}

describe('a round', () => {
  it('sends high before normal before low, in the order of coming within each', () => {
    const { rounds, sent, event } = setUp();
    const topic = topicOf(0, 1);
    event(1, topic, Priority.low);
    event(2, topic);
    event(3, topic, Priority.high);
    event(4, topic);
    rounds.step(1, 1);
    expect(sent.take()).toEqual(['j0 #3', 'j0 #2', 'j0 #4', 'j0 #1']);
    expect(rounds.hasUnsent).toBe(false);
  });

  it('takes a shard a step, and what comes meanwhile waits for the next round', () => {
    const { rounds, sent, event, counters } = setUp();
    const topic = topicOf(0, 2 * SHARD_SOCKETS_MAX + 1);
    event(1, topic);
    rounds.step(1, 1);
    expect(sent.take()).toEqual(['j0 #1']);
    event(2, topic);
    rounds.step(1, 1);
    rounds.step(1, 1);
    expect(sent.take()).toEqual(['j0.1 #1', 'j0.2 #1']);
    expect(rounds.hasUnsent).toBe(true);
    rounds.step(1, 2);
    rounds.step(1, 2);
    expect(sent.take()).toEqual(['j0 #2', 'j0.1 #2', 'j0.2 #2']);
    expect(rounds.hasUnsent).toBe(false);
    expect(counters.cells[Counter.deliveries]).toBe(2 * (2 * SHARD_SOCKETS_MAX + 1));
  });

  it('lets vips go first, and those of later events before the shards that wait', () => {
    const { rounds, sent, event } = setUp();
    const topic = topicOf(0, SHARD_SOCKETS_MAX + 1, [sent.vip('v')]);
    event(1, topic);
    rounds.step(1, 1);
    event(2, topic);
    rounds.step(1, 1);
    expect(sent.take()).toEqual(['v #1', 'j0 #1', 'v #2', 'j0.1 #1']);
  });

  it('sends batched sockets all that one step has for them, in a frame, shard by shard', () => {
    const { rounds, sent, event, counters } = setUp();
    const one = topicOf(0, 0);
    const two = topicOf(1, SHARD_SOCKETS_MAX + 1);
    for (let n = 0; n < SHARD_SOCKETS_MAX; n++) two.add(sessionOf(`t-${n}`, n, true));
    for (const name of ['a', 'b']) {
      const session = sent.batched(name);
      one.add(session);
      two.add(session);
    }
    one.add(sent.batched('c'));
    event(1, one);
    event(2, two, Priority.high);
    event(3, one, Priority.low);
    rounds.step(1, 1);
    expect(sent.take()).toEqual(['j1 #2', 'a #1+3', 'b #1+3', 'c #1+3']);
    rounds.step(1, 1);
    expect(sent.take()).toEqual(['j1.1 #2', 'a #2', 'b #2']);
    expect(rounds.hasUnsent).toBe(false);
    expect(counters.cells[Counter.deliveries]).toBe(3 + 3 + 2 * SHARD_SOCKETS_MAX + 1 + 2);
  });

  it('is over at once when something must come after it', () => {
    const { rounds, sent, event } = setUp();
    const topic = topicOf(0, SHARD_SOCKETS_MAX + 1, [sent.vip('v')]);
    event(1, topic);
    rounds.step(1, 1);
    event(2, topic);
    rounds.finish(1);
    expect(sent.take()).toEqual(['v #1', 'j0 #1', 'v #2', 'j0.1 #1', 'j0 #2', 'j0.1 #2']);
    expect(rounds.hasUnsent).toBe(false);
  });

  it('keeps the bytes of what is unsent in the ring, and gives back those of what is sent', () => {
    const { rounds, event, producer } = setUp();
    const topic = topicOf(0, SHARD_SOCKETS_MAX + 1);
    event(1, topic);
    const one = producer.usedRatio();
    rounds.step(1, 1);
    event(2, topic);
    expect(producer.usedRatio()).toBe(2 * one);
    rounds.step(1, 1);
    expect(producer.usedRatio()).toBe(one);
    rounds.step(1, 2);
    expect(producer.usedRatio()).toBe(0);
  });

  it('gives back, too, what nobody gets', () => {
    const { rounds, ring, producer, event } = setUp();
    event(1);
    expect(producer.usedRatio()).toBeGreaterThan(0);
    rounds.step(1, 1);
    expect(producer.usedRatio()).toBe(0);
    expect(ring.hasRecords).toBe(false);
  });

  it('knows whose events wait, in this round or the next', () => {
    const { rounds, event } = setUp();
    const topics = [0, 1, 2].map((slot) => topicOf(slot, SHARD_SOCKETS_MAX + 1));
    const waiting = (): boolean[] => topics.map((topic) => rounds.hasUnsentOf(topic));
    expect(waiting()).toEqual([false, false, false]);
    event(1, topics[0]);
    expect(waiting()).toEqual([true, false, false]);
    rounds.step(1, 1);
    event(2, topics[1]);
    expect(waiting()).toEqual([true, true, false]); // a shard of the first one's is left
    rounds.step(1, 1);
    expect(waiting()).toEqual([false, true, false]);
    rounds.step(1, 1);
    expect(waiting()).toEqual([false, true, false]);
    rounds.step(1, 1);
    expect(waiting()).toEqual([false, false, false]);
  });
});

describe("a topic's shards", () => {
  it('fill in order, and room that is given up is taken again', () => {
    const topic = topicOf(7, SHARD_SOCKETS_MAX);
    const session = sessionOf('s', 1);
    expect(topic.add(session)).toBe(1);
    topic.remove(session, 1, true);
    const first = sessionOf('t', 2);
    topic.remove(first, 0, true);
    expect(topic.add(session)).toBe(0);
    expect(topic.audience?.total).toBe(SHARD_SOCKETS_MAX);
    expect([0, 1].map((shard) => topic.audience?.nameOf(shard))).toEqual(['j7', 'j7.1']);
    expect(topic.shardCount).toBe(2);
  });
});

describe("a subscriber's devices", () => {
  it('are kept with their shards, few or many, until they are removed', () => {
    const session = sessionOf('s', 1);
    const shards = new Map<number, number>();
    for (let device = 0; device < 40; device++) {
      expect(session.shardOf(device)).toBe(-1);
      session.addDevice(device, device % 3);
      shards.set(device, device % 3);
      if (device % 4 === 3) {
        session.removeDevice(device - 1);
        shards.delete(device - 1);
      }
      expect(new Map(session.devices.map((known) => [known, session.shardOf(known)]))).toEqual(shards);
    }
    for (const device of session.devices) session.removeDevice(device);
    expect(session.devices).toEqual([]);
  });
});
