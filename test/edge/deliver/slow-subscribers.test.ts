/** What is known of the slow subscribers of an edge, and what is kept for them; `lagging.test.ts` has what they get. */
import { describe, expect, it, vi } from 'vitest';
import { eventRecord, writeEventRecord } from '../../../fixtures/event-records.ts';
import { closes } from '../../../src/codes.ts';
import { SLOW } from '../../../src/edge/deliver/audience.ts';
import { EventEncoder } from '../../../src/edge/deliver/event-encoder.ts';
import type { Waiting } from '../../../src/edge/deliver/paced-audience.ts';
import type { Paces } from '../../../src/edge/deliver/paces.ts';
import { LEFT_DEVICES_MAX } from '../../../src/edge/deliver/send-queues.ts';
import { SlowSubscribers } from '../../../src/edge/deliver/slow-subscribers.ts';
import { Topic } from '../../../src/edge/deliver/topic.ts';
import { topicKey } from '../../../src/edge/deliver/topics.ts';
import { MISSED_RUNS_MAX } from '../../../src/limits.ts';
import { Counter, type CounterName, Counters, createCounters } from '../../../src/memory/counters.ts';
import { privateViews } from '../../../src/records/event.ts';
import { Encoding } from '../../../src/wire/encodings.ts';
import { DeviceNames } from '../../../src/wire/event-frames.ts';
import { ALL_TYPES, EventType, Priority, typeBit } from '../../../src/wire/events.ts';
import { readTemplates } from '../../../src/wire/mqtt/templates.ts';
import { TopicLayout } from '../../../src/wire/mqtt/topics.ts';
import { FakeThread, QUEUE_BYTES, QUEUE_BYTES_MAX } from './fake-thread.ts';
import { Peer } from './past-harness.ts';

const DEVICE = 7;
/** Of a round. */
const EVENTS_AT_ONCE = 8;

const NO_PACES = undefined as unknown as Paces; // nobody here is in a topic at a pace

/** One device and its slow subscribers, between rounds or in one as the test says. */
class Bench {
  readonly counters = new Counters(createCounters());
  readonly topic: Topic;
  readonly slow: SlowSubscribers;
  readonly log: string[] = [];
  /** What ends with the rounds under way. */
  finish = (): void => {};
  readonly #topics = new Map<number, Topic>();
  readonly #views = privateViews(EVENTS_AT_ONCE * 1024);
  #events = 0;
  #peers = 0;

  /** @param layout of MQTT topics */
  constructor(layout?: TopicLayout) {
    this.topic = this.device(DEVICE, layout);
    this.slow = new SlowSubscribers({
      topics: this.#topics,
      views: this.#views,
      encoder: new EventEncoder(this.#views),
      counters: this.counters,
      queueBytes: QUEUE_BYTES,
      queueBytesMax: QUEUE_BYTES_MAX,
      finishRounds: () => {
        this.log.push('finish');
        this.finish();
      },
    });
  }

  /** A device that may be followed. @returns its topic */
  device(slot: number, layout?: TopicLayout): Topic {
    const topic = new Topic(slot, ALL_TYPES, new DeviceNames(`d${slot}`, layout), 0, NO_PACES);
    this.#topics.set(topicKey(slot, ALL_TYPES), topic);
    return topic;
  }

  /** A subscriber that follows nothing yet. */
  peer(encoding?: Encoding): Peer {
    const peer = new Peer(++this.#peers, encoding === Encoding.binary);
    if (encoding !== undefined) Object.assign(peer.session, { codec: { ...peer.session.codec, encoding } });
    return peer;
  }

  /** A subscriber that follows the device and is slow from now on. */
  start(encoding?: Encoding): Peer {
    const peer = this.peer(encoding);
    peer.session.addDevice(DEVICE, this.topic.add(peer.session));
    this.slow.start(peer.session, 1000);
    return peer;
  }

  /** A slow subscriber at a pace that takes along events of the device that wait. */
  join(waiting: readonly Waiting[]): Peer {
    const peer = this.peer();
    peer.session.addDevice(DEVICE, 0);
    vi.spyOn(this.topic, 'takeOut').mockReturnValueOnce({ waiting, turns: [] });
    this.slow.start(peer.session, 1000);
    return peer;
  }

  /** An event passes those that are slow. */
  event(seq: number, priority: number = Priority.normal, payload = '{}', { slow } = this.topic): void {
    const at = (this.#events++ % EVENTS_AT_ONCE) * 1024;
    writeEventRecord(this.#views, at, { device: DEVICE, seq, priority, payload });
    if (slow !== undefined) this.slow.event(slow, at);
  }

  round(...seqs: readonly number[]): void {
    for (const seq of seqs) this.event(seq);
    this.slow.endRound();
  }

  count(name: CounterName): number {
    return this.counters.cells[Counter[name]]!;
  }
}

function layoutOf(template: string): TopicLayout {
  const templates = readTemplates([template]);
  if (!templates.ok) throw new Error(templates.problems.join());
  return new TopicLayout(templates.templates);
}

describe('the slow subscribers', () => {
  it('are named with what waits and since when, those with the most first', () => {
    const thread = new FakeThread();
    const sockets = [1100, 1300, 1200].map((queued, n) => {
      const socket = thread.subscriber([0], { vip: n === 1 });
      thread.lag(socket, queued);
      thread.clock.advance(100.6);
      return socket;
    });
    const [a, b, c] = sockets.map(({ session }) => session.id);
    const { sendQueues } = thread.edge.deliverer;
    expect(sendQueues.slow()).toEqual([
      { subscriber: b, queuedBytes: 1300, laggingMs: 201, vip: true },
      { subscriber: c, queuedBytes: 1200, laggingMs: 101, vip: false },
      { subscriber: a, queuedBytes: 1100, laggingMs: 302, vip: false },
    ]);
    for (let n = 0; n < 60; n++) thread.lag(thread.subscriber(), 1001);
    expect(sendQueues.slow()).toHaveLength(50);
  });

  it('leave thousands of devices a few hundred at a time, and first of all those of which something comes', () => {
    const count = 3 * LEFT_DEVICES_MAX;
    const [third, last] = [count - 3, count - 1];
    const thread = new FakeThread({ devices: count });
    const socket = thread.subscriber(Array.from({ length: count }, (_, device) => device));
    const left = (): number => socket.session.someDevices(count, (shard) => shard === SLOW).length;
    thread.lag(socket);
    expect([left(), thread.count('laggingSubscribers')]).toEqual([LEFT_DEVICES_MAX, 1]);
    for (let n = 0; n < 2; n++) thread.event(last);
    thread.overload(third, 2);
    thread.edge.poll();
    expect([left(), socket.news()]).toEqual([2 * LEFT_DEVICES_MAX + 2, `gap d${third}:1-2 overload`]);
    thread.poll();
    expect(left()).toBe(count);
    thread.events(0, 'normal');
    expect(socket.news()).toBe('');
    socket.drainTo(0);
    thread.poll();
    expect([left(), thread.count('laggingSubscribers')]).toEqual([0, 0]);
    expect(socket.news()).toBe(`d0:1 gap d${last}:1-1 slow d${last}:2`);
  });

  it('leave no more devices once they have drained', () => {
    const count = 2 * LEFT_DEVICES_MAX;
    const thread = new FakeThread({ devices: count });
    const socket = thread.subscriber(Array.from({ length: count }, (_, device) => device));
    thread.lag(socket);
    socket.drainTo(0);
    thread.poll();
    expect(socket.session.someDevices(1, (shard) => shard === SLOW)).toEqual([]);
    thread.events(count - 1, 'normal');
    expect([socket.news(), thread.count('laggingSubscribers')]).toEqual([`d${count - 1}:1`, 0]);
  });

  it('are counted once each, until they recover or go', () => {
    const thread = new FakeThread();
    const [back, gone] = [thread.subscriber([0]), thread.subscriber()];
    for (let n = 0; n < 2; n++) for (const socket of [back, gone]) thread.lag(socket);
    expect(thread.count('laggingSubscribers')).toBe(2);
    back.drainTo(0);
    expect(thread.count('laggingSubscribers')).toBe(1);
    thread.end(gone);
    expect(thread.count('laggingSubscribers')).toBe(0);
    thread.tick();
    expect(thread.count('laggingSubscribers')).toBe(0);
  });

  it('may come to follow more, and miss that too', () => {
    const thread = new FakeThread();
    const slow = thread.subscriber([0]);
    thread.lag(slow);
    thread.attach(slow, 1);
    thread.poll();
    thread.lag(slow); // looked at again: what it follows as a slow one stays so
    for (const device of [0, 1]) thread.events(device, 'normal', 'normal');
    expect([slow.news(), slow.topics.size]).toEqual(['', 0]);
    slow.drainTo(0);
    expect(slow.news()).toBe('gap d0:1-1 slow d0:2 gap d1:1-1 slow d1:2');
    expect(slow.topics.size).toBe(2);
  });
});

describe('the events kept for slow subscribers', () => {
  it('are one of a device, in whatever encodings it is needed, and are given up with the last who needs them', () => {
    const bench = new Bench();
    const { slow, topic } = bench;
    const [one, other, binary] = [bench.start(), bench.start(), bench.start(Encoding.binary)];
    const { length } = eventRecord().u8;
    expect(slow.keptBytes).toBe(0);
    bench.round(1, 2);
    expect(slow.keptBytes).toBe(length);
    slow.leave(binary.session, topic);
    bench.round(3);
    expect(slow.recover(one.session, 10)).toBe(1);
    expect([slow.keptBytes, topic.slow !== undefined]).toEqual([length, true]);
    slow.leave(other.session, topic);
    expect([slow.keptBytes, topic.slow]).toEqual([0, undefined]);
  });

  it('count as dropped where they are left', () => {
    const bench = new Bench();
    const [missing, waiting] = [bench.start(), bench.start()];
    bench.slow.leave(missing.session, bench.topic);
    expect(bench.count('droppedLagging')).toBe(0);
    bench.round(1, 2);
    expect(bench.count('droppedLagging')).toBe(1);
    bench.slow.leave(waiting.session, bench.topic);
    expect(bench.count('droppedLagging')).toBe(2);
  });

  it('are of those that were kept when the round ended, and of nobody where all have gone in it', () => {
    const bench = new Bench();
    const { session } = bench.start();
    bench.round(1);
    bench.event(2, Priority.normal, '"longer than the one before"');
    bench.slow.leave(session, bench.topic);
    bench.slow.endRound();
    expect([bench.slow.keptBytes, bench.count('droppedLagging')]).toEqual([0, 1]); // that of the first round
  });

  it('are those, too, that waited for their turn, for whom they wait', () => {
    const bench = new Bench();
    const { slow, topic } = bench;
    const [message, other] = [waited(EventType.message, 8), waited(EventType.message, 32)];
    const pong = waited(EventType.pong, 16);
    const bytes = (...all: readonly Waiting[]): number =>
      all.reduce((sum, { views }) => sum + views.u8.length, 0);
    const first = bench.join([message, pong]);
    expect(slow.keptBytes).toBe(bytes(message, pong));
    const second = bench.join([other]);
    expect(slow.keptBytes).toBe(bytes(message, pong, other));
    bench.event(9, Priority.high);
    expect([first.news(), second.news(), slow.keptBytes]).toEqual(['d7:9', 'd7:9', bytes(pong)]);
    expect([bench.count('deliveries'), bench.count('conflated')]).toEqual([2, 2]);
    slow.leave(second.session, topic);
    expect(slow.keptBytes).toBe(bytes(pong));
    slow.leave(first.session, topic);
    expect(slow.keptBytes).toBe(0);
  });
});

/** An event that waited for its turn, with so many more bytes than it must have. */
function waited(type: number, more = 0): Waiting {
  return { views: eventRecord({ type, seq: 1, payload: '1'.repeat(more) }), replaced: 0 };
}

describe('a slow client of MQTT', () => {
  it('gets nothing of events that have no topic', () => {
    const bench = new Bench(layoutOf('{device}=status'));
    const { session, frames } = bench.start(Encoding.mqtt5);
    bench.event(1, Priority.high);
    bench.round(2);
    bench.slow.recover(session, 10);
    expect([frames, bench.count('deliveries'), session.shardOf(DEVICE)]).toEqual([[], 0, 0]);
  });
});

describe('a subscriber that is closed with the rounds under way', () => {
  it('does not become slow', () => {
    const bench = new Bench();
    const { session } = bench.peer();
    Object.assign(session, { every: 1000 });
    bench.finish = () => session.close(closes.slow);
    bench.slow.start(session, 1000);
    expect([bench.log, bench.slow.size, bench.count('laggingSubscribers')]).toEqual([['finish'], 0, 0]);
  });

  it('does not recover', () => {
    const bench = new Bench();
    const peer = bench.start();
    bench.round(1);
    bench.slow.vipChanged(peer.session);
    bench.finish = () => peer.session.close(closes.slow);
    expect([bench.slow.recover(peer.session, 10), peer.news()]).toEqual([0, '']);
    expect(bench.slow.has(peer.session)).toBe(true); // until it has gone
  });
});

describe('a queue that recovers', () => {
  const peerOf = (bench: Bench): Peer => {
    const peer = bench.peer();
    for (const topic of [bench.topic, bench.device(8)])
      peer.session.addDevice(topic === bench.topic ? DEVICE : 8, topic.add(peer.session));
    bench.slow.start(peer.session, 1000);
    return peer;
  };

  /** Devices done where the first one's event takes so many bytes. */
  function doneWith(bytes: number, queued: number): number {
    const shortest = new Bench();
    const one = peerOf(shortest);
    shortest.round(1);
    const sent = vi.spyOn(one.session, 'sendEvent');
    shortest.slow.recover(one.session, 10);
    const bench = new Bench();
    const peer = peerOf(bench);
    bench.round(1);
    bench.event(2, Priority.normal, `"${'x'.repeat(bytes - sent.mock.calls[0]![0].length)}"`);
    bench.slow.endRound();
    // What it is told of the one that it has missed for good takes room, too.
    const gap = peer.session.codec.gap({ device: 'd7', from: 1, to: 1, reason: 'slow' })!.length;
    peer.queued = queued - gap;
    return bench.slow.recover(peer.session, 10);
  }

  it('is filled up to a half of its limit, as far as whole devices go', () => {
    const half = QUEUE_BYTES / 2;
    expect([doneWith(half - 100, 100), doneWith(half - 101, 100)]).toEqual([1, 2]);
    expect([doneWith(half - 200, 200), doneWith(half - 201, 200)]).toEqual([1, 2]);
  });
});

describe('a slow subscriber', () => {
  it('is in no topic of the transport, and knows since when', () => {
    const bench = new Bench();
    const { session } = bench.start();
    expect([session.shardOf(DEVICE), session.devices]).toEqual([SLOW, [DEVICE]]);
    expect([bench.topic.audience?.total, bench.topic.isEmpty]).toEqual([0, false]);
    expect([bench.slow.has(session), bench.slow.sinceMs(session), bench.slow.size]).toEqual([true, 1000, 1]);
    bench.slow.start(session, 2000);
    expect([bench.slow.sinceMs(session), bench.count('laggingSubscribers')]).toEqual([1000, 1]);
    expect(bench.slow.sinceMs(new Peer(9).session)).toBe(Number.POSITIVE_INFINITY);
    expect([...bench.slow.sessions]).toEqual([session]);
  });

  it('gets high events at once, in its encoding, until its queue is over the limit', () => {
    const bench = new Bench();
    const [json, binary] = [bench.start(), bench.start(Encoding.binary)];
    bench.event(1, Priority.high);
    bench.slow.endRound();
    expect([json.news(), binary.news(), bench.count('deliveries')]).toEqual(['d7:1', 'd7:1', 2]);
    json.queued = QUEUE_BYTES_MAX;
    bench.event(2, Priority.high);
    json.queued += 1;
    bench.event(3, Priority.high);
    expect([json.news(), binary.news(), bench.count('deliveries')]).toEqual(['d7:2', 'd7:2 d7:3', 5]);
    expect([bench.count('droppedSlow'), bench.count('closedOverQueue')]).toEqual([1, 1]);
    expect(json.session.closing).toBe(true);
    bench.event(4, Priority.high);
    expect([bench.count('droppedSlow'), bench.count('closedOverQueue')]).toEqual([2, 1]);
  });

  it('has what it misses noted apart from others, by how it was sent to', () => {
    const bench = new Bench();
    const { topic, slow } = bench;
    const [vip, other] = [bench.peer(), bench.peer()];
    vip.session.vip = true;
    for (const { session } of [vip, other]) {
      session.addDevice(DEVICE, topic.add(session));
      slow.start(session, 1000);
    }
    expect([topic.slowVips?.has(vip.session), topic.slow?.has(other.session)]).toEqual([true, true]);
    expect([topic.slowVips?.size, topic.slow?.size]).toEqual([1, 1]);
    slow.leave(vip.session, topic);
    expect([topic.slowVips, topic.slow?.size]).toEqual([undefined, 1]);
  });

  it('is told what it missed, gets the newest of it, and is back in its topic', () => {
    const bench = new Bench();
    const peer = bench.start();
    bench.round(1, 2);
    bench.round(3);
    expect(bench.slow.recover(peer.session, 10)).toBe(1);
    expect(peer.news()).toBe('gap d7:1-2 slow d7:3');
    expect([peer.loose, bench.count('deliveries')]).toEqual([0, 1]);
    expect([peer.session.shardOf(DEVICE), bench.topic.audience?.total]).toEqual([0, 1]);
    expect([bench.slow.has(peer.session), bench.count('laggingSubscribers'), bench.log]).toEqual([
      false,
      0,
      [],
    ]);
  });

  it('is past the rounds under way first where it has become a vip, or is none any more', () => {
    const bench = new Bench();
    const peer = bench.start();
    bench.slow.vipChanged(new Peer(9).session);
    bench.slow.vipChanged(peer.session);
    bench.slow.recover(peer.session, 10);
    expect(bench.log).toEqual(['finish']);
  });

  it('is not through while devices are left', () => {
    const bench = new Bench();
    const peer = bench.start();
    expect(bench.slow.recover(peer.session, 0)).toBe(0);
    expect(bench.slow.has(peer.session)).toBe(true);
    peer.queued = QUEUE_BYTES; // the first device comes however little room there is
    expect([bench.slow.recover(peer.session, 1), bench.slow.has(peer.session)]).toEqual([1, false]);
  });

  it('has the types that it wants when it is back', () => {
    const thread = new FakeThread();
    const socket = thread.subscriber();
    const types = typeBit(EventType.message, false);
    thread.link.attach(socket.session.number, 0, 'd0', 0, types);
    thread.link.flush();
    thread.poll();
    thread.lag(socket);
    socket.drainTo(0);
    expect(socket.session.typesOf(0)).toBe(types);
  });

  it('is closed once', () => {
    const bench = new Bench();
    const { session } = bench.start();
    for (let n = 0; n < 2; n++) bench.slow.close(session, Counter.closedLagging);
    expect([bench.count('closedLagging'), session.closing]).toEqual([1, true]);
  });

  it('is closed when it would have to be told of too many gaps', () => {
    const bench = new Bench();
    const { session } = bench.start();
    for (let run = 1; run <= MISSED_RUNS_MAX; run++) bench.round(2 * run);
    expect(bench.count('closedLagging')).toBe(0);
    bench.round(2 * MISSED_RUNS_MAX + 2);
    expect([bench.count('closedLagging'), session.closing]).toEqual([1, true]);
  });
});
